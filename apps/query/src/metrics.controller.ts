import { routes } from '@loom/api-contract';
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { MetricsQueries } from './metrics-queries.ts';
import type { QueryOf } from './query-input.ts';

const {
  getMetricsSeries,
  getMetricsSummary,
  getMetricsOverview,
  getMatches,
  getFacets,
  listSessions,
  listUsers,
  getFreshness,
} = routes;

@Controller()
export class MetricsController {
  readonly #queries: MetricsQueries;

  constructor(@Inject(MetricsQueries) queries: MetricsQueries) {
    this.#queries = queries;
  }

  @Get('v1/metrics/series')
  @RequirePermission(getMetricsSeries)
  getMetricsSeries(
    @Caller() caller: Principal,
    @Query({ schema: getMetricsSeries.query }) query: QueryOf<'getMetricsSeries'>,
  ): ReturnType<MetricsQueries['readSeries']> {
    return this.#queries.readSeries(caller, query);
  }

  @Get('v1/metrics/summary')
  @RequirePermission(getMetricsSummary)
  getMetricsSummary(
    @Caller() caller: Principal,
    @Query({ schema: getMetricsSummary.query }) query: QueryOf<'getMetricsSummary'>,
  ): ReturnType<MetricsQueries['readSummary']> {
    return this.#queries.readSummary(caller, query);
  }

  @Get('v1/metrics/overview')
  @RequirePermission(getMetricsOverview)
  getMetricsOverview(
    @Caller() caller: Principal,
    @Query({ schema: getMetricsOverview.query }) query: QueryOf<'getMetricsOverview'>,
  ): ReturnType<MetricsQueries['readOverview']> {
    return this.#queries.readOverview(caller, query);
  }

  @Get('v1/metrics/matches')
  @RequirePermission(getMatches)
  getMatches(
    @Caller() caller: Principal,
    @Query({ schema: getMatches.query }) query: QueryOf<'getMatches'>,
  ): ReturnType<MetricsQueries['readMatches']> {
    return this.#queries.readMatches(caller, query);
  }

  @Get('v1/facets')
  @RequirePermission(getFacets)
  getFacets(
    @Caller() caller: Principal,
    @Query({ schema: getFacets.query }) query: QueryOf<'getFacets'>,
  ): ReturnType<MetricsQueries['readFacets']> {
    return this.#queries.readFacets(caller, query);
  }

  @Get('v1/sessions')
  @RequirePermission(listSessions)
  listSessions(
    @Caller() caller: Principal,
    @Query({ schema: listSessions.query }) query: QueryOf<'listSessions'>,
  ): ReturnType<MetricsQueries['listSessions']> {
    return this.#queries.listSessions(caller, query);
  }

  @Get('v1/users')
  @RequirePermission(listUsers)
  listUsers(
    @Caller() caller: Principal,
    @Query({ schema: listUsers.query }) query: QueryOf<'listUsers'>,
  ): ReturnType<MetricsQueries['listUsers']> {
    return this.#queries.listUsers(caller, query);
  }

  @Get('v1/freshness')
  @RequirePermission(getFreshness)
  getFreshness(): ReturnType<MetricsQueries['readFreshness']> {
    return this.#queries.readFreshness();
  }
}
