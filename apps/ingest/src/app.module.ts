import { type DynamicModule, Module } from '@nestjs/common';
import { EventsController } from './events.controller.ts';
import { IngestPipeline, type IngestPipelineDeps } from './ingest-pipeline.ts';

@Module({})
export class AppModule {
  static register(deps: IngestPipelineDeps): DynamicModule {
    return {
      module: AppModule,
      controllers: [EventsController],
      providers: [{ provide: IngestPipeline, useFactory: () => new IngestPipeline(deps) }],
    };
  }
}
