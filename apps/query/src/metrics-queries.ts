import type {
  Facets,
  Freshness,
  Matches,
  MetricsOverview,
  MetricsSeries,
  MetricsSummary,
  SessionList,
  UserList,
} from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import type { Principal } from '@loom/service-kit';
import {
  bucketStarts,
  facetAttributes,
  type FacetAttribute,
  metricsBucketsMax,
  type MetricsFigures,
  type MetricsGroup,
  type MetricsOverview as StoredOverview,
  type MetricsPoint,
  type TraceReader,
} from '@loom/trace-store';
import type { z } from 'zod';
import { parseFilter } from './filter-grammar.ts';
import { toClosedRange, toInstant } from './instants.ts';
import type { QueryOf } from './query-input.ts';
import { mergeSmallGroups } from './small-groups.ts';

/** Records that ingest and pricing have not taken in yet; null where that is not known. */
export type ReadLag = () => Promise<{ readonly ingest: number | null; readonly pricing: number | null }>;

export interface MetricsQueriesDeps {
  readonly store: TraceReader;
  readonly lag: ReadLag;
  readonly now?: () => number;
}

type Group = MetricsSummary['groups'][number];
type ClosedRange = ReturnType<typeof toClosedRange>;
type GroupBy = QueryOf<'getMetricsSummary'>['groupBy'];
type Reader = Pick<Principal, 'projectId' | 'projectIds'>;

const dayMs = 24 * 3_600_000;
const attributesMax = 12;

/** Sums over calls: of the caller's project, and by project of all that the caller may read. */
export class MetricsQueries {
  readonly #store: TraceReader;
  readonly #lag: ReadLag;
  readonly #now: () => number;

  constructor(deps: MetricsQueriesDeps) {
    this.#store = deps.store;
    this.#lag = deps.lag;
    this.#now = deps.now ?? Date.now;
  }

  async readSeries(reader: Reader, query: QueryOf<'getMetricsSeries'>): Promise<MetricsSeries> {
    const range = toClosedRange(query, dayMs, this.#now());
    const { bucketSeconds, timeZone } = query;
    checkBuckets(range, bucketSeconds);
    const points = await readGrouped(reader, query.groupBy, (projectId, groupBy) =>
      this.#store.metrics({ projectId, ...range, bucketSeconds, timeZone, groupBy }),
    );
    return {
      bucketSeconds,
      points: points
        .map(toPoint)
        .sort(
          (left, right) => compare(left.bucketStart, right.bucketStart) || compare(left.group, right.group),
        ),
    };
  }

  async readSummary(reader: Reader, query: QueryOf<'getMetricsSummary'>): Promise<MetricsSummary> {
    const range = toClosedRange(query, dayMs, this.#now());
    const { limit } = query;
    const groups = await readGrouped(reader, query.groupBy, (projectId, groupBy) =>
      this.#store.summary({ projectId, ...range, groupBy, limit }),
    );
    return {
      groups: groups.map(toFigures).sort(byRequests).slice(0, limit),
    };
  }

  /** What the page of an overview shows. The figures of the project are its own, also when the group is the project. */
  async readOverview(
    reader: Reader,
    query: QueryOf<'getMetricsOverview'>,
  ): Promise<z.infer<typeof MetricsOverview>> {
    const range = toClosedRange(query, dayMs, this.#now());
    const { bucketSeconds, timeZone, groupBy, groupsMax, limit } = query;
    checkBuckets(range, bucketSeconds);
    const { projectId } = reader;
    const read = (id: string, by: MetricsGroup) =>
      this.#store.overview({ projectId: id, ...range, bucketSeconds, timeZone, groupBy: by });
    const [{ total, groups, points, groupedPoints }, [before]] = await Promise.all([
      groupBy === 'project' ? overviewByProject(reader, (id) => read(id, 'none')) : read(projectId, groupBy),
      this.#store.summary({ projectId, ...rangeBefore(range), groupBy: 'none', limit: 1 }),
    ]);
    return {
      from: toInstant(range.from),
      to: toInstant(range.to),
      bucketSeconds,
      buckets: bucketsOf(range, { bucketSeconds, timeZone }),
      groupBy,
      total: total && toFigures(total),
      before: before ? toFigures(before) : null,
      groups: groups.map(toFigures).sort(byRequests).slice(0, limit),
      points: points.map(toPoint),
      groupedPoints: mergeSmallGroups(groupedPoints.map(toPoint), groupsMax),
    };
  }

  async readFacets({ projectId }: Reader, query: QueryOf<'getFacets'>): Promise<Facets> {
    const range = toClosedRange(query, 7 * dayMs, this.#now());
    const attributes = query.attributes.split(',').map((name) => toFacetAttribute(name.trim()));
    if (attributes.length > attributesMax) {
      throw new LoomError('invalid_request', `more than ${attributesMax} attributes`, {
        param: 'attributes',
      });
    }
    const filter = parseFilter(query.filter ?? '');
    return {
      facets: await this.#store.facets({ projectId, ...range, filter, attributes, limit: query.limit }),
    };
  }

  async readMatches({ projectId }: Reader, query: QueryOf<'getMatches'>): Promise<Matches> {
    const range = toClosedRange(query, dayMs, this.#now());
    const { bucketSeconds } = query;
    checkBuckets(range, bucketSeconds);
    const filter = parseFilter(query.filter ?? '');
    const { costUsd, buckets, ...sums } = await this.#store.readMatches({
      ...{ projectId, ...range, filter, bucketSeconds },
    });
    return {
      ...{ from: toInstant(range.from), to: toInstant(range.to), bucketSeconds },
      ...sums,
      totalUsd: costUsd,
      buckets: buckets.map((bucket) => ({ ...bucket, bucketStart: toInstant(bucket.bucketStart) })),
    };
  }

  async listSessions(
    { projectId }: Reader,
    query: QueryOf<'listSessions'>,
  ): Promise<z.infer<typeof SessionList>> {
    const { items, nextCursor } = await this.#store.listSessions(this.#activityQuery(projectId, query));
    const sessions = items.map(({ userId, costUsd, ...session }) => ({
      ...session,
      totalUsd: costUsd,
      ...seen(session),
      userId: userId === '' ? null : userId,
    }));
    return { sessions, nextCursor };
  }

  async listUsers({ projectId }: Reader, query: QueryOf<'listUsers'>): Promise<z.infer<typeof UserList>> {
    const { items, nextCursor } = await this.#store.listUsers(this.#activityQuery(projectId, query));
    const users = items.map(({ costUsd, ...user }) => ({ ...user, totalUsd: costUsd, ...seen(user) }));
    return { users, nextCursor };
  }

  async readFreshness(): Promise<z.infer<typeof Freshness>> {
    const { ingest, pricing } = await this.#lag();
    return { ingestLagRecords: ingest, pricingLagRecords: pricing };
  }

  #activityQuery(projectId: string, query: QueryOf<'listSessions'>) {
    const range = toClosedRange(query, 7 * dayMs, this.#now());
    const { limit, cursor = null, search = '' } = query;
    return { projectId, ...range, limit, cursor, search };
  }
}

/** The store knows one project at a time: a group by project is one read for each. */
async function readGrouped<Figures extends MetricsFigures>(
  { projectId, projectIds }: Reader,
  groupBy: GroupBy,
  read: (projectId: string, groupBy: Exclude<GroupBy, 'project'>) => Promise<Figures[]>,
): Promise<Figures[]> {
  if (groupBy !== 'project') return read(projectId, groupBy);
  const ofProjects = projectIds.map(async (id) =>
    (await read(id, 'none')).map((figures) => ({ ...figures, group: id })),
  );
  return (await Promise.all(ofProjects)).flat();
}

/** The reader's own project, with every project that it may read as a group. */
async function overviewByProject(
  { projectId, projectIds }: Reader,
  read: (projectId: string) => Promise<StoredOverview>,
): Promise<StoredOverview> {
  const overviews = await Promise.all(projectIds.map(async (id) => [id, await read(id)] as const));
  const own = overviews.find(([id]) => id === projectId)?.[1];
  return {
    total: own?.total ?? null,
    points: own?.points ?? [],
    groups: overviews.flatMap(([group, { groups }]) => groups.map((figures) => ({ ...figures, group }))),
    groupedPoints: overviews.flatMap(([group, { groupedPoints }]) =>
      groupedPoints.map((point) => ({ ...point, group })),
    ),
  };
}

function rangeBefore({ from, to }: ClosedRange): ClosedRange {
  return { from: String(2n * BigInt(from) - BigInt(to)), to: from };
}

function bucketsOf(range: ClosedRange, buckets: { bucketSeconds: number; timeZone: string }): string[] {
  const [from, to] = [Math.floor(Number(range.from) / 1e9), Math.ceil(Number(range.to) / 1e9)];
  return bucketStarts({ ...buckets, from, to }).map((start) => toInstant(`${start}000000000`));
}

function checkBuckets({ from, to }: ClosedRange, bucketSeconds: number): void {
  const buckets = Number(BigInt(to) - BigInt(from)) / 1e9 / bucketSeconds;
  if (buckets <= metricsBucketsMax - 1) return;
  throw new LoomError(
    'invalid_request',
    `${bucketSeconds} s make ${Math.ceil(buckets)} buckets of this range; at most ${metricsBucketsMax - 1}: take larger ones`,
    { param: 'bucketSeconds' },
  );
}

function toPoint(point: MetricsPoint): MetricsSeries['points'][number] {
  return { bucketStart: toInstant(point.bucketStart), ...toFigures(point) };
}

function byRequests(left: Group, right: Group): number {
  return right.requests - left.requests || compare(left.group, right.group);
}

function toFigures({ firstChunkMs, ...figures }: MetricsFigures): MetricsSummary['groups'][number] {
  const { group, requests, errors, tokens, costUsd, withoutPrice, partlyPriced } = figures;
  const { latencyMs, gatewayOverheadMs, retried } = figures;
  return {
    group,
    requests,
    errors,
    tokens,
    costUsd,
    withoutPrice,
    partlyPriced,
    latencyMs,
    timeToFirstChunkMs: firstChunkMs,
    gatewayOverheadMs,
    retried,
  };
}

function seen({ firstSeen, lastSeen }: { readonly firstSeen: string; readonly lastSeen: string }) {
  return { firstSeen: toInstant(firstSeen), lastSeen: toInstant(lastSeen) };
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

function toFacetAttribute(name: string): FacetAttribute {
  const known = facetAttributes.find((attribute) => attribute === name);
  if (known) return known;
  if (/^metadata\..{1,128}$/u.test(name)) return name as FacetAttribute;
  throw new LoomError(
    'invalid_request',
    `unknown attribute "${name.slice(0, 80)}"; known: ${facetAttributes.join(', ')}, metadata.<key>`,
    { param: 'attributes' },
  );
}
