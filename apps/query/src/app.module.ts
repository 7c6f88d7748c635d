import type { EventStream } from '@loom/event-stream';
import type { TraceJanitor, TraceReader } from '@loom/trace-store';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  PermissionGuard,
  VERIFY_KEY,
  VERIFY_SESSION,
  type VerifyKey,
  type VerifySession,
} from '@loom/service-kit';
import type { ContentReaderDeps } from './content-reader.ts';
import { JanitorController } from './janitor.controller.ts';
import { JanitorPreview } from './janitor-preview.ts';
import { LedgerController } from './ledger.controller.ts';
import { LedgerQueries, type LedgerQueriesDeps } from './ledger-queries.ts';
import { LiveController } from './live.controller.ts';
import { LiveTail } from './live-tail.ts';
import { MetricsController } from './metrics.controller.ts';
import { MetricsQueries, type ReadLag } from './metrics-queries.ts';
import { QueriesController } from './queries.controller.ts';
import { TraceQueries } from './trace-queries.ts';

export interface QueryModuleDeps extends LedgerQueriesDeps {
  readonly store: TraceReader & TraceJanitor;
  readonly stream: Pick<EventStream, 'tail'>;
  readonly verifyKey: VerifyKey;
  readonly verifySession: VerifySession;
  readonly lag: ReadLag;
  readonly assembleAnswer: ContentReaderDeps['assembleAnswer'];
}

@Module({})
export class AppModule implements OnApplicationShutdown {
  readonly #tail: LiveTail;

  constructor(@Inject(LiveTail) tail: LiveTail) {
    this.#tail = tail;
  }

  static register(deps: QueryModuleDeps): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        QueriesController,
        MetricsController,
        LiveController,
        LedgerController,
        JanitorController,
      ],
      providers: [
        { provide: TraceQueries, useFactory: () => new TraceQueries(deps) },
        { provide: MetricsQueries, useFactory: () => new MetricsQueries(deps) },
        { provide: LedgerQueries, useFactory: () => new LedgerQueries(deps) },
        { provide: JanitorPreview, useFactory: () => new JanitorPreview(deps.store) },
        { provide: LiveTail, useFactory: () => new LiveTail(deps.stream) },
        { provide: VERIFY_KEY, useValue: deps.verifyKey },
        { provide: VERIFY_SESSION, useValue: deps.verifySession },
        { provide: APP_GUARD, useClass: PermissionGuard },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#tail.close();
  }
}
