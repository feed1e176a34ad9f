// The names of the page's own properties, which the script as it is served has in short.
//
// Terser leaves alone what browsers call so. What the run's head calls so, what elements are made
// with, what stands in quotes somewhere, and what the tests ask for, is not ours to rename.

import { readdirSync, readFileSync } from 'node:fs';

const here = (path) => new URL(path, import.meta.url);
const textsOf = (folder) => readdirSync(here(folder)).filter((name) => /\.(ts|mjs)$/.test(name)).map((name) => readFileSync(here(`${folder}/${name}`), 'utf8'));

export function ownNames() {
  const source = ['src', 'src/data', 'src/ui'].flatMap(textsOf).join('\n');
  const names = new Set();
  // No key of the head has a capital letter in it. Of other names those are taken that classes give.
  for (const pattern of [/\b([a-z]+(?:[A-Z][A-Za-z0-9]*)+)\b/g, /^ {2}(?:private |readonly |async |get )+([a-z]\w*)/gm, /^ {2}([a-z]\w*)\(.*\{$/gm]) {
    for (const [, name] of source.matchAll(pattern)) names.add(name);
  }
  for (const [, body] of source.matchAll(/\binterface \w+ \{([^}]*)\}/g)) for (const [, name] of body.matchAll(/(\w+)\??:/g)) names.add(name);
  const head = readFileSync(here('src/data/run.ts'), 'utf8').split('export type Role')[0];
  const schema = readFileSync(here('src/data/columns.ts'), 'utf8').match(/^interface \w*Schema .*$/gm);
  for (const [name] of [head, ...schema].join('\n').matchAll(/\w+/g)) names.delete(name);
  for (const [, one, other] of textsOf('test').join('\n').matchAll(/\.(\w+)|[{,] ?(\w+)(?=[,:} ])/g)) names.delete(one ?? other);
  for (const [, name] of source.matchAll(/['"`](\w+)['"`]/g)) names.delete(name);
  for (const [, keys] of source.matchAll(/\bel\('\w+', \{(.*)/g)) for (const [, name] of keys.matchAll(/(\w+):/g)) names.delete(name);
  for (const name of ['constructor', 'if', 'for', 'while', 'switch', 'catch', 'change', 'submit', 'get', 'set']) names.delete(name);
  return [...names].sort();
}
