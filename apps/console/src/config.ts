/** Where the services are: all that the console's process knows. Checked by `server/main.mjs` before it listens. */
export const serviceUrls: Readonly<Record<string, string | undefined>> = {
  query: process.env['LOOM_QUERY_URL'],
  control: process.env['LOOM_CONTROL_URL'],
};
