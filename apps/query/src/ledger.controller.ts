import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { routes } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { millisOfNanos, systemProjectId } from '@loom/trace-schema';
import { Controller, Get, Inject, Param, Query, StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import { BundleExport } from './bundle-export.ts';
import { toClosedRange } from './instants.ts';
import { LedgerQueries } from './ledger-queries.ts';
import { RecordCheck } from './check/record-check.ts';

const { listLedgerLeaves, getReceipt, getCheckpoint, checkLedger, exportBundle } = routes;

@Controller('v1/ledger')
export class LedgerController {
  readonly #queries: LedgerQueries;
  readonly #bundles: BundleExport;
  readonly #check: RecordCheck;

  constructor(
    @Inject(LedgerQueries) queries: LedgerQueries,
    @Inject(BundleExport) bundles: BundleExport,
    @Inject(RecordCheck) check: RecordCheck,
  ) {
    this.#queries = queries;
    this.#bundles = bundles;
    this.#check = check;
  }

  @Get()
  @RequirePermission(routes.getLedger)
  getLedger(@Caller() { projectId }: Principal): ReturnType<LedgerQueries['readLedger']> {
    return this.#queries.readLedger(projectId);
  }

  @Get('leaves')
  @RequirePermission(listLedgerLeaves)
  listLeaves(
    @Caller() { projectId, permissions }: Principal,
    @Query({ schema: listLedgerLeaves.query }) query: z.output<typeof listLedgerLeaves.query>,
  ): ReturnType<LedgerQueries['listLeaves']> {
    const kinds = query.kinds.split(',').map((kind) => kind.trim());
    if (kinds.includes('control.changed') && !permissions.includes('audit:read')) {
      const message = 'leaves of the kind control.changed need the permission audit:read';
      throw new LoomError('permission_denied', message, { param: 'kinds' });
    }
    return this.#queries.listLeaves(projectId, kinds, query.limit);
  }

  @Get('receipts/:id')
  @RequirePermission(getReceipt)
  getReceipt(
    @Caller() { projectId }: Principal,
    @Param({ schema: getReceipt.params }) { id }: z.output<typeof getReceipt.params>,
  ): ReturnType<LedgerQueries['readReceipt']> {
    return this.#queries.readReceipt(projectId, id);
  }

  @Get('check')
  @RequirePermission(checkLedger)
  checkLedger(
    @Caller() { projectId }: Principal,
    @Query({ schema: checkLedger.query }) query: z.output<typeof checkLedger.query>,
  ): ReturnType<RecordCheck['run']> {
    return this.#check.run(projectId, query);
  }

  @Get('checkpoint')
  @RequirePermission(getCheckpoint)
  async getCheckpoint(
    @Caller() { projectId }: Principal,
    @Query({ schema: getCheckpoint.query }) { log }: z.output<typeof getCheckpoint.query>,
  ): Promise<StreamableFile> {
    const note = await this.#queries.readCheckpoint(log === 'system' ? systemProjectId : projectId);
    return new StreamableFile(Buffer.from(note), { type: 'text/plain; charset=utf-8' });
  }

  /** A failure on the way breaks the connection: what came by then is no bundle. */
  @Get('bundle')
  @RequirePermission(exportBundle)
  async exportBundle(
    @Caller() { projectId }: Principal,
    @Query({ schema: exportBundle.query }) query: z.output<typeof exportBundle.query>,
  ): Promise<StreamableFile> {
    const { from, to } = toClosedRange(query, 0, Date.now());
    const range = { projectId, fromMs: millisOfNanos(from), toMs: millisOfNanos(to) };
    const write = await this.#bundles.prepare(range);
    const body = new PassThrough();
    write({ write: (bytes) => writeTo(body, bytes) }).then(
      () => body.end(),
      (error: unknown) => body.destroy(error as Error),
    );
    return new StreamableFile(body, {
      type: 'application/x-tar',
      disposition: 'attachment; filename="bundle.loom"',
    });
  }
}

async function writeTo(body: PassThrough, bytes: Uint8Array): Promise<void> {
  if (body.destroyed) throw new LoomError('unavailable', 'the reader of the bundle has gone');
  if (!body.write(bytes)) await once(body, 'drain', { signal: AbortSignal.timeout(drainMsMax) });
}

/** A reader that takes nothing for so long is gone. */
const drainMsMax = 60_000;
