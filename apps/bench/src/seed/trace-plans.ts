import { hostileTexts } from './phrases.ts';
import { type Random, weighted } from './random.ts';
import type { SeededSpan, SpanMaker, TraceFrame } from './seeded-span.ts';
import { embeddingModel, largeWorkflow, pickModel } from './world.ts';

/** Draws the spans of one trace; the root comes first. */
export type TracePlan = (
  random: Random,
  maker: SpanMaker,
  frame: TraceFrame,
  startMicros: number,
) => SeededSpan[];

export const tracePlans = {
  chat: (random, maker, frame, startMicros) => [
    maker.make(frame, { operation: 'chat', parentSpanId: '', startMicros, model: pickModel(random) }),
  ],
  embedding: (_, maker, frame, startMicros) => [
    maker.make(frame, { operation: 'embeddings', parentSpanId: '', startMicros, model: embeddingModel }),
  ],
  retrieval: (random, maker, frame, startMicros) => {
    const workflow = { ...frame, workflow: `${frame.feature.name}-rag` };
    return withRoot(maker, workflow, startMicros, 'invoke_workflow', undefined, (rootId) => {
      const embed = maker.make(workflow, { operation: 'embeddings', parentSpanId: rootId, startMicros: startMicros + 900, model: embeddingModel });
      const find = maker.make(workflow, { operation: 'retrieval', parentSpanId: rootId, startMicros: endOf(embed) + 200, model: null });
      const model = pickModel(random);
      const chat = { operation: 'chat', parentSpanId: rootId, startMicros: endOf(find) + 300, model, contextTokens: 2400 };
      return [embed, find, maker.make(workflow, chat)];
    }); // prettier-ignore
  },
  agent: (random, maker, frame, startMicros) =>
    agent(random, maker, frame, { startMicros, parentSpanId: '', turns: random.int(1, 7) }),
  agents: (random, maker, frame, startMicros) => {
    const workflow = { ...frame, workflow: `${frame.feature.name}-crew` };
    return crew(random, maker, workflow, startMicros, random.int(2, 4), 39);
  },
} satisfies Record<string, TracePlan>;

export const pickTracePlan = weighted<TracePlan>([
  [tracePlans.chat, 68],
  [tracePlans.embedding, 4],
  [tracePlans.retrieval, 12],
  [tracePlans.agent, 13],
  [tracePlans.agents, 3],
]);

/** A workflow of many agents with exactly so many spans. */
export function largeTrace(spans: number): TracePlan {
  return (random, maker, frame, startMicros) => {
    const workflow = { ...frame, workflow: largeWorkflow };
    const made = crew(random, maker, workflow, startMicros, Math.ceil(spans / 14), spans - 1);
    const rootId = made[0]?.row.spanId ?? '';
    while (made.length < spans) {
      const at = startMicros + made.length * 1000;
      made.push(
        maker.make(workflow, { operation: 'retrieval', parentSpanId: rootId, startMicros: at, model: null }),
      );
    }
    return made;
  };
}

/** Chats whose contents a console must not take for its own. The first request is no UTF-8. */
export const hostileTrace: TracePlan = (random, maker, frame, startMicros) => {
  const workflow = { ...frame, workflow: 'hostile-content' };
  return withRoot(maker, workflow, startMicros, 'invoke_workflow', undefined, (parentSpanId) =>
    [['invalid UTF-8', Buffer.from('{"messages":[{"role":"user","content":"\xff\xfe\xc3("}]}', 'latin1')] as const, ...hostileTexts()].map(
      ([name, text], index) =>
        maker.make(workflow, {
          operation: 'chat', parentSpanId, startMicros: startMicros + 1000 + index * 2_000_000, model: pickModel(random), text, agent: name, steady: true,
        }),
    ),
  ); // prettier-ignore
};

interface AgentOptions {
  readonly startMicros: number;
  readonly parentSpanId: string;
  readonly turns: number;
  readonly name?: string;
}

function agent(random: Random, maker: SpanMaker, frame: TraceFrame, options: AgentOptions): SeededSpan[] {
  const name = options.name ?? frame.feature.agent;
  const model = pickModel(random);
  const { startMicros } = options;
  return withRoot(maker, frame, startMicros, 'invoke_agent', { name, parentSpanId: options.parentSpanId }, (parentSpanId) => {
    const spans: SeededSpan[] = [];
    let at = startMicros + 400;
    for (let turn = 0; turn <= options.turns; turn += 1) {
      const last = turn === options.turns;
      const tool = random.pick(frame.feature.tools);
      const chat = maker.make(frame, {
        operation: 'chat', parentSpanId, startMicros: at, model, agent: name, contextTokens: turn * 340, ...(last ? {} : { tool }),
      });
      spans.push(chat);
      at = endOf(chat) + 250;
      if (last || chat.row.outcome !== 'completed') break;
      const calls = random.chance(0.2) ? 2 : 1;
      const results = Array.from({ length: calls }, () =>
        maker.make(frame, { operation: 'execute_tool', parentSpanId, startMicros: at, model: null, agent: name, tool }),
      );
      spans.push(...results);
      at = Math.max(...results.map(endOf)) + 150;
    }
    return spans;
  }); // prettier-ignore
}

function crew(
  random: Random,
  maker: SpanMaker,
  frame: TraceFrame,
  startMicros: number,
  members: number,
  childrenMax: number,
): SeededSpan[] {
  return withRoot(maker, frame, startMicros, 'invoke_workflow', undefined, (parentSpanId) => {
    const spans: SeededSpan[] = [];
    let at = startMicros + 500;
    for (let member = 0; member < members; member += 1) {
      const name = `${frame.feature.agent}-${(member % 12) + 1}`;
      const made = agent(random, maker, frame, {
        startMicros: at,
        parentSpanId,
        turns: random.int(2, 7),
        name,
      });
      if (spans.length + made.length > childrenMax) break;
      spans.push(...made);
      // Some wait for the one before, others run beside it.
      at = random.chance(0.5) ? Math.max(...made.map(endOf)) + 400 : at + random.int(2_000, 900_000);
    }
    return spans;
  });
}

/** A span around others: it ends when the last of them does. */
function withRoot(
  maker: SpanMaker,
  frame: TraceFrame,
  startMicros: number,
  operation: string,
  agentOf: { readonly name: string; readonly parentSpanId: string } | undefined,
  makeChildren: (rootId: string) => SeededSpan[],
): SeededSpan[] {
  const root = maker.make(frame, {
    operation,
    parentSpanId: agentOf?.parentSpanId ?? '',
    startMicros,
    model: null,
    steady: true,
    ...(agentOf && { agent: agentOf.name }),
  });
  const children = makeChildren(root.row.spanId);
  const endMicros = Math.max(startMicros, ...children.map(endOf)) + 300;
  return [{ ...root, row: { ...root.row, durationNanos: (endMicros - startMicros) * 1000 } }, ...children];
}

/** Unix microseconds. */
function endOf({ row }: SeededSpan): number {
  return Math.ceil(Number(row.startTime.slice(0, -3)) + row.durationNanos / 1000);
}
