import { type DynamicModule, Inject, Module, type BeforeApplicationShutdown } from '@nestjs/common';
import { type Gateway, type GatewayDeps, openGateway } from './gateway.ts';

export const GATEWAY = Symbol('gateway');

/** Opens the gateway when the application starts and closes it, running calls first, when the application stops. */
@Module({})
export class AppModule implements BeforeApplicationShutdown {
  constructor(@Inject(GATEWAY) private readonly gateway: Gateway) {}

  static register(deps: GatewayDeps): DynamicModule {
    return { module: AppModule, providers: [{ provide: GATEWAY, useFactory: () => openGateway(deps) }] };
  }

  /** Before the HTTP server closes: running calls are still on its sockets. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.gateway.close();
  }
}
