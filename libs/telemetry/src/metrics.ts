import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** One instrument as it stands: of a histogram its buckets, sum and count by the names of Prometheus. */
export interface MetricReading {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
  }[];
}

/** A service's own instruments (names `loom_<service>_<noun>_<unit>`) and those of its process. */
export class Metrics {
  readonly #registry = new Registry();

  constructor(options: { readonly processMetrics?: boolean } = {}) {
    if (options.processMetrics ?? true) collectDefaultMetrics({ register: this.#registry });
  }

  counter<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
  }

  /** With `read`, the value is asked for at each scrape. */
  gauge(name: string, help: string, read?: () => number | Promise<number>): Gauge {
    const options = { name, help, registers: [this.#registry] };
    if (!read) return new Gauge(options);
    return new Gauge({
      ...options,
      async collect() {
        try {
          this.set(await read());
        } catch {
          this.set(Number.NaN); // one that cannot be read does not take the others with it
        }
      },
    });
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly Label[] = [],
  ): Histogram<Label> {
    return new Histogram({
      name,
      help,
      buckets: [...buckets],
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
  }

  /** The Prometheus text format, and its content type. */
  async render(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** Every instrument as it stands now. */
  async read(): Promise<MetricReading[]> {
    const found = await this.#registry.getMetricsAsJSON();
    return found.map(({ name, help, type, values }) => ({
      name,
      help,
      type: type as unknown as MetricReading['type'],
      samples: values.map((sample) => ({
        name: 'metricName' in sample ? String(sample.metricName) : name,
        labels: definedLabels(sample.labels),
        value: sample.value,
      })),
    }));
  }
}

function definedLabels(
  labels: Readonly<Record<string, string | number | undefined>>,
): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
