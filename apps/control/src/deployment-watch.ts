import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeploymentInfo, HealthReport } from '@loom/api-contract';
import { messageOf } from '@loom/errors';
import type { LoggedError } from '@loom/telemetry';
import { z } from 'zod';
import { instantOf } from './dead-letter-index.ts';

export interface DeploymentWatchDeps {
  readonly version: string;
  /** Of this process: `control`, or the one that it is a part of. */
  readonly name: string;
  /** Other processes by name, each with the URL of its `/readyz` and `/metrics`; more may be in the runtime file. */
  readonly services: ReadonlyMap<string, string>;
  /** What a supervisor on the same machine tells of the processes; null on servers. */
  readonly runtimeFile: string | null;
  /** Where clients reach the gateway, when the runtime file does not say. */
  readonly publicGatewayUrl: string | null;
  /** Directories that hold data. */
  readonly dataDirectories: readonly string[];
  /** Rejects with the reason when this process is not ready. */
  readonly ready: () => Promise<void>;
  /** Of the engines that this process talks to. */
  readonly enginesReady: () => Promise<void>;
  /** Consumer groups whose lag is told. */
  readonly groups: readonly string[];
  /** Records that a consumer group has not committed. Rejects when the event stream does not say. */
  readonly lagOf: (group: string) => Promise<number>;
  readonly lastErrors: () => readonly LoggedError[];
}

type Report = z.output<typeof HealthReport>;
type Service = Report['services'][number];

/** What is read of the runtime file; more may be in it. */
const Runtime = z.object({
  gatewayUrl: z.string().nullable().default(null),
  consoleUrl: z.string().nullable().default(null),
  /** Where there are more. */
  services: z.record(z.string(), z.string()).default({}),
  pids: z.record(z.string(), z.number()).default({}),
});

interface Probe {
  readonly name: string;
  readonly ready: boolean;
  readonly message: string | null;
  readonly metrics: string;
}

const probeMs = 1000;
const lagMs = 2000;
const disksKeptMs = 60_000;
const filesMax = 50_000;
const pageBytes = 4096;

/** How the deployment does: its processes, lag, disks and last errors. */
export class DeploymentWatch {
  readonly #deps: DeploymentWatchDeps;
  #disks: { readonly atMs: number; readonly found: Promise<Report['disks']> } | null = null;

  constructor(deps: DeploymentWatchDeps) {
    this.#deps = deps;
  }

  async info(): Promise<z.output<typeof DeploymentInfo>> {
    const { gatewayUrl } = await this.#runtime();
    return { version: this.#deps.version, gatewayUrl: gatewayUrl ?? this.#deps.publicGatewayUrl };
  }

  async report(deadLetterCount: number): Promise<Report> {
    const { version, groups, lastErrors } = this.#deps;
    const runtime = await this.#runtime();
    const [own, engines, probed, lag] = await Promise.all([
      this.#own(),
      this.#engines(runtime.pids.engineHost),
      Promise.all(Object.entries(this.#urls(runtime)).map(([name, url]) => probe(name, url))),
      Promise.all(groups.map((group) => this.#lagOf(group))),
    ]);
    const others = await Promise.all(probed.map((found) => serviceOf(found, runtime.pids[found.name])));
    const services = [own, engines, ...others];
    return {
      version,
      checkedAt: instantOf(Date.now()),
      services: services.map((service) => ({ ...service, version })),
      lag,
      outbox: outboxOf(probed.map(({ metrics }) => metrics)),
      deadLetterCount,
      disks: await this.#readDisks(),
      lastErrors: lastErrors().map(({ timeMs, service, message }) => ({
        time: instantOf(timeMs),
        service,
        message,
      })),
    };
  }

  async #runtime(): Promise<z.output<typeof Runtime>> {
    const { runtimeFile } = this.#deps;
    try {
      return Runtime.parse(JSON.parse(runtimeFile === null ? '{}' : await readFile(runtimeFile, 'utf8')));
    } catch {
      return Runtime.parse({}); // it is written when everything is ready, and removed at the stop
    }
  }

  #urls({ gatewayUrl, consoleUrl, services }: z.output<typeof Runtime>): Readonly<Record<string, string>> {
    return {
      ...(gatewayUrl === null ? {} : { gateway: gatewayUrl }),
      ...(consoleUrl === null ? {} : { console: consoleUrl }),
      ...services,
      ...Object.fromEntries(this.#deps.services),
    };
  }

  // An event stream that is away is one of the reasons to look here.
  async #lagOf(group: string): Promise<Report['lag'][number]> {
    const late = delay(lagMs, null, { ref: false });
    const records = await Promise.race([this.#deps.lagOf(group).catch(() => null), late]);
    return { group, records };
  }

  async #own(): Promise<Omit<Service, 'version'>> {
    return {
      name: this.#deps.name,
      ...(await statusOf(this.#deps.ready)),
      memoryBytes: process.memoryUsage.rss(),
      startedAt: instantOf(Date.now() - Math.round(process.uptime() * 1000)),
    };
  }

  async #engines(pid: number | undefined): Promise<Omit<Service, 'version'>> {
    const status = await statusOf(this.#deps.enginesReady);
    return { name: 'engines', ...status, memoryBytes: await memoryOf(pid), startedAt: null };
  }

  /** Directory sizes take a while: once a minute. */
  #readDisks(): Promise<Report['disks']> {
    if (!this.#disks || Date.now() - this.#disks.atMs > disksKeptMs) {
      this.#disks = { atMs: Date.now(), found: Promise.all(this.#deps.dataDirectories.map(diskOf)) };
      this.#disks.found.catch(() => (this.#disks = null));
    }
    return this.#disks.found;
  }
}

async function statusOf(ready: () => Promise<void>): Promise<Pick<Service, 'status' | 'message'>> {
  try {
    await ready();
    return { status: 'ready', message: null };
  } catch (error) {
    return { status: 'not-ready', message: messageOf(error).slice(0, 300) };
  }
}

/** What a process says of itself; one without metrics says only whether it is ready. */
async function probe(name: string, url: string): Promise<Probe> {
  const get = async (path: string) => {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(probeMs), redirect: 'error' });
    return { ok: response.ok, text: (await response.text()).slice(0, 1_000_000) };
  };
  // Figures that wait for a server that is away say nothing of the process itself.
  const figures = get('/metrics').catch(() => ({ ok: false, text: '' }));
  try {
    const { ok, text } = await get('/readyz');
    const metrics = await figures;
    return {
      name,
      ready: ok,
      message: ok ? null : text.slice(0, 300),
      metrics: metrics.ok ? metrics.text : '',
    };
  } catch {
    return { name, ready: false, message: null, metrics: '' };
  }
}

async function serviceOf(found: Probe, pid: number | undefined): Promise<Omit<Service, 'version'>> {
  const started = valueOf(found.metrics, 'process_start_time_seconds');
  const unreachable = !found.ready && found.message === null;
  return {
    name: found.name,
    status: found.ready ? 'ready' : unreachable ? 'unreachable' : 'not-ready',
    message: unreachable ? `no answer within ${probeMs} ms` : found.message,
    memoryBytes: valueOf(found.metrics, 'process_resident_memory_bytes') ?? (await memoryOf(pid)),
    startedAt: started === null ? null : instantOf(Math.round(started * 1000)),
  };
}

/** Resident memory as Linux tells it; null elsewhere. */
async function memoryOf(pid: number | undefined): Promise<number | null> {
  if (pid === undefined) return null;
  try {
    const pages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1]);
    return Number.isFinite(pages) ? pages * pageBytes : null;
  } catch {
    return null;
  }
}

/** A metric without labels, in the Prometheus text format. */
function valueOf(metrics: string, name: string): number | null {
  const line = metrics.split('\n').find((text) => text.startsWith(`${name} `));
  const value = Number(line?.slice(name.length + 1));
  return line !== undefined && Number.isFinite(value) ? value : null;
}

function outboxOf(metrics: readonly string[]): Report['outbox'] {
  const gateways = metrics.filter((text) => valueOf(text, outboxMetric('pending_records')) !== null);
  if (gateways.length === 0) return null;
  const sum = (name: string) =>
    gateways.reduce((total, text) => total + (valueOf(text, outboxMetric(name)) ?? 0), 0);
  return {
    pendingRecords: sum('pending_records'),
    pendingBytes: sum('pending_bytes'),
    lagRecords: sum('lag_records'),
    lostRecords: sum('lost_records_total'),
  };
}

const outboxMetric = (name: string): string => `loom_gateway_outbox_${name}`;

async function diskOf(path: string): Promise<Report['disks'][number]> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, usedByLoomBytes: await sizeOf(path) };
}

/** Null when there are too many files to look at each. */
async function sizeOf(directory: string): Promise<number | null> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  if (entries.length > filesMax) return null;
  let bytes = 0;
  for (const entry of entries.filter((one) => one.isFile())) {
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => null); // segments come and go
    bytes += found?.size ?? 0;
  }
  return bytes;
}
