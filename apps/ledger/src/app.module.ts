import { type DynamicModule, Module } from '@nestjs/common';
import { EventsController } from './events.controller.ts';
import { SealingPipeline } from './seal/sealing-pipeline.ts';

@Module({})
export class AppModule {
  static register(pipeline: SealingPipeline): DynamicModule {
    return {
      module: AppModule,
      controllers: [EventsController],
      providers: [{ provide: SealingPipeline, useValue: pipeline }],
    };
  }
}
