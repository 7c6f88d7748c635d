import type { StoredCheckpoint } from '@loom/control-store';

/** A checkpoint on its way to somebody who keeps it. */
export interface AnchoredCheckpoint extends Pick<StoredCheckpoint, 'size' | 'note'> {
  readonly projectId: string;
  readonly origin: string;
  /** The size that was brought last, as far as is known; 0 for none. */
  readonly lastSize: number;
}

/** Somebody who is shown each checkpoint. */
export interface Anchor {
  readonly name: string;
  /** Resolves when it has it. Throws `unavailable` when it cannot be reached at all. May be called twice with the same one. */
  bring(checkpoint: AnchoredCheckpoint, signal: AbortSignal): Promise<void>;
}
