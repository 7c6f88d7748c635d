import { type LedgerCheck, type LedgerCheckJob, routes } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { readScope } from '@loom/trace-store';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { CheckQueue } from './check/check-queue.ts';

const { checkLedger, startLedgerCheck, getLedgerCheck, cancelLedgerCheck } = routes;

@Controller('v1/ledger')
export class LedgerChecksController {
  readonly #checks: CheckQueue;

  constructor(@Inject(CheckQueue) checks: CheckQueue) {
    this.#checks = checks;
  }

  /** Ends when the caller leaves. */
  @Get('check')
  @RequirePermission(checkLedger)
  async checkLedger(
    @Caller() { organizationId, projectId, permissions }: Principal,
    @Query({ schema: checkLedger.query }) { deep }: z.output<typeof checkLedger.query>,
  ): Promise<LedgerCheck> {
    if (deep && !permissions.includes('record:check')) {
      const message =
        'a deep check needs the permission record:check; check without `deep`, or use a key that manages';
      throw new LoomError('permission_denied', message, { param: 'deep' });
    }
    const signal = readScope()?.signal ?? new AbortController().signal;
    return this.#checks.run({ organizationId, projectId, deep }, signal);
  }

  @Post('checks')
  @HttpCode(200)
  @RequirePermission(startLedgerCheck)
  startLedgerCheck(
    @Caller() { organizationId, projectId }: Principal,
    @Body({ schema: startLedgerCheck.body }) { deep }: z.output<typeof startLedgerCheck.body>,
  ): Promise<LedgerCheckJob> {
    return this.#checks.start({ organizationId, projectId, deep });
  }

  @Get('checks/:id')
  @RequirePermission(getLedgerCheck)
  getLedgerCheck(
    @Caller() { projectId }: Principal,
    @Param({ schema: getLedgerCheck.params }) { id }: z.output<typeof getLedgerCheck.params>,
  ): LedgerCheckJob {
    return this.#checks.read(projectId, id);
  }

  @Delete('checks/:id')
  @RequirePermission(cancelLedgerCheck)
  cancelLedgerCheck(
    @Caller() { projectId }: Principal,
    @Param({ schema: cancelLedgerCheck.params }) { id }: z.output<typeof cancelLedgerCheck.params>,
  ): LedgerCheckJob {
    return this.#checks.cancel(projectId, id);
  }
}
