import { createServer, type Server } from 'node:http';
import { once } from 'node:events';

/** A span as a receiver of OTLP got it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface SpanJson extends Omit<ReceivedSpan, 'service' | 'attributes' | 'links' | 'failed'> {
  readonly attributes: readonly Attribute[];
  readonly links?: ReceivedSpan['links'];
  readonly status?: { readonly code?: number };
}
interface ResourceJson {
  readonly resource: { readonly attributes: readonly Attribute[] };
}
interface TracesJson {
  readonly resourceSpans: readonly (ResourceJson & {
    readonly scopeSpans: readonly { readonly spans: readonly SpanJson[] }[];
  })[];
}
interface MetricsJson {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly ReceivedMetric[] }[];
  }[];
}

/** A metric as it came: `sum`, `gauge` or `histogram` with its data points. */
export interface ReceivedMetric {
  readonly name: string;
  readonly [kind: string]: unknown;
}

const errorStatus = 2;

/** A real receiver of OTLP over HTTP in JSON: what is sent to `url` is there to be read. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Newest last. */
  readonly metrics: ReceivedMetric[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
        if (request.url === '/v1/traces') this.#takeSpans(body as TracesJson);
        if (request.url === '/v1/metrics') this.#takeMetrics(body as MetricsJson);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  /** What a process needs in its environment to send here, soon after each event. */
  get env(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
    };
  }

  get url(): string {
    const { port } = this.#server.address() as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #takeSpans({ resourceSpans }: TracesJson): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = valuesOf(resource.attributes)['service.name'] ?? '';
      for (const { attributes, links = [], status, ...span } of scopeSpans.flatMap(({ spans }) => spans)) {
        const failed = status?.code === errorStatus;
        this.spans.push({ ...span, service, failed, attributes: valuesOf(attributes), links });
      }
    }
  }

  #takeMetrics({ resourceMetrics }: MetricsJson): void {
    for (const { scopeMetrics } of resourceMetrics)
      this.metrics.push(...scopeMetrics.flatMap(({ metrics }) => metrics));
  }
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}
