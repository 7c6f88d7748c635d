import { bootstrapControl, type BootstrapOptions, bundledPriceLists } from './bootstrap-control.ts';
import { ControlPublisher, type ControlPublisherOptions } from './control-publisher.ts';
import { readEnvironmentProviders } from './environment-providers.ts';

export interface ControlStartupOptions
  extends
    Pick<
      BootstrapOptions,
      'store' | 'masterKeys' | 'pepper' | 'apiKey' | 'operatorKey' | 'firstPerson' | 'onFirstPasswordChanged'
    >,
    Pick<ControlPublisherOptions, 'client' | 'onError'> {
  /** Where providers of origin `environment` are read from. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What control does once when it starts: bring the store up to date, then tell the stream, from then on. */
export class ControlStartup {
  readonly #publisher: ControlPublisher;

  private constructor(publisher: ControlPublisher) {
    this.#publisher = publisher;
  }

  static async run(options: ControlStartupOptions): Promise<ControlStartup> {
    await bootstrapControl({
      ...options,
      providers: readEnvironmentProviders(options.env),
      priceLists: await bundledPriceLists(),
    });
    const publisher = new ControlPublisher(options);
    publisher.start();
    return new ControlStartup(publisher);
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }
}
