import type { Runtime } from './runtime-file.ts';

/** What a newcomer reads when Loom is ready. */
export function firstSteps(runtime: Omit<Runtime, 'pids'>, home: string): string {
  return `
Loom is running.

  Console   ${runtime.consoleUrl}      sign in as ${signIn(runtime)}
  Gateway   ${runtime.gatewayUrl}/v1      set this as the base URL of an OpenAI SDK
  API key   ${runtime.apiKey}
  Read API  ${runtime.queryUrl}      OpenAPI at ${runtime.queryUrl}/openapi.json
  Data      ${home}

Try it:

  curl ${runtime.gatewayUrl}/v1/chat/completions -H 'authorization: Bearer ${runtime.apiKey}' \\
    -H 'content-type: application/json' -d '{"model":"loom-sim","messages":[{"role":"user","content":"hello"}]}'

  npm run loom -- traces

`;
}

function signIn({ adminEmail, adminPassword }: Omit<Runtime, 'pids'>): string {
  return adminPassword === null ? 'before' : `${adminEmail} with the password ${adminPassword}`;
}
