interface ListenPlace {
  readonly host: string;
  readonly port: number;
  /** What the names of the variables begin with that set both: `LOOM_QUERY` of `LOOM_QUERY_PORT`. */
  readonly variables?: string | undefined;
}

const portFaults: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use; stop the process that uses it, or set another port',
  EACCES: 'is for root alone; set a port above 1023',
};
const hostFaults: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'is not an address of this machine; set another one',
  ENOTFOUND: 'is not an address of this machine; set another one',
};

/** Returns in one sentence why a server cannot listen there and what to do; null for an error of another kind. */
export function listenFault(error: unknown, { host, port, variables }: ListenPlace): string | null {
  const code = String((error as { readonly code?: unknown }).code);
  const named = (suffix: string) => (variables === undefined ? '' : `${variables}_${suffix}: `);
  if (portFaults[code]) return `${named('PORT')}port ${port} of ${host} ${portFaults[code]}`;
  if (hostFaults[code]) return `${named('HOST')}${host} ${hostFaults[code]}`;
  return null;
}
