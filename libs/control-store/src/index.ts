export {
  type ControlStore,
  listMax,
  type Organization,
  type OrganizationScope,
  type ProjectUpdate,
  type RecordKey,
} from './control-store.ts';
export { openControlStore } from './open.ts';
