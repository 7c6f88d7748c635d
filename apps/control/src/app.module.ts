import type { BlockList } from 'node:net';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { CounterStore } from '@loom/counter-store';
import type { EventStream } from '@loom/event-stream';
import {
  OutboundGuard,
  PermissionGuard,
  type PortRange,
  VERIFY_KEY,
  VERIFY_SESSION,
  type VerifyKey,
  type VerifySession,
} from '@loom/service-kit';
import {
  ErasuresController,
  KeysController,
  PricesController,
  ProjectsController,
  ProvidersController,
  ViewsController,
} from './control.controller.ts';
import { ControlStartup, type ControlStartupOptions } from './control-startup.ts';
import { DeadLetterIndex } from './dead-letter-index.ts';
import { DeploymentController } from './deployment.controller.ts';
import { DeploymentWatch, type DeploymentWatchDeps } from './deployment-watch.ts';
import { ErasureDesk } from './erasure-desk.ts';
import { KeyRegistry } from './key-registry.ts';
import { KnownDevices } from './known-devices.ts';
import { OrganizationRegistry } from './organization-registry.ts';
import { OrganizationsController } from './organizations.controller.ts';
import { PriceRegistry } from './price-registry.ts';
import { ProjectRegistry } from './project-registry.ts';
import { ProviderProbe } from './provider-probe.ts';
import { ProviderRegistry } from './provider-registry.ts';
import { SessionDesk } from './session-desk.ts';
import { SessionsController, TRUSTED_PROXIES } from './sessions.controller.ts';
import { SignInLimiter } from './sign-in-limiter.ts';
import { ViewRegistry } from './view-registry.ts';

export interface ControlModuleDeps extends ControlStartupOptions {
  readonly verifyKey: VerifyKey;
  /** Hosts that may be private (`LOOM_OUTBOUND_ALLOW`). */
  readonly outboundAllow: readonly string[];
  /** Ports of entered providers (`LOOM_OUTBOUND_PORTS`); default: those of HTTP. */
  readonly outboundPorts?: readonly PortRange[];
  readonly signIn: SignInDeps;
  readonly stream: Pick<EventStream, 'tail'>;
  readonly deployment: DeploymentWatchDeps;
}

interface SignInDeps {
  /** Counts failed tries. Closed by its opener. */
  readonly counters: CounterStore;
  /** Signs the cookies of known devices and hides the names of counters. */
  readonly secret: string;
  readonly trustedProxies: BlockList;
}

@Module({})
export class AppModule implements OnApplicationShutdown {
  readonly #startup: ControlStartup;
  readonly #deadLetters: DeadLetterIndex;

  constructor(
    @Inject(ControlStartup) startup: ControlStartup,
    @Inject(DeadLetterIndex) deadLetters: DeadLetterIndex,
  ) {
    this.#startup = startup;
    this.#deadLetters = deadLetters;
  }

  static register(deps: ControlModuleDeps): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        SessionsController,
        OrganizationsController,
        KeysController,
        ProvidersController,
        ProjectsController,
        ErasuresController,
        PricesController,
        ViewsController,
        DeploymentController,
      ],
      providers: [
        { provide: ControlStartup, useFactory: () => ControlStartup.run(deps) },
        { provide: SessionDesk, useFactory: () => openSessionDesk(deps) },
        { provide: KnownDevices, useFactory: () => new KnownDevices(deps.signIn) },
        { provide: TRUSTED_PROXIES, useValue: deps.signIn.trustedProxies },
        { provide: OrganizationRegistry, useFactory: () => new OrganizationRegistry(deps) },
        { provide: KeyRegistry, useFactory: () => new KeyRegistry(deps) },
        { provide: ProviderRegistry, useFactory: () => openProviderRegistry(deps) },
        { provide: ProjectRegistry, useFactory: () => new ProjectRegistry(deps.store) },
        { provide: ErasureDesk, useFactory: () => new ErasureDesk(deps) },
        { provide: PriceRegistry, useFactory: () => new PriceRegistry(deps) },
        { provide: ViewRegistry, useFactory: () => new ViewRegistry(deps.store) },
        { provide: DeploymentWatch, useFactory: () => new DeploymentWatch(deps.deployment) },
        { provide: DeadLetterIndex, useFactory: () => openDeadLetters(deps) },
        { provide: VERIFY_KEY, useValue: deps.verifyKey },
        { provide: VERIFY_SESSION, useValue: verifySession(deps) },
        { provide: APP_GUARD, useClass: PermissionGuard },
      ],
    };
  }
  async onApplicationShutdown(): Promise<void> {
    await this.#startup.close();
    await this.#deadLetters.close();
  }
}

function verifySession({ store }: ControlModuleDeps): VerifySession {
  return (token, projectId) => store.identity.readSession(token, projectId);
}

function openSessionDesk({
  store,
  firstPerson,
  onFirstPasswordChanged,
  signIn,
}: ControlModuleDeps): SessionDesk {
  const onPasswordChanged = async (email: string) => {
    if (email === firstPerson?.email.toLowerCase()) await onFirstPasswordChanged();
  };
  return new SessionDesk({ store, limiter: new SignInLimiter(signIn), onPasswordChanged });
}

function openProviderRegistry(deps: ControlModuleDeps): ProviderRegistry {
  const guard = new OutboundGuard({
    allow: deps.outboundAllow,
    ...(deps.outboundPorts && { ports: deps.outboundPorts }),
  });
  return new ProviderRegistry({ ...deps, guard, probe: new ProviderProbe({ ...deps, guard }) });
}

async function openDeadLetters(deps: ControlModuleDeps): Promise<DeadLetterIndex> {
  const index = new DeadLetterIndex(deps);
  await index.start();
  return index;
}
