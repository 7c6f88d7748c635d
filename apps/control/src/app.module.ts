import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiKeyGuard, VERIFY_KEY, type VerifyKey } from '@loom/service-kit';
import { KeysController, ProjectsController, ProvidersController } from './control.controller.ts';
import { ControlStartup, type ControlStartupOptions } from './control-startup.ts';
import { KeyRegistry } from './key-registry.ts';
import { OutboundGuard } from '@loom/service-kit';
import { ProjectRegistry } from './project-registry.ts';
import { ProviderRegistry } from './provider-registry.ts';

export interface ControlModuleDeps extends ControlStartupOptions {
  readonly verifyKey: VerifyKey;
  /** Hosts that may be private (`LOOM_OUTBOUND_ALLOW`). */
  readonly outboundAllow: readonly string[];
}

@Module({})
export class AppModule implements OnApplicationShutdown {
  readonly #startup: ControlStartup;

  constructor(@Inject(ControlStartup) startup: ControlStartup) {
    this.#startup = startup;
  }

  static register(deps: ControlModuleDeps): DynamicModule {
    return {
      module: AppModule,
      controllers: [KeysController, ProvidersController, ProjectsController],
      providers: [
        { provide: ControlStartup, useFactory: () => ControlStartup.run(deps) },
        { provide: KeyRegistry, useFactory: () => new KeyRegistry(deps) },
        {
          provide: ProviderRegistry,
          useFactory: () =>
            new ProviderRegistry({ ...deps, guard: new OutboundGuard({ allow: deps.outboundAllow }) }),
        },
        { provide: ProjectRegistry, useFactory: () => new ProjectRegistry(deps.store) },
        { provide: VERIFY_KEY, useValue: deps.verifyKey },
        { provide: APP_GUARD, useClass: ApiKeyGuard },
      ],
    };
  }
  async onApplicationShutdown(): Promise<void> {
    await this.#startup.close();
  }
}
