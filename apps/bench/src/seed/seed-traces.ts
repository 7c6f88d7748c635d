import { Random } from './random.ts';
import { type SeededSpan, SpanMaker, type TraceFrame } from './seeded-span.ts';
import { hostileTrace, largeTrace, pickTracePlan, type TracePlan, tracePlans } from './trace-plans.ts';
import {
  busyness,
  type Feature,
  incidentOf,
  pickEnvironment,
  pickFeature,
  pickRegion,
  releaseAt,
} from './world.ts';

export interface SeedPlan {
  readonly spans: number;
  readonly days: number;
  readonly seed: number;
  /** The newest call is just before. Unix milliseconds. */
  readonly endMs: number;
  readonly organizationId: string;
  readonly projectId: string;
  /** API key ids by feature name. */
  readonly keyIds: Readonly<Record<string, string>>;
  /** About so many spans carry requests and answers, most of them new ones. */
  readonly recordedSpans: number;
}

export interface SeededTrace {
  readonly spans: readonly SeededSpan[];
  /** What the trace is there to show; null for ordinary ones. */
  readonly showcase: string | null;
}

const hourMs = 3_600_000;
const usersCount = 5000;
const largeTraceSpans = 5000;
const openSessionsMax = 150;

interface Session {
  readonly id: string;
  readonly userId: string;
  readonly environment: string;
  readonly region: string;
  readonly feature: Feature;
  tracesLeft: number;
}

/**
 * Traces with exactly `plan.spans` spans in total, roughly in order of time, the showcases last. The same plan gives
 * the same traces. The trace of 5,000 spans is there from 20,000 spans on.
 */
export function* seedTraces(plan: SeedPlan): Generator<SeededTrace> {
  const random = new Random(`${plan.seed}/${plan.days}/${plan.spans}/${plan.endMs}`);
  const maker = new SpanMaker(random);
  const drawFrame = frameDrawer(plan, random);
  const showcases = showcasesOf(plan).map(({ name, trace, minutesBeforeEnd }) => {
    const startMs = plan.endMs - minutesBeforeEnd * 60_000;
    const frame = { ...drawFrame(startMs), recorded: true, incident: false };
    return { spans: trace(random, maker, frame, startMs * 1000), showcase: name };
  });
  const budget = plan.spans - showcases.reduce((sum, { spans }) => sum + spans.length, 0);
  const isRecorded = recordedSpans(plan, budget, random);
  const hours = hourlyBudgets(plan, budget);
  let made = 0;
  for (const { startMs, upTo } of hours) {
    while (made < upTo) {
      const atMs = startMs + Math.floor(random.unit() * Math.min(hourMs, plan.endMs - startMs));
      const frame = { ...drawFrame(atMs), recorded: isRecorded(made) };
      const startMicros = atMs * 1000 + random.int(0, 999);
      const drawn = pickTracePlan(random)(random, maker, frame, startMicros);
      const spans =
        drawn.length <= budget - made ? drawn : tracePlans.chat(random, maker, frame, startMicros);
      made += spans.length;
      yield { spans, showcase: null };
    }
  }
  yield* showcases;
}

function showcasesOf(plan: SeedPlan): { name: string; trace: TracePlan; minutesBeforeEnd: number }[] {
  if (plan.spans < 100) return [];
  const small = [
    { name: 'agent', trace: tracePlans.agent, minutesBeforeEnd: 7 },
    { name: 'retrieval', trace: tracePlans.retrieval, minutesBeforeEnd: 6 },
    { name: 'agents', trace: tracePlans.agents, minutesBeforeEnd: 5 },
    { name: 'hostile content', trace: hostileTrace, minutesBeforeEnd: 4 },
  ];
  if (plan.spans < 4 * largeTraceSpans) return small;
  const large = {
    name: `${largeTraceSpans} spans`,
    trace: largeTrace(largeTraceSpans),
    minutesBeforeEnd: 180,
  };
  return [...small, large];
}

/** Hours from the first on, each with the count of spans that are made when it ends. */
function hourlyBudgets(plan: SeedPlan, budget: number): { startMs: number; upTo: number }[] {
  const startMs = plan.endMs - plan.days * 24 * hourMs;
  const incident = incidentOf(plan.endMs);
  const hours = Array.from({ length: plan.days * 24 }, (_, index) => {
    const from = startMs + index * hourMs;
    const crowd = from < incident.toMs && from + hourMs > incident.fromMs ? 1.5 : 1;
    return { startMs: from, weight: busyness(from, plan.endMs) * crowd };
  });
  const total = hours.reduce((sum, { weight }) => sum + weight, 0);
  let weightSoFar = 0;
  return hours.map((hour, index) => {
    weightSoFar += hour.weight;
    const isLast = index === hours.length - 1;
    return { startMs: hour.startMs, upTo: isLast ? budget : Math.round((weightSoFar / total) * budget) };
  });
}

/** Three quarters of the recorded spans are the newest, the rest are strewn over the time before. */
function recordedSpans(plan: SeedPlan, budget: number, random: Random): (made: number) => boolean {
  const newest = Math.floor(plan.recordedSpans * 0.75);
  const strewn = (plan.recordedSpans - newest) / Math.max(1, budget - newest);
  return (made) => made >= budget - newest || random.chance(strewn);
}

function frameDrawer(plan: SeedPlan, random: Random): (startMs: number) => TraceFrame {
  const sessions: Session[] = [];
  const incident = incidentOf(plan.endMs);
  return (startMs) => {
    const session = drawSession(sessions, random, startMs);
    const { feature, environment } = session;
    const inSession = session.tracesLeft >= 0;
    return {
      organizationId: plan.organizationId,
      projectId: plan.projectId,
      keyId: plan.keyIds[feature.name] ?? '',
      traceId: random.hex(32),
      sessionId: inSession ? session.id : '',
      userId: session.userId,
      environment,
      release: releaseAt(startMs, environment),
      region: session.region,
      feature,
      workflow: '',
      incident: startMs >= incident.fromMs && startMs < incident.toMs,
      recorded: false,
    };
  };
}

/** Goes on with an open conversation, or begins another; every fourth trace belongs to none (`tracesLeft` -1). */
function drawSession(sessions: Session[], random: Random, startMs: number): Session {
  const fresh = (tracesLeft: number): Session => ({
    id: `conv_${random.uuid(startMs).slice(0, 8)}${random.hex(16)}`,
    userId: random.chance(0.92) ? userId(random) : '',
    environment: pickEnvironment(random),
    region: pickRegion(random),
    feature: pickFeature(random),
    tracesLeft,
  });
  if (random.chance(0.25)) return fresh(-1);
  const known = random.chance(0.76) ? sessions[random.int(0, sessions.length - 1)] : undefined;
  if (known && known.tracesLeft > 0) {
    known.tracesLeft -= 1;
    return known;
  }
  const session = fresh(Math.min(29, Math.floor(random.around(6, 0.9))));
  if (sessions.length >= openSessionsMax) sessions[random.int(0, sessions.length - 1)] = session;
  else sessions.push(session);
  return session;
}

const givenNames = [
  'ana',
  'yuki',
  'omar',
  'lena',
  'joão',
  'mia',
  'wei',
  'sofia',
  'noah',
  'zoë',
  'ivan',
  'aisha',
];

/** A few users call all the time, most hardly ever. */
function userId(random: Random): string {
  const rank = Math.floor(usersCount * random.unit() ** 2.5);
  return `${givenNames[rank % givenNames.length] ?? ''}.${rank}@example.com`;
}
