import { stat } from 'node:fs/promises';

// For `node --import`: before the program proper begins the thread that does its file work is there to be traced, and
// whoever started the process may do so.
await stat('/');
const opened = new Promise((resolve) => process.once('message', resolve));
process.send?.({ gated: true });
await opened;
