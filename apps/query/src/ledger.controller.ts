import { routes } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { millisOfNanos, systemProjectId } from '@loom/trace-schema';
import { Controller, Get, Inject, Param, Query, StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import { BundleExport } from './bundle-export.ts';
import { ExportStreams } from './export-streams.ts';
import { toClosedRange } from './instants.ts';
import { LedgerQueries } from './ledger-queries.ts';

const { listLedgerLeaves, getReceipt, getCheckpoint, exportBundle } = routes;

@Controller('v1/ledger')
export class LedgerController {
  readonly #queries: LedgerQueries;
  readonly #bundles: BundleExport;
  readonly #exports: ExportStreams;

  constructor(
    @Inject(LedgerQueries) queries: LedgerQueries,
    @Inject(BundleExport) bundles: BundleExport,
    @Inject(ExportStreams) exports: ExportStreams,
  ) {
    this.#queries = queries;
    this.#bundles = bundles;
    this.#exports = exports;
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
    const { filter } = query;
    const range = { projectId, fromMs: millisOfNanos(from), toMs: millisOfNanos(to), filter };
    const body = await this.#exports.open(() => this.#bundles.prepare(range));
    return new StreamableFile(body, {
      type: 'application/x-tar',
      disposition: 'attachment; filename="bundle.loom"',
    });
  }
}
