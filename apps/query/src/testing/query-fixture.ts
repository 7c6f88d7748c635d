import { answerTextOf, assembleAnswer } from '@loom/providers';
import { type HttpApplication, startHttpApplication } from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import type { LedgerStore } from '@loom/control-store';
import { openEventStream } from '@loom/event-stream';
import { AppModule, type QueryModuleDeps } from '../app.module.ts';

/** The query service over given stores, on a free port. */
export class QueryFixture {
  readonly url: string;
  readonly #close: () => Promise<void>;

  private constructor(http: HttpApplication, close: () => Promise<void>) {
    this.url = http.url;
    this.#close = close;
  }

  static async start(
    given: Pick<QueryModuleDeps, 'store' | 'verifyKey'> & { readonly ledger?: LedgerStore },
  ): Promise<QueryFixture> {
    const stream = await openEventStream(new URL('memory:'));
    const http = await startHttpApplication({
      module: AppModule.register({
        ...{ stream, assembleAnswer, answerText: answerTextOf, masterKeys: new Map(), signer: null },
        ...{
          lag: () => Promise.resolve({ ingest: 0, pricing: null }),
          behind: () => Promise.resolve(0),
          mark: () => Promise.resolve(() => Promise.resolve(true)),
        },
        verifySession: () => Promise.resolve(null),
        ...given,
        ledger: given.ledger ?? ({} as LedgerStore),
      }),
      ...{ host: '127.0.0.1', port: 0, ready: () => Promise.resolve() },
      logger: createLogger({ service: 'query', level: 'silent' }),
      metrics: new Metrics({ processMetrics: false }),
    });
    return new QueryFixture(http, async () => {
      await http.close();
      await stream.close();
    });
  }

  close(): Promise<void> {
    return this.#close();
  }
}
