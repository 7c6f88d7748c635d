import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeploymentInfo, HealthReport } from '@loom/api-contract';
import { messageOf } from '@loom/errors';
import type { LoggedError } from '@loom/telemetry';
import { z } from 'zod';
import { instantOf } from './dead-letter-index.ts';

export interface DeploymentWatchDeps {
  readonly version: string;
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
  /** Records that each consumer group has not committed. */
  readonly lag: () => Promise<readonly { readonly group: string; readonly records: number }[]>;
  readonly lastErrors: () => readonly LoggedError[];
}

type Report = z.output<typeof HealthReport>;
type Service = Report['services'][number];

/** What is read of the runtime file; more may be in it. */
const Runtime = z.object({
  gatewayUrl: z.string().nullable().default(null),
  consoleUrl: z.string().nullable().default(null),
  pids: z.record(z.string(), z.number()).default({}),
});

interface Probe {
  readonly ready: boolean;
  readonly message: string | null;
  readonly metrics: string;
}

const probeMs = 1000;
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
    const { version, lag, lastErrors } = this.#deps;
    const { gatewayUrl, consoleUrl, pids } = await this.#runtime();
    const gateway = gatewayUrl === null ? null : await probe(gatewayUrl, '/readyz', '/metrics');
    const console = consoleUrl === null ? null : await probe(consoleUrl, '/healthz', null);
    const services = [
      await this.#own(),
      await this.#engines(pids.engineHost),
      ...(gateway ? [await serviceOf('gateway', gateway, pids.gateway)] : []),
      ...(console ? [await serviceOf('console', console, pids.console)] : []),
    ];
    return {
      version,
      checkedAt: instantOf(Date.now()),
      services: services.map((service) => ({ ...service, version })),
      lag: [...(await lag())],
      outbox: outboxOf(gateway?.metrics ?? ''),
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

  async #own(): Promise<Omit<Service, 'version'>> {
    return {
      name: 'backend',
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

/** Null when nothing answers in time. */
async function probe(url: string, readyPath: string, metricsPath: string | null): Promise<Probe | null> {
  const get = async (path: string) => {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(probeMs), redirect: 'error' });
    return { ready: response.ok, text: (await response.text()).slice(0, 1_000_000) };
  };
  try {
    const { ready, text } = await get(readyPath);
    const metrics = metricsPath === null ? '' : (await get(metricsPath)).text;
    return { ready, message: ready ? null : text.slice(0, 300), metrics };
  } catch {
    return { ready: false, message: null, metrics: '' };
  }
}

async function serviceOf(
  name: string,
  found: Probe,
  pid: number | undefined,
): Promise<Omit<Service, 'version'>> {
  const started = valueOf(found.metrics, 'process_start_time_seconds');
  const unreachable = !found.ready && found.message === null;
  return {
    name,
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

function outboxOf(metrics: string): Report['outbox'] {
  const value = (name: string) => valueOf(metrics, `loom_gateway_outbox_${name}`);
  const [pendingRecords, pendingBytes] = [value('pending_records'), value('pending_bytes')];
  const lostRecords = value('lost_records_total');
  if (pendingRecords === null || pendingBytes === null || lostRecords === null) return null;
  return { pendingRecords, pendingBytes, lostRecords };
}

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
