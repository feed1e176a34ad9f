#!/usr/bin/env bash
# Builds the viewer anew, holds it against the committed page, and tries it in a browser.
# KAFSIM names the kafsim that makes the runs; without it the one in target/ is taken.
set -euo pipefail
cd "$(dirname "$0")"

need() { command -v "$1" >/dev/null 2>&1; }
if ! need node; then
  echo "no node: install Node.js 20.19 or later"; exit 1
fi
if ! need chromium && [ -z "${CHROMIUM:-}" ]; then
  root=""
  [ "$(id -u)" = 0 ] || root=sudo
  $root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 chromium fonts-dejavu-core fonts-liberation >/dev/null
fi
export CHROMIUM="${CHROMIUM:-$(command -v chromium)}"

npm ci --no-audit --no-fund --loglevel=error
npm run --silent check
before=$(sha256sum ../src/report/viewer.html)
npm run --silent build
if [ "$before" != "$(sha256sum ../src/report/viewer.html)" ]; then
  echo "src/report/viewer.html is not what viewer/ builds: run 'npm run build' there and commit it"
  exit 1
fi

VIEWER_TEST_DIR=$(mktemp -d)
export VIEWER_TEST_DIR
trap 'rm -rf "$VIEWER_TEST_DIR"' EXIT
npm test
