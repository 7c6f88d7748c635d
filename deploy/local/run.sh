#!/bin/sh
# Brings in what a fresh clone lacks (pnpm, dependencies, Node 24, the build), then becomes the task that was asked for.
# Needs Node >= 18 and npm. Usage: run.sh build | start | servers | test | soak | loom … | bench … | seed …
set -eu
cd "$(dirname "$0")/../.."
task=$1
shift

say() { echo "$@" >&2; }

if [ ! -f node_modules/.modules.yaml ] || [ pnpm-lock.yaml -nt node_modules/.modules.yaml ]; then
  say "Installing dependencies …"
  npx --yes pnpm@10.34.9 install --frozen-lockfile --silent >&2
  touch node_modules/.modules.yaml
fi
node=$PWD/node_modules/node/bin/node
PATH=$PWD/node_modules/node/bin:$PWD/node_modules/.bin:$PATH
export PATH NX_DAEMON=false NX_NO_CLOUD=true

built=node_modules/.built
changed=yes
[ -f $built ] && changed=$(find apps libs package.json nx.json .swcrc pnpm-lock.yaml \( -name node_modules -o -name dist -o -name .next -o -name next-env.d.ts \) -prune -o -type f -newer $built -print -quit)
if [ "$changed" != "" ] && [ "${LOOM_SKIP_BUILD:-}" = "" ]; then
  touch $built.next
  say "Building …"
  nx run-many -t build --output-style=static >node_modules/.build.log 2>&1 || {
    cat node_modules/.build.log >&2
    exit 1
  }
  mv $built.next $built
fi

case $task in
  build) exit 0 ;;
  start) exec "$node" --disable-proto=throw --enable-source-maps apps/standalone/dist/main.js ;;
  servers)
    [ "${LOOM_EVENT_STREAM_URL:-}" != "" ] || "$node" deploy/kafka/fetch.mjs >&2
    exec "$node" --disable-proto=throw --enable-source-maps apps/e2e/dist/servers/servers.main.js
    ;;
  loom) exec "$node" --disable-proto=throw --enable-source-maps apps/cli/dist/main.js "$@" ;;
  bench) exec "$node" --disable-proto=throw --enable-source-maps apps/bench/dist/main.js "$@" ;;
  seed) exec "$node" --disable-proto=throw --enable-source-maps apps/bench/dist/main.js seed "$@" ;;
  test) exec "$node" --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --config jest.preset.js "$@" ;;
  soak)
    LOOM_TEST_SOAK=1 LOOM_TEST_REFUSALS=100000
    export LOOM_TEST_SOAK LOOM_TEST_REFUSALS
    exec "$node" --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --config jest.preset.js --testPathPatterns 'apps/e2e/|apps/gateway/src/(bad-input|stream-chaos)|apps/ledger/src/rival|libs/ledger/src/bundle/flipped|libs/service-kit/src/outbound-forms' "$@"
    ;;
  *)
    say "unknown task $task"
    exit 2
    ;;
esac
