import type { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { Deployment, startMsMax } from '../testing/deployment.ts';
import { clientSuite, keysKnown, makeKeys, recordSuite, type World } from './client-suite.ts';
import { aiSdkAnthropic, aiSdkChat, aiSdkCompatible, aiSdkResponses } from './ai-sdk.ts';
import { anthropicMessages } from './anthropic-sdk.ts';
import { langChainChat, langChainResponses } from './langchain.ts';
import { llamaIndexChat, llamaIndexResponses } from './llama-index.ts';
import { agentsChat, agentsResponses } from './openai-agents.ts';
import { openAiChat, openAiResponses } from './openai-sdk.ts';
import { startScriptedProvider } from './scripted-provider.ts';

/*
 * What applications bring along: clients that nobody here wrote, each on providers of its own API and on those that
 * Loom translates to. Starting a deployment costs seconds, so that all share one.
 */
const clients = [
  ...[openAiChat, openAiResponses, anthropicMessages],
  ...[aiSdkChat, aiSdkResponses, aiSdkAnthropic, aiSdkCompatible],
  ...[langChainChat, langChainResponses, llamaIndexChat, llamaIndexResponses, agentsChat, agentsResponses],
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
  const { gatewayUrl } = await loom.runtime();
  const client = await loom.client(await loom.secret('operator-key'));
  world = { gatewayUrl, client, keys: await makeKeys(client, clients) };
  await keysKnown(world);
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await provider.stop();
});

for (const spec of clients) clientSuite(spec, () => world);
describe('the record', () => {
  for (const spec of clients) recordSuite(spec, () => world);
});
