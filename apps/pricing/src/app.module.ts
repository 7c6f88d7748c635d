import { type DynamicModule, Module } from '@nestjs/common';
import { PricingPipeline, type PricingPipelineDeps } from './pricing-pipeline.ts';
import { TracesController } from './traces.controller.ts';

@Module({})
export class AppModule {
  static register(deps: PricingPipelineDeps): DynamicModule {
    return {
      module: AppModule,
      controllers: [TracesController],
      providers: [{ provide: PricingPipeline, useFactory: () => new PricingPipeline(deps) }],
    };
  }
}
