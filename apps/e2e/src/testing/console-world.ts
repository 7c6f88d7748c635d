import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLoomClient, type LoomClient, projectHeader } from '@loom/api-contract';
import { answerJson, UpstreamPlayer } from '@loom/testkit';
import { Deployment, eventually, type Runtime } from './deployment.ts';
import { callInAllDialects, dialectCalls, dialectPlays } from './dialect-calls.ts';
import { plays } from './provider-plays.ts';

export interface CallOptions {
  readonly key?: string;
  readonly text?: string;
  readonly stream?: boolean;
  readonly session?: string;
  readonly user?: string;
  readonly metadata?: object;
  readonly traceparent?: string;
  /** In place of the one with `text`. */
  readonly messages?: readonly object[];
}

/** Someone with a session: the cookie as `name=value`. */
export interface Person {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly cookie: string;
}

export const largeTraceId = '5'.repeat(32);
export const largeTraceSpans = 5000;
/** One of each play but the slow one, the questions, those in other dialects, the mixed and the large trace. */
const callsMin = Object.keys(plays).length - 1 + 12 + dialectCalls + 2;
const callMsMax = 15_000;
const mixedTraceId = 'abcdef0123456789abcdef0123456789';

/** One deployment with real calls of every kind, and two organizations with people of every role. */
export class ConsoleWorld {
  readonly loom: Deployment;
  readonly runtime: Runtime;
  readonly #player: UpstreamPlayer;
  /** Trace ids by what was called. */
  readonly traces = new Map<string, string>();

  private constructor(loom: Deployment, runtime: Runtime, player: UpstreamPlayer) {
    this.loom = loom;
    this.runtime = runtime;
    this.#player = player;
  }

  static async start(): Promise<ConsoleWorld> {
    const player = await UpstreamPlayer.start((request, response) => {
      if (request.body.length === 0) return answerJson({ data: [{ id: 'plain-1' }] })(request, response);
      const { model } = JSON.parse(request.body.toString()) as { model: string };
      const play =
        plays[model] ?? dialectPlays[model] ?? answerJson({ error: { message: `no model ${model}` } }, 404);
      return play(request, response);
    });
    const loom = await Deployment.start({
      OPENAI_COMPATIBLE_BASE_URL: player.url,
      LOOM_OUTBOUND_ALLOW: '127.0.0.1',
    });
    return new ConsoleWorld(loom, await loom.runtime(), player);
  }

  async stop(): Promise<void> {
    await this.loom.destroy();
    await this.#player.close();
  }

  /** Base URL of the provider that plays. */
  get providerUrl(): string {
    return this.#player.url;
  }

  traceOf(name: string): string {
    const traceId = this.traces.get(name);
    if (traceId === undefined) throw new Error(`nothing was called as ${name}`);
    return traceId;
  }

  /** A call through the gateway, read to its end or its break; its trace id, or nothing when the key is not known. */
  async call(model: string, options: CallOptions = {}): Promise<string> {
    const { key, text = 'hello', stream = false, session, user, metadata, traceparent, messages } = options;
    const response = await fetch(`${this.runtime.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key ?? this.runtime.apiKey}`,
        'content-type': 'application/json',
        ...(session !== undefined && { 'x-loom-session-id': session }),
        ...(user !== undefined && { 'x-loom-user-id': user }),
        ...(metadata !== undefined && { 'x-loom-metadata': JSON.stringify(metadata) }),
        ...(traceparent !== undefined && { traceparent }),
      },
      body: JSON.stringify({ model, stream, messages: messages ?? [{ role: 'user', content: text }] }),
      signal: AbortSignal.timeout(callMsMax),
    });
    await response.text().catch(() => ''); // a stream that breaks is what some are called for
    return response.status === 401 ? '' : (response.headers.get('x-loom-trace-id') ?? '');
  }

  /** Calls of every kind, on the record when this resolves. */
  async fill(): Promise<void> {
    const own = (model: string, options?: CallOptions) => this.call(`openai-compatible/${model}`, options);
    for (const name of Object.keys(plays)) {
      if (name === 'slow-1') continue;
      this.traces.set(name, await own(name, { stream: /^(?:stream|torn)/.test(name), user: 'petra' }));
    }
    for (let turn = 1; turn <= 12; turn += 1) {
      await this.call('loom-sim', {
        text: `Question ${turn} about refunds`,
        stream: turn % 3 === 0,
        session: `chat-${turn % 3}`,
        user: turn % 2 === 0 ? 'jan' : 'petra',
        metadata: { region: turn % 2 === 0 ? 'eu' : 'us' },
      });
    }
    const dialog = [
      { role: 'system', content: 'You are terse.' },
      { role: 'user', content: 'What is the weather in Praha?' },
      { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Praha"}' } }] },
      { role: 'tool', tool_call_id: 'c1', content: '{"celsius": 21}' },
    ]; // prettier-ignore
    for (const [model, span] of [
      ['tools-1', '1'],
      ['stream-1', '2'],
      ['broken-1', '3'],
      ['plain-1', '4'],
    ] as const) {
      const traceparent = `00-${mixedTraceId}-${span.repeat(16)}-01`;
      await own(model, { traceparent, stream: model === 'stream-1', messages: dialog });
    }
    this.traces.set('mixed', mixedTraceId);
    await callInAllDialects(this);
    await this.#multiply(this.traceOf('plain-1'));
    const client = await this.loom.client();
    await eventually(
      () => client.listTraces({ query: { limit: 200 } }),
      ({ traces }) => new Set(traces.map(({ traceId }) => traceId)).size >= callsMin,
    );
    await eventually(
      () => client.getTraceOutline({ params: { traceId: mixedTraceId } }),
      ({ spans }) => spans.length === 4,
    );
  }

  /** A trace of thousands of spans, made in the store out of one that is there: as calls they would take minutes. */
  async #multiply(traceId: string): Promise<void> {
    const client = await this.loom.client();
    await eventually(
      () => client.getTraceOutline({ params: { traceId } }),
      ({ spans }) => spans.length === 1,
    );
    const { traceStoreUrl } = JSON.parse(await readFile(join(this.loom.home, 'engines.json'), 'utf8')) as {
      traceStoreUrl: string;
    };
    const url = new URL(traceStoreUrl);
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    const response = await fetch(`${url.origin}/?database=${url.pathname.slice(1)}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
      body: `
        INSERT INTO spans SELECT source.* REPLACE (
          '${largeTraceId}' AS trace_id,
          leftPad(lower(hex(number + 1)), 16, '0') AS span_id,
          if(number = 0, '', leftPad(lower(hex(intDiv(number - 1, 5) + 1)), 16, '0')) AS parent_span_id,
          source.start_time + toIntervalMillisecond(number * 3) AS start_time,
          toUInt64((1 + intDiv(5000 - number, 4)) * 3000000) AS duration_nanos,
          ['invoke_agent', 'chat', 'execute_tool', 'chat', 'retrieval'][number % 5 + 1] AS operation,
          concat('span-', toString(number)) AS call_id,
          concat('agent-', toString(number % 7)) AS agent_name
        ) FROM (SELECT * FROM spans WHERE trace_id = '${traceId}') AS source
        CROSS JOIN numbers(${largeTraceSpans}) AS series`,
    });
    if (!response.ok) throw new Error(await response.text());
  }

  /** Signs in as a browser does, through the console's origin. */
  async signIn(email: string, password: string): Promise<string> {
    const response = await this.asked('control', '/v1/sign-in', null, { body: { email, password } });
    if (!response.ok) throw new Error(`sign-in of ${email}: ${response.status} ${await response.text()}`);
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  }

  asked(
    service: 'query' | 'control',
    path: string,
    cookie: string | null,
    options: { readonly body?: object; readonly projectId?: string; readonly signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { body, projectId, signal } = options;
    return fetch(`${this.runtime.consoleUrl}/api/${service}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: {
        origin: this.runtime.consoleUrl,
        ...(cookie !== null && { cookie }),
        ...(projectId !== undefined && { [projectHeader]: projectId }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }

  /** What the console of this person would call. */
  clientOf(cookie: string, projectId: string): LoomClient {
    const { consoleUrl } = this.runtime;
    return createLoomClient({
      queryUrl: `${consoleUrl}/api/query`,
      controlUrl: `${consoleUrl}/api/control`,
      apiKey: null,
      projectId,
      fetch: (url, init) =>
        fetch(url, { ...init, headers: { ...(init?.headers as object), cookie, origin: consoleUrl } }),
    });
  }

  async admin(): Promise<string> {
    this.#admin ??= this.signIn(this.runtime.adminEmail, this.runtime.adminPassword);
    return this.#admin;
  }
  #admin: Promise<string> | null = null;

  /** A newcomer by an invitation link of whoever may invite. */
  async invite(client: LoomClient, role: 'owner' | 'member' | 'viewer', mark: string): Promise<Person> {
    const { token } = await client.createInvitation({ body: { role } });
    const person = {
      name: `${mark} ${role}`,
      email: `${role}@${mark}.example.com`,
      password: 'correct horse battery',
    };
    const accepted = await this.asked('control', `/v1/invitation-offers/${token}/accept`, null, {
      body: person,
    });
    if (!accepted.ok) throw new Error(await accepted.text());
    const cookie = accepted.headers.getSetCookie()[0]?.split(';')[0];
    return { ...person, cookie: cookie ?? (await this.signIn(person.email, person.password)) };
  }
}
