import type { ControlStore } from '@loom/control-store';
import type { MasterKeys } from '@loom/control-store/secrets';
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiKeyGuard, VERIFY_KEY, type VerifyKey } from './api-key.guard.ts';
import type { Pepper } from './bootstrap-control.ts';
import { KeysController, ProjectsController, ProvidersController } from './control.controller.ts';
import { KeyRegistry } from './key-registry.ts';
import type { OutboundGuard } from './outbound-guard.ts';
import { ProjectRegistry } from './project-registry.ts';
import { ProviderRegistry } from './provider-registry.ts';

export interface ControlModuleDeps {
  readonly store: ControlStore;
  readonly verifyKey: VerifyKey;
  readonly masterKeys: MasterKeys;
  readonly pepper: Pepper;
  readonly guard: OutboundGuard;
}

@Module({})
export class AppModule {
  static register(deps: ControlModuleDeps): DynamicModule {
    return {
      module: AppModule,
      controllers: [KeysController, ProvidersController, ProjectsController],
      providers: [
        { provide: KeyRegistry, useFactory: () => new KeyRegistry(deps) },
        { provide: ProviderRegistry, useFactory: () => new ProviderRegistry(deps) },
        { provide: ProjectRegistry, useFactory: () => new ProjectRegistry(deps.store) },
        { provide: VERIFY_KEY, useValue: deps.verifyKey },
        { provide: APP_GUARD, useClass: ApiKeyGuard },
      ],
    };
  }
}
