import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { KeysController, ProjectsController, ProvidersController } from './control.controller.ts';
import { ControlStartup, type ControlStartupOptions } from './control-startup.ts';
import { KeyRegistry } from './key-registry.ts';
import {
  OutboundGuard,
  PermissionGuard,
  VERIFY_KEY,
  VERIFY_SESSION,
  type VerifyKey,
  type VerifySession,
} from '@loom/service-kit';
import { ProjectRegistry } from './project-registry.ts';
import { ProviderRegistry } from './provider-registry.ts';

export interface ControlModuleDeps extends ControlStartupOptions {
  readonly verifyKey: VerifyKey;
  readonly verifySession: VerifySession;
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
        { provide: VERIFY_SESSION, useValue: deps.verifySession },
        { provide: APP_GUARD, useClass: PermissionGuard },
      ],
    };
  }
  async onApplicationShutdown(): Promise<void> {
    await this.#startup.close();
  }
}
