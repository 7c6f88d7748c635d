export {
  type ActionNote,
  type ApiKeyUpdate,
  type ControlStore,
  type ControlStoreOptions,
  type Founding,
  listMax,
  type Organization,
  type OrganizationScope,
  type ProjectUpdate,
  type RecordKey,
} from './control-store.ts';
export type {
  Actor,
  AuditQuery,
  AuditRecord,
  IdentityStore,
  InvitationRecord,
  MemberRecord,
  MemberRole,
  MembershipRecord,
  NewPerson,
  SavedViewRecord,
  SessionRecord,
} from './identity-store.ts';
export { openControlStore } from './open.ts';
