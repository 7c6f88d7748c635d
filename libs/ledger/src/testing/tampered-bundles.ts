import type { BundleReason } from '../bundle/bundle-refusal.ts';
import type { Attempt, TamperBench } from './bundle-members.ts';
import { tamperedArchives } from './tampered-archives.ts';
import { tamperedLeaves } from './tampered-leaves.ts';
import { tamperedProofs } from './tampered-proofs.ts';

/** A way to tamper with a bundle, and what it must be refused with; or why it is `incomplete`: `missing`, `period`, `gap`. */
export interface Tampering {
  readonly reason: BundleReason | 'missing' | 'period' | 'gap' | readonly BundleReason[];
  readonly tamper: (bench: TamperBench) => Uint8Array | Attempt | Promise<Uint8Array | Attempt>;
}

export const tamperings: Readonly<Record<string, Tampering>> = {
  ...tamperedArchives,
  ...tamperedLeaves,
  ...tamperedProofs,
};
