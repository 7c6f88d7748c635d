export { ControlSnapshot, type ControlSnapshotFile } from './control-snapshot.ts';
export { resolveModel, type Target } from './resolve-model.ts';
