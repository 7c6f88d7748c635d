import type { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { Deployment, startMsMax } from '../testing/deployment.ts';
import { clientSuite, recordSuite, type World } from './client-suite.ts';
import { aiSdkSpecs } from './ai-sdk.specs.ts';
import { aiSdkAnthropic, aiSdkChat, aiSdkCompatible, aiSdkResponses } from './ai-sdk.ts';
import { anthropicMessages } from './anthropic-sdk.ts';
import { googleGenAi } from './google-genai.ts';
import { langChainChat, langChainResponses } from './langchain.ts';
import { llamaIndexChat, llamaIndexResponses } from './llama-index.ts';
import { agentsChat, agentsResponses } from './openai-agents.ts';
import { officialSpecs } from './official.specs.ts';
import { openAiChat, openAiResponses } from './openai-sdk.ts';
import { Python, pythonClients } from './python-client.ts';
import { startScriptedProvider } from './scripted-provider.ts';

/*
 * What applications bring along: clients that nobody here wrote, each on providers of its own API and on those that
 * Loom translates to. Starting a deployment costs seconds, so that all share one.
 */
const python = await Python.prepare();
const clients = [
  ...[openAiChat, openAiResponses, anthropicMessages, googleGenAi],
  ...[aiSdkChat, aiSdkResponses, aiSdkAnthropic, aiSdkCompatible],
  ...[langChainChat, langChainResponses, llamaIndexChat, llamaIndexResponses, agentsChat, agentsResponses],
  ...(python.missing === null ? pythonClients(python) : []),
];
let provider: LLMock;
let loom: Deployment;
let world: World;
beforeAll(async () => {
  provider = await startScriptedProvider();
  loom = await Deployment.start({
    ...{ OPENAI_API_KEY: 'sk-openai', OPENAI_BASE_URL: `${provider.url}/v1` },
    ...{ ANTHROPIC_API_KEY: 'sk-anthropic', ANTHROPIC_BASE_URL: provider.url },
    ...{ GEMINI_API_KEY: 'gemini', GEMINI_BASE_URL: provider.url },
    OPENAI_COMPATIBLE_BASE_URL: `${provider.url}/v1`,
  });
  const { gatewayUrl, apiKey } = await loom.runtime();
  world = { gatewayUrl, apiKey, client: await loom.client() };
}, 2 * startMsMax);
afterAll(async () => {
  await python.close();
  await loom.destroy();
  await provider.stop();
});

if (python.missing !== null) it.skip(`openai for Python (missing: ${python.missing})`, () => undefined);
for (const spec of clients) clientSuite(spec, () => world);
officialSpecs(() => world);
aiSdkSpecs(() => world);
describe('the record', () => {
  for (const spec of clients) recordSuite(spec, () => world);
});
