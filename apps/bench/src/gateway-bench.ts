import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Shape } from './chat-fixture.ts';
import { type Child, startChild } from './child-process.ts';
import { measureCommits } from './commit-cost.ts';
import type { Row } from './gateway-report.ts';
import { runLoad } from './load.ts';
import { type LoomTarget, startLoom } from './loom-target.ts';
import { startNginx } from './nginx-target.ts';
import { processCpuMs } from './process-cpu.ts';
import { median } from './statistics.ts';
import type { Target } from './target.ts';

export interface GatewayBenchOptions {
  /** Of each load. */
  readonly seconds: number;
  /** Of a closed loop. */
  readonly connections: number;
  readonly rounds: number;
  /** On the disk that is to be measured; what is made below it is removed. */
  readonly directory: string;
  /** Flags of Node for the gateway's process. */
  readonly nodeFlags: readonly string[];
  readonly progress: (line: string) => void;
  /** Ends the run early: everything is stopped and removed, then it rejects. */
  readonly signal: AbortSignal;
}

export interface GatewayMeasurement {
  readonly rows: readonly Row[];
  /** Append and sync of one event, each try of all rounds. Milliseconds. */
  readonly commitsMs: readonly number[];
}

/** Until the code of the targets is compiled, as far as it will be. */
const warmUpSeconds = 5;
const shapes: readonly Shape[] = ['json', 'stream'];

/** Puts the same load on each target in turn, round after round, first closed loop, then open loop at Loom's half load. */
export async function measureGateway(options: GatewayBenchOptions): Promise<GatewayMeasurement> {
  const base = resolve(options.directory);
  await mkdir(base, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(base, 'bench-'));
  const closing: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const upstream = await startChild<{ url: string }>(import.meta.resolve('./upstream.main.js'));
    closing.push(() => upstream.stop());
    const load = await startChild(import.meta.resolve('./load.main.js'));
    closing.push(() => load.stop());
    const targets = await startTargets(options, directory, upstream.ready.url, closing);
    return await new GatewayRun(options, directory, load, targets).measure();
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

interface Targets {
  readonly direct: Target;
  readonly nginx: Target | null;
  readonly bare: Target;
  readonly loom: LoomTarget;
}

async function startTargets(
  options: GatewayBenchOptions,
  directory: string,
  upstreamUrl: string,
  closing: (() => Promise<void>)[],
): Promise<Targets> {
  const nginx = await startNginx(directory, upstreamUrl);
  if (nginx) closing.push(() => nginx.stop());
  else options.progress('nginx is not on the PATH: left out');
  const proxy = await startChild<{ url: string }>(import.meta.resolve('./bare-proxy.main.js'), {
    args: [upstreamUrl],
  });
  closing.push(() => proxy.stop());
  const loom = await startLoom(directory, upstreamUrl, options.nodeFlags);
  closing.push(() => loom.stop());
  const plain = { authorization: null, stop: () => Promise.resolve() };
  return {
    direct: { ...plain, name: 'direct', url: upstreamUrl, pid: null },
    nginx,
    bare: { ...plain, name: 'bare', url: proxy.ready.url, pid: proxy.pid },
    loom,
  };
}

/** The loads of one run, one after another. */
class GatewayRun {
  readonly #options: GatewayBenchOptions;
  readonly #directory: string;
  readonly #load: Child<object>;
  readonly #targets: Targets;
  readonly #rows: Row[] = [];
  readonly #commitsMs: number[] = [];
  #loomAnswered = 0;

  constructor(options: GatewayBenchOptions, directory: string, load: Child<object>, targets: Targets) {
    this.#options = options;
    this.#directory = directory;
    this.#load = load;
    this.#targets = targets;
  }

  async measure(): Promise<GatewayMeasurement> {
    const { direct, nginx, bare, loom } = this.#targets;
    const proxies = [...(nginx ? [nginx] : []), bare, loom];
    for (const shape of shapes) {
      for (const target of proxies) await this.#run(target, shape, null, 0);
    }
    await this.#rounds((round) =>
      this.#each(proxies, (target, shape) => this.#run(target, shape, null, round)),
    );
    const halves = { json: this.#halfLoad('json'), stream: this.#halfLoad('stream') };
    await this.#rounds((round) =>
      this.#each([direct, bare, loom], (target, shape) => this.#run(target, shape, halves[shape], round)),
    );
    return { rows: this.#rows, commitsMs: this.#commitsMs };
  }

  async #rounds(loads: (round: number) => Promise<void>): Promise<void> {
    for (let round = 1; round <= this.#options.rounds; round += 1) {
      this.#commitsMs.push(...(await measureCommits(this.#directory)));
      await loads(round);
    }
  }

  async #each(
    targets: readonly Target[],
    run: (target: Target, shape: Shape) => Promise<void>,
  ): Promise<void> {
    for (const shape of shapes) for (const target of targets) await run(target, shape);
  }

  #halfLoad(shape: Shape): number {
    const loom = this.#rows.filter(
      (row) => row.target === 'loom' && row.shape === shape && row.rate === null,
    );
    return Math.max(1, Math.round(median(loom.map((row) => row.requestsPerSecond)) / 2));
  }

  /** Round 0 warms up and is not kept. */
  async #run(target: Target, shape: Shape, rate: number | null, round: number): Promise<void> {
    const { seconds, connections, signal } = this.#options;
    signal.throwIfAborted();
    const before = target.pid === null ? 0 : await processCpuMs(target.pid);
    const { url, authorization } = target;
    const result = await runLoad(this.#load, {
      url,
      authorization,
      shape,
      connections,
      rate,
      seconds: round === 0 ? warmUpSeconds : seconds,
    });
    const after = target.pid === null ? 0 : await processCpuMs(target.pid);
    const missingTerminals = target.name === 'loom' ? await this.#missingTerminals(result.answered) : null;
    if (round === 0) return;
    const row: Row = {
      target: target.name,
      shape,
      rate,
      round,
      answered: result.answered,
      failed: result.failed,
      requestsPerSecond: result.answered / result.seconds,
      cpuMsPerRequest: target.pid === null ? null : (after - before) / Math.max(1, result.answered),
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      missingTerminals,
    };
    this.#rows.push(row);
    this.#options.progress(progressOf(row));
  }

  async #missingTerminals(answered: number): Promise<number> {
    this.#loomAnswered += answered;
    return this.#loomAnswered - (await this.#targets.loom.terminals(this.#loomAnswered));
  }
}

function progressOf(row: Row): string {
  const load = row.rate === null ? 'closed' : `${row.rate}/s`;
  const cpu = row.cpuMsPerRequest === null ? '' : ` ${row.cpuMsPerRequest.toFixed(3)} ms CPU`;
  const terminals = row.missingTerminals === null ? '' : ` ${row.missingTerminals} terminals missing`;
  return `round ${row.round} ${row.shape} ${load} ${row.target}: ${Math.round(row.requestsPerSecond)}/s${cpu}${terminals}`;
}
