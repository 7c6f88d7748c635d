import {
  envBoolean,
  envDurationMs,
  envInteger,
  type Environment,
  envPort,
  envSecret,
  envUrl,
  loadConfig,
} from '@loom/config';
import { z } from 'zod';
import { anchorSettings } from './anchor/anchor-settings.ts';

/** What the ledger needs wherever it runs; on one machine it is a part of the backend. */
export const ledgerSettings = z.object({
  LOOM_LEDGER_SIGNER_URL: envUrl.describe(
    'Who holds the signing keys: file:<path> (one Go note key a line), note-key:<key>[,<key>], vault+https://<token>@host:8200/<mount>/<key>?name=<name>',
  ),
  LOOM_CONTENT_KEYS: envSecret
    .optional()
    .describe(
      'Keys of the content of the record, as LOOM_MASTER_KEYS; default: those. Query then needs no master key',
    ),
  LOOM_LEDGER_DIRECTORY: z
    .string()
    .optional()
    .describe('Directory of synced files: every published checkpoint, and the journal'),
  LOOM_LEDGER_JOURNAL: envBoolean
    .default(false)
    .describe('Keep a synced journal of what is appended: for a control store that does not sync'),
  LOOM_LEDGER_RECOVER: envBoolean
    .default(false)
    .describe('Bring a control store that is behind the journal forward, once, after a power cut'),
  LOOM_LEDGER_SEAL_INTERVAL: envDurationMs
    .refine((ms) => ms <= 30_000, 'expected at most 30s: receipts promise a minute in all')
    .default(5_000)
    .describe('A log that has grown is signed after at most this long'),
  LOOM_LEDGER_SEAL_LEAVES: envInteger(1, 1_000_000)
    .default(4096)
    .describe('… or when it has grown by so many leaves'),
  LOOM_LEDGER_GAP_AFTER: envDurationMs
    .default(300_000)
    .describe('A missing event is told of after this long'),
  LOOM_LEDGER_ORPHAN_AFTER: envDurationMs
    .default(1_800_000)
    .describe('A call without its end is told of after this long'),
  LOOM_LEDGER_ERASURE_INTERVAL: envDurationMs
    .default(5_000)
    .describe('How often erasures and retention are looked after'),
  LOOM_LEDGER_ERASURE_DEADLINE: envDurationMs
    .default(26 * 3_600_000)
    .describe(
      "An erasure is complete so long after its rows are gone, at the earliest: the stream's retention, the hour after which a segment is closed, and an hour",
    ),
  ...anchorSettings,
});
export type LedgerSettings = z.infer<typeof ledgerSettings>;

/** Every knob of the ledger as a process of its own. */
export const ledgerConfigSchema = z.object({
  LOOM_LEDGER_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address that health, metrics and signing for query are served on'),
  LOOM_LEDGER_PORT: envPort.default(4103).describe('Port; 0 means any free one'),
  LOOM_EVENT_STREAM_URL: envUrl.describe('The event stream: kafka://…'),
  LOOM_CONTROL_STORE_URL: envUrl.describe('The control store: postgres://user:password@host/database'),
  LOOM_TRACE_STORE_URL: envUrl.describe('The trace store, for erasure and retention'),
  LOOM_MASTER_KEYS: envSecret.describe(
    'As control has them: they open who is to be erased, and seal bucket keys without LOOM_CONTENT_KEYS',
  ),
  LOOM_SESSION_SECRET: envSecret.describe('As control has it'),
  ...ledgerSettings.shape,
});
export type LedgerConfig = z.infer<typeof ledgerConfigSchema>;

export function readLedgerConfig(env: Environment): LedgerConfig {
  return loadConfig(ledgerConfigSchema, env);
}
