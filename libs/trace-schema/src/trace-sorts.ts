/** What a list of traces can be sorted by: figures of the whole trace, or facts of its newest matching span. */
export const traceSorts = [
  ...(['time', 'latency', 'tokens', 'cost', 'spans', 'errors'] as const),
  ...(['firstChunk', 'outcome', 'model', 'provider', 'operation', 'user', 'session', 'key'] as const),
] as const;
export type TraceSort = (typeof traceSorts)[number];

export const traceOrders = ['desc', 'asc'] as const;
export type TraceOrder = (typeof traceOrders)[number];
