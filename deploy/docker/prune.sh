#!/bin/sh
# Leaves of a built tree what the services run on: their built output and production dependencies. Changes the tree.
set -eu
cd "$(dirname "$0")/../.."
services='gateway ingest pricing ledger query control console'

rm -rf node_modules apps/*/node_modules libs/*/node_modules
filters=''
for service in $services; do filters="$filters --filter-prod @loom/app-$service..."; done
# shellcheck disable=SC2086
npx --yes pnpm@10.34.9 install --prod --frozen-lockfile --prefer-offline $filters

for app in apps/*; do
  case " $services " in *" ${app#apps/} "*) ;; *) rm -rf "$app" ;; esac
done
for lib in libs/*; do [ -d "$lib/node_modules" ] || [ "$lib" = libs/errors ] || [ "$lib" = libs/http-server ] || rm -rf "$lib"; done
rm -rf apps/*/src libs/*/src libs/*/testdata apps/*/dist/testing libs/*/dist/testing apps/console/.next/cache
find . -maxdepth 1 ! -name . ! -name apps ! -name libs ! -name node_modules ! -name deploy ! -name package.json \
  ! -name LICENSE -exec rm -rf {} +
find deploy -mindepth 1 ! -path deploy/docker ! -path deploy/docker/make-env.mjs ! -path deploy/docker/.env.example -delete
