import { routes } from '@loom/api-contract';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { systemProjectId } from '@loom/trace-schema';
import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import type { z } from 'zod';
import { LedgerQueries } from './ledger-queries.ts';

const { listLedgerLeaves, getReceipt, getCheckpoint } = routes;

@Controller('v1/ledger')
export class LedgerController {
  readonly #queries: LedgerQueries;

  constructor(@Inject(LedgerQueries) queries: LedgerQueries) {
    this.#queries = queries;
  }

  @Get()
  @RequirePermission(routes.getLedger.permission)
  getLedger(@Caller() { projectId }: Principal): ReturnType<LedgerQueries['readLedger']> {
    return this.#queries.readLedger(projectId);
  }

  @Get('leaves')
  @RequirePermission(listLedgerLeaves.permission)
  listLeaves(
    @Caller() { projectId }: Principal,
    @Query({ schema: listLedgerLeaves.query }) { kinds, limit }: z.output<typeof listLedgerLeaves.query>,
  ): ReturnType<LedgerQueries['listLeaves']> {
    return this.#queries.listLeaves(projectId, kinds, limit);
  }

  @Get('receipts/:id')
  @RequirePermission(getReceipt.permission)
  getReceipt(
    @Caller() { projectId }: Principal,
    @Param({ schema: getReceipt.params }) { id }: z.output<typeof getReceipt.params>,
  ): ReturnType<LedgerQueries['readReceipt']> {
    return this.#queries.readReceipt(projectId, id);
  }

  @Get('checkpoint')
  @RequirePermission(getCheckpoint.permission)
  @Header('content-type', 'text/plain; charset=utf-8')
  getCheckpoint(
    @Caller() { projectId }: Principal,
    @Query({ schema: getCheckpoint.query }) { log }: z.output<typeof getCheckpoint.query>,
  ): Promise<string> {
    return this.#queries.readCheckpoint(log === 'system' ? systemProjectId : projectId);
  }
}
