#!/usr/bin/env node
import { readConfig } from './config.ts';
import { runCli } from './program.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());
// A reader that left (`loom traces | head`) is no error.
process.stdout.on('error', () => interrupted.abort());

process.exitCode = await runCli(process.argv.slice(2), readConfig, {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  ...(process.stderr.isTTY && { progress: (text) => void process.stderr.write(`\r\x1b[K${text}`) }),
  signal: interrupted.signal,
});
