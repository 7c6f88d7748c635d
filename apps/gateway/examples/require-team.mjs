/**
 * An own middleware: calls must name their team, and big answers are refused to nobody but noted.
 * Start with LOOM_GATEWAY_MIDDLEWARES=apps/gateway/examples/require-team.mjs
 */
export default function requireTeam() {
  return {
    name: 'require-team',
    async handle(call, next) {
      if (!call.metadata.team) throw refusal('name your team: x-loom-metadata: {"team":"…"}');
      call.metadata['policy'] = 'require-team';
      await next();
      // Here the call is over: call.end says how.
    },
  };
}

/** What the gateway understands as a refusal, without importing anything of it. */
function refusal(message) {
  const error = new Error(message);
  Object.defineProperty(error, Symbol.for('loom.error'), { value: true });
  return Object.assign(error, {
    code: 'permission_denied',
    status: 403,
    param: 'x-loom-metadata',
    reason: 'team_missing',
  });
}
