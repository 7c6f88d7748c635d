import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { LoomError } from '@loom/errors';
import type { Target } from './target.ts';

/** nginx as a plain proxy with kept connections, in a directory of its own; null when it is not on the PATH. */
export async function startNginx(directory: string, upstreamUrl: string): Promise<Target | null> {
  const binary = await findOnPath('nginx');
  if (binary === null) return null;
  const prefix = join(directory, 'nginx');
  await mkdir(prefix, { recursive: true });
  const port = await freePort();
  await writeFile(join(prefix, 'nginx.conf'), configuration(port, new URL(upstreamUrl).host));
  const child = spawn(
    binary,
    ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', join(prefix, 'error.log')],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  if (!(await answers(url)) || child.pid === undefined) {
    child.kill('SIGKILL');
    throw new LoomError('unavailable', `nginx (${binary}) did not start; see its message above`);
  }
  return {
    name: 'nginx',
    url,
    authorization: null,
    pid: child.pid,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function configuration(port: number, upstream: string): string {
  return `daemon off;
worker_processes 1;
pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream provider { server ${upstream}; keepalive 256; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 10000000;
    client_body_buffer_size 64k;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
}

async function findOnPath(name: string): Promise<string | null> {
  for (const directory of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const path = join(directory, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return null;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url: string): Promise<boolean> {
  for (let tries = 0; tries < 50; tries += 1) {
    if (
      await fetch(url).then(
        (response) => response.text().then(() => true),
        () => false,
      )
    )
      return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
