import type { MasterKeys } from '@loom/control-store/secrets';
import type { EventStream } from '@loom/event-stream';
import type { ReadAnswerText, TraceAuditor, TraceJanitor, TraceReader } from '@loom/trace-store';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import {
  PermissionGuard,
  VERIFY_KEY,
  VERIFY_SESSION,
  type VerifyKey,
  type VerifySession,
} from '@loom/service-kit';
import { BucketKeyReader } from './bucket-key-reader.ts';
import { BundleExport, type BundleExportDeps } from './bundle-export.ts';
import { ContentReader, type ContentReaderDeps } from './content-reader.ts';
import { JanitorController } from './janitor.controller.ts';
import { JanitorPreview } from './janitor-preview.ts';
import { LedgerController } from './ledger.controller.ts';
import { LedgerQueries, type LedgerQueriesDeps } from './ledger-queries.ts';
import { LeafOpener } from './leaf-opener.ts';
import { LiveController } from './live.controller.ts';
import { LiveTail } from './live-tail.ts';
import { MetricsController } from './metrics.controller.ts';
import { MetricsQueries, type ReadLag } from './metrics-queries.ts';
import { QueriesController } from './queries.controller.ts';
import { ReadScopeInterceptor } from './read-scope.interceptor.ts';
import { CheckQueue } from './check/check-queue.ts';
import { RecordCheck, type RecordCheckDeps } from './check/record-check.ts';
import { ExportStreams } from './export-streams.ts';
import { LedgerChecksController } from './ledger-checks.controller.ts';
import { TraceQueries } from './trace-queries.ts';

export interface QueryModuleDeps extends Pick<LedgerQueriesDeps, 'ledger'> {
  /** They open bucket keys, and with them commitments and sealed content. */
  readonly masterKeys: MasterKeys;
  /** Signs the manifests of bundles; null: none are exported. */
  readonly signer: BundleExportDeps['signer'];
  readonly behind: BundleExportDeps['behind'];
  readonly mark: RecordCheckDeps['mark'];
  readonly store: TraceReader & TraceAuditor & TraceJanitor;
  readonly stream: Pick<EventStream, 'tail'>;
  readonly verifyKey: VerifyKey;
  readonly verifySession: VerifySession;
  readonly lag: ReadLag;
  readonly assembleAnswer: ContentReaderDeps['assembleAnswer'];
  /** What ingest makes of an answer for the search: a check of the record derives it again. */
  readonly answerText: ReadAnswerText;
}

@Module({})
export class AppModule implements OnApplicationShutdown {
  readonly #tail: LiveTail;
  readonly #checks: CheckQueue;

  constructor(@Inject(LiveTail) tail: LiveTail, @Inject(CheckQueue) checks: CheckQueue) {
    this.#tail = tail;
    this.#checks = checks;
  }

  static register(given: QueryModuleDeps): DynamicModule {
    const deps = { ...given, bucketKeys: new BucketKeyReader(given.ledger, given.masterKeys) };
    const queries = new LedgerQueries(deps);
    const content = new ContentReader(deps);
    const bundles = new BundleExport({ ...deps, queries, content });
    const check = new RecordCheck({ ...deps, queries, opener: new LeafOpener({ ...deps, content }) });
    return {
      module: AppModule,
      controllers: [
        QueriesController,
        MetricsController,
        LiveController,
        LedgerController,
        LedgerChecksController,
        JanitorController,
      ],
      providers: [
        { provide: TraceQueries, useFactory: () => new TraceQueries(deps) },
        { provide: MetricsQueries, useFactory: () => new MetricsQueries(deps) },
        { provide: LedgerQueries, useValue: queries },
        { provide: BundleExport, useValue: bundles },
        { provide: CheckQueue, useFactory: () => new CheckQueue(check) },
        { provide: ExportStreams, useFactory: () => new ExportStreams() },
        { provide: JanitorPreview, useFactory: () => new JanitorPreview(deps.store) },
        { provide: LiveTail, useFactory: () => new LiveTail(deps.stream) },
        { provide: VERIFY_KEY, useValue: deps.verifyKey },
        { provide: VERIFY_SESSION, useValue: deps.verifySession },
        { provide: APP_GUARD, useClass: PermissionGuard },
        { provide: APP_INTERCEPTOR, useClass: ReadScopeInterceptor },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    this.#checks.close();
    await this.#tail.close();
  }
}
