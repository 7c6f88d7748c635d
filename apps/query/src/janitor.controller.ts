import { routes } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import type { ErasedRows } from '@loom/trace-store';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import type { z } from 'zod';
import { JanitorPreview } from './janitor-preview.ts';

const { previewErasure, previewRetention } = routes;

/** Dry runs: what erasure and retention would take out. */
@Controller('v1')
export class JanitorController {
  readonly #preview: JanitorPreview;

  constructor(@Inject(JanitorPreview) preview: JanitorPreview) {
    this.#preview = preview;
  }

  @Get('erasure-preview')
  @RequirePermission(previewErasure)
  previewErasure(
    @Caller() { projectId: own, projectIds }: Principal,
    @Query({ schema: previewErasure.query }) query: z.output<typeof previewErasure.query>,
  ): Promise<ErasedRows> {
    const { userId, projectId = own } = query;
    if (!projectIds.includes(projectId)) {
      const message = 'the record of this project is not for this caller; use a key of the project';
      throw new LoomError('permission_denied', message, { param: 'projectId' });
    }
    return this.#preview.erasure(projectId, userId);
  }

  @Get('retention-preview')
  @RequirePermission(previewRetention)
  previewRetention(
    @Caller() { projectId }: Principal,
    @Query({ schema: previewRetention.query }) days: z.output<typeof previewRetention.query>,
  ): Promise<ErasedRows> {
    return this.#preview.retention(projectId, days);
  }
}
