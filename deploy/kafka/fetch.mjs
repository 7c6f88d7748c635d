// Fetches the jars of a real Apache Kafka for tests and for `npm run start:servers`, once, by the pinned list beside
// this file. Plain Node >= 18. Prints the folder. `node deploy/kafka/fetch.mjs [--check]`: with --check nothing is
// fetched, and a missing broker is exit code 1.
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const repository = 'https://repo1.maven.org/maven2';
const parallel = 8;
const tries = 3;
const timeoutMs = 60_000;
const here = dirname(fileURLToPath(import.meta.url));
const manifest = readFileSync(join(here, 'jars.txt'), 'utf8');
const jars = [...manifest.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)].map(([, sha256, path]) => ({
  sha256,
  path,
}));
const version = /kafka_2\.13-([\d.]+)\.jar/.exec(manifest)?.[1];
const cache = join(here, '../../node_modules/.cache/loom');
const folder = join(cache, `kafka-${version}`);

const isComplete = () => jars.every(({ path }) => existsSync(join(folder, basename(path))));

function verified({ sha256, path }, bytes, source) {
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256)
    throw new Error(`${path} from ${source} has sha256 ${found}, jars.txt says ${sha256}`);
  return bytes;
}

async function fromWeb(jar) {
  const response = await fetch(`${repository}/${jar.path}`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${jar.path}: Maven Central answered ${response.status}`);
  return verified(jar, Buffer.from(await response.arrayBuffer()), 'Maven Central');
}

// A machine that reaches Maven Central only by its own mirror has that in Maven's settings.
async function fromMaven(jar) {
  const parts = jar.path.split('/');
  const [jarVersion, artifact] = [parts.at(-2), parts.at(-3)];
  const coordinates = `${parts.slice(0, -3).join('.')}:${artifact}:${jarVersion}`;
  const run = promisify(execFile);
  await run('mvn', ['-q', '-B', 'dependency:get', `-Dartifact=${coordinates}`, '-Dtransitive=false']);
  const local = process.env.MAVEN_REPOSITORY ?? join(homedir(), '.m2/repository');
  return verified(jar, await readFile(join(local, jar.path)), 'the local Maven repository');
}

async function fetchJar(jar, target) {
  let failure;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    try {
      return await writeFile(join(target, basename(jar.path)), await fromWeb(jar));
    } catch (error) {
      failure = error;
    }
  }
  try {
    await writeFile(join(target, basename(jar.path)), await fromMaven(jar));
  } catch (error) {
    throw new Error(`${failure.message}; mvn: ${error.message.split('\n')[0]}`);
  }
}

async function fetchAll() {
  const target = join(cache, `.kafka-${randomUUID()}`);
  await mkdir(target, { recursive: true });
  try {
    const queue = [...jars];
    const worker = async () => {
      for (let jar = queue.shift(); jar; jar = queue.shift()) await fetchJar(jar, target);
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    await copyFile(join(here, 'jars.txt'), join(target, 'jars.txt'));
    if (existsSync(folder)) await rm(folder, { recursive: true });
    await rename(target, folder).catch((error) => {
      if (!isComplete()) throw error; // another process was faster: its folder is as good
    });
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

if (!isComplete()) {
  if (process.argv.includes('--check')) {
    console.error(`Apache Kafka ${version} is not there; run: node deploy/kafka/fetch.mjs`);
    process.exit(1);
  }
  try {
    await fetchAll();
  } catch (error) {
    console.error(`Apache Kafka ${version} could not be fetched: ${error.message}`);
    console.error(
      'Check that Maven Central can be reached (or that mvn can, by its settings) and run again:',
    );
    console.error('  node deploy/kafka/fetch.mjs');
    process.exit(1);
  }
}
console.log(`${folder} (${(await readdir(folder)).length - 1} jars)`);
