// Runs for the tests, made by the kafsim that is tested, and a page of each.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const built = ['release', 'debug'].map((profile) => join(root, 'target', profile, 'kafsim'));
export const KAFSIM = process.env['KAFSIM'] ?? built.find(existsSync) ?? 'kafsim';
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
// One folder for all test files of a call of ci.sh; else one of its own.
const folder = process.env['VIEWER_TEST_DIR'] ?? mkdtempSync(join(tmpdir(), 'kafsim-viewer-'));
mkdirSync(folder, { recursive: true });

export function kafsim(...args) {
  return execFileSync(KAFSIM, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 30 });
}

// What `kafsim run --format json` prints, whatever it judges.
export function judged(...args) {
  const run = ['run', '--no-record', '--format', 'json', ...args];
  return JSON.parse(spawnSync(KAFSIM, run, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 30 }).stdout);
}

// The scenario of a transcript of what commands print.
export function scenarioOf(transcript) {
  const path = join(folder, `${basename(transcript, '.txt')}.toml`);
  writeFileSync(path, readFileSync(join(root, transcript), 'utf8').split('\n---- commands\n')[0] + '\n');
  return path;
}

// The run file of a scenario; written once.
export function runOf(scenario, ...args) {
  const name = [basename(scenario, '.toml'), ...args].join('').replace(/[^\w.-]/g, '_');
  // The museum and the lessons have scenarios of one name.
  const place = join(folder, basename(dirname(scenario)));
  mkdirSync(place, { recursive: true });
  const path = join(place, `${name}.run`);
  if (!existsSync(path)) {
    try {
      kafsim('run', scenario, '--out', path, ...args);
    } catch (error) {
      // A run that breaks a claim ends with another code, and is written all the same.
      if (!existsSync(path)) throw error;
    }
  }
  return path;
}

export function pageOf(run) {
  const path = run.replace(/\.run$/, '.html');
  if (!existsSync(path)) kafsim('view', run, '-o', path, '--no-rerun');
  return path;
}

// The page of two runs.
export function pageOfTwo(one, other) {
  const path = one.replace(/\.run$/, `-and-${basename(other, '.run')}.html`);
  if (!existsSync(path)) kafsim('view', one, '--compare', other, '-o', path);
  return path;
}

// The two blocks of a page.
export function blocks(page) {
  const html = readFileSync(page, 'utf8');
  const [, head] = /id="run-head">([^<]*)</.exec(html);
  const [, columns] = /id="run-columns">([^<]*)</.exec(html);
  return { html, head, columns };
}

// A page whose head or columns were changed, as somebody with bad intentions might.
export function tampered(page, name, { head = (it) => it, columns = (it) => it, packed = (it) => it }) {
  const { html, head: text, columns: base64 } = blocks(page);
  const changed = columns(gunzipSync(Buffer.from(base64, 'base64')));
  const value = head(JSON.parse(text), changed);
  const json = JSON.stringify(value).replace(/[<>&]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const path = join(folder, `${name}.html`);
  writeFileSync(path, html.replace(text, () => json).replace(base64, () => packed(gzipSync(changed)).toString('base64')));
  return path;
}

// Numbers that are the same in every call: tests shall fail twice alike.
export function* random(seed) {
  let state = seed >>> 0;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

// The page's data layer, as `npm run build` makes it for node.
export const data = () => import('../dist/data/data.mjs');
