import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { LoomClient } from '@loom/api-contract';
import { eventually } from '../testing/deployment.ts';
import { cities, countText, helloText, person, resultText, tokensOf } from './scripted-provider.ts';

export const instructions = 'Be terse.';
export const prompts = {
  ...{ hello: 'Say hello.', weather: 'What is the weather in Praha and Brno?' },
  ...{ person: 'Make up a person.', count: 'Count slowly.' },
};
export const weatherDescription = 'The weather of a city';
export const weatherOf = (city: string) => ({ degrees: city === cities[0] ? 21 : 19 });

export interface Connection {
  /** Of the gateway, without a version. */
  readonly url: string;
  readonly apiKey: string;
  /** On each request of the client. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer as the client's user sees it. */
export interface Said {
  readonly text: string;
  /** In the client's own words. */
  readonly finish: string | null | undefined;
  readonly usage: { readonly input: number | undefined; readonly output: number | undefined };
  /** Whatever the pieces of a stream said that they belong to. */
  readonly ids?: readonly string[];
}

interface ToolRun {
  /** As the client's tool got them. */
  readonly calls: readonly { readonly name: string; readonly input: unknown }[];
  readonly text: string;
}

/** What every client is asked for. */
export interface Client {
  chat(model: string): Promise<Said>;
  stream(model: string): Promise<Said>;
  callTools(model: string, options: { readonly stream: boolean }): Promise<ToolRun>;
  structured(model: string): Promise<unknown>;
  /** Leaves a stream after its first pieces; the text until then. */
  abort(model: string): Promise<string>;
}

export interface ClientSpec {
  readonly name: string;
  readonly dialect: string;
  /** The finish of a whole answer, in the client's own words. */
  readonly finish: string | undefined;
  readonly models: readonly string[];
  /** Those of the models whose API has no words for what this client always sends: there it asks to have it left out. */
  readonly lenientOn?: readonly string[];
  readonly connect: (connection: Connection) => Client | Promise<Client>;
}

export interface World {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  readonly client: LoomClient;
}

/** All calls of a client on a model are one trace: so they are found. */
const traceOf = ({ name }: ClientSpec, model: string) =>
  createHash('sha256').update(`${name} on ${model}`).digest('hex').slice(0, 32);

/** Runs a client on each of its models. */
export function clientSuite(spec: ClientSpec, world: () => World): void {
  describe.each(spec.models)(`${spec.name} on %s`, (model) => {
    let client: Client;
    beforeAll(async () => {
      const { gatewayUrl: url, apiKey } = world();
      const lenient = spec.lenientOn?.includes(model) ?? false;
      const headers = {
        traceparent: `00-${traceOf(spec, model)}-00f067aa0ba902b7-01`,
        ...(lenient ? { 'x-loom-unsupported': 'drop' } : {}),
      };
      client = await spec.connect({ url, apiKey, headers });
    });
    const usage = { input: tokensOf.hello[0], output: tokensOf.hello[1] };

    it('chats', async () => {
      expect(await client.chat(model)).toMatchObject({ text: helloText, finish: spec.finish, usage });
    });

    it('streams, each piece under the same id', async () => {
      const said = await client.stream(model);
      expect(said).toMatchObject({ text: helloText, finish: spec.finish, usage });
      expect(new Set(said.ids).size).toBeLessThanOrEqual(1);
    });

    it.each([false, true])('calls tools at once and tells what they said (stream: %s)', async (stream) => {
      expect(await client.callTools(model, { stream })).toEqual({
        calls: cities.map((city) => ({ name: 'get_weather', input: { city } })),
        text: resultText,
      });
    });

    it('gets a structure', async () => {
      expect(await client.structured(model)).toEqual(person);
    });

    it('leaves a stream', async () => {
      const text = await client.abort(model);
      expect(text).not.toBe('');
      expect(countText.startsWith(text)).toBe(true);
      expect(text.length).toBeLessThan(countText.length / 2);
    });
  });
}

const completed = ([input, output]: readonly [number, number]) => `completed provider ${input} ${output}`;
const callsOfSuite = [
  ...[tokensOf.hello, tokensOf.hello, tokensOf.person],
  ...[tokensOf.call, tokensOf.result, tokensOf.call, tokensOf.result],
].map(completed);

/** After the suite of a client: each of its calls is on the record, once, and means what the client said. */
export function recordSuite(spec: ClientSpec, world: () => World): void {
  it.each(spec.models)(`has each call of ${spec.name} on %s once`, async (model) => {
    const params = { traceId: traceOf(spec, model) };
    const { spans } = await eventually(
      () => world().client.getTrace({ params, query: { content: 'none' } }),
      (page) => page.spans.length > callsOfSuite.length,
    );
    expect(spans.map(({ dialect }) => dialect)).toEqual(spans.map(() => spec.dialect));
    expect(spans.map(({ requestModel }) => requestModel)).toEqual(spans.map(() => model));
    expect(spans.some(({ dropped }) => dropped.length > 0)).toBe(spec.lenientOn?.includes(model) ?? false);
    const done = spans.filter(({ outcome }) => outcome !== 'aborted');
    expect(
      done
        .map((span) => [span.outcome, span.usageSource, span.usage?.inputTokens, span.usage?.outputTokens])
        .map((facts) => facts.join(' '))
        .toSorted(),
    ).toEqual(callsOfSuite.toSorted());
    const left = spans.filter(({ outcome }) => outcome === 'aborted');
    expect(left).toMatchObject([{ error: { type: 'client_abort' }, streamed: true }]);
  });
}
