/** Something that the load is put on. */
export interface Target {
  readonly name: 'direct' | 'nginx' | 'bare' | 'loom';
  readonly url: string;
  readonly authorization: string | null;
  /** The process whose time is counted; children count too. Null for the upstream itself. */
  readonly pid: number | null;
  stop(): Promise<void>;
}
