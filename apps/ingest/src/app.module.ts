import { type DynamicModule, Module } from '@nestjs/common';
import { EventsController } from './events.controller.ts';
import { IngestPipeline } from './ingest-pipeline.ts';

@Module({})
export class AppModule {
  static register(pipeline: IngestPipeline): DynamicModule {
    return {
      module: AppModule,
      controllers: [EventsController],
      providers: [{ provide: IngestPipeline, useValue: pipeline }],
    };
  }
}
