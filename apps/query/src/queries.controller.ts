import { openApiDocument, routes } from '@loom/api-contract';
import { Controller, Get, Header, Inject, Param, Query, StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { TraceQueries } from './trace-queries.ts';

type Input<Schema extends z.ZodType> = z.output<Schema>;
const { listTraces, getTrace, getTraceOutline, getSpanRaw, listCallsInFlight } = routes;
const openApi = openApiDocument();

@Controller()
export class QueriesController {
  readonly #queries: TraceQueries;

  constructor(@Inject(TraceQueries) queries: TraceQueries) {
    this.#queries = queries;
  }

  @Get('v1/traces')
  @RequirePermission(routes.listTraces)
  listTraces(
    @Caller() { projectId }: Principal,
    @Query({ schema: listTraces.query }) query: Input<typeof listTraces.query>,
  ): ReturnType<TraceQueries['listTraces']> {
    return this.#queries.listTraces(projectId, query);
  }

  @Get('v1/traces/:traceId')
  @RequirePermission(routes.getTrace)
  getTrace(
    @Caller() { projectId }: Principal,
    @Param({ schema: getTrace.params }) { traceId }: Input<typeof getTrace.params>,
    @Query({ schema: getTrace.query }) query: Input<typeof getTrace.query>,
  ): ReturnType<TraceQueries['readTrace']> {
    return this.#queries.readTrace(projectId, traceId, query);
  }

  @Get('v1/traces/:traceId/outline')
  @RequirePermission(getTraceOutline)
  getTraceOutline(
    @Caller() { projectId }: Principal,
    @Param({ schema: getTraceOutline.params }) { traceId }: Input<typeof getTraceOutline.params>,
  ): ReturnType<TraceQueries['readOutline']> {
    return this.#queries.readOutline(projectId, traceId);
  }

  @Get('v1/spans/:spanId')
  @RequirePermission(routes.getSpan)
  getSpan(
    @Caller() { projectId }: Principal,
    @Param({ schema: routes.getSpan.params }) { spanId }: Input<typeof routes.getSpan.params>,
    @Query({ schema: routes.getSpan.query }) query: Input<typeof routes.getSpan.query>,
  ): ReturnType<TraceQueries['readSpan']> {
    return this.#queries.readSpan(projectId, spanId, query);
  }

  @Get('v1/spans/:spanId/chunks')
  @RequirePermission(routes.getSpanChunks)
  getSpanChunks(
    @Caller() { projectId }: Principal,
    @Param({ schema: routes.getSpanChunks.params }) { spanId }: Input<typeof routes.getSpanChunks.params>,
  ): ReturnType<TraceQueries['readChunks']> {
    return this.#queries.readChunks(projectId, spanId);
  }

  /** Recorded content is the caller's, not ours: it is given out as a download, never to be rendered. */
  @Get('v1/spans/:spanId/raw')
  @RequirePermission(getSpanRaw)
  @Header('x-content-type-options', 'nosniff')
  async getSpanRaw(
    @Caller() { projectId }: Principal,
    @Param({ schema: getSpanRaw.params }) { spanId }: Input<typeof getSpanRaw.params>,
    @Query({ schema: getSpanRaw.query }) { part }: Input<typeof getSpanRaw.query>,
  ): Promise<StreamableFile> {
    const bytes = await this.#queries.readRaw(projectId, spanId, part);
    return new StreamableFile(bytes, { type: 'application/octet-stream', disposition: 'attachment' });
  }

  @Get('v1/calls/in-flight')
  @RequirePermission(routes.listCallsInFlight)
  listCallsInFlight(
    @Caller() { projectId }: Principal,
    @Query({ schema: listCallsInFlight.query }) query: Input<typeof listCallsInFlight.query>,
  ): ReturnType<TraceQueries['listCallsInFlight']> {
    return this.#queries.listCallsInFlight(projectId, query);
  }

  @Get('openapi.json')
  @RequirePermission(routes.getOpenApi)
  getOpenApi(): Record<string, unknown> {
    return openApi;
  }
}
