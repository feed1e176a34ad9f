// Builds the page into ../src/report/viewer.html, and the page's data layer for the tests.
//
// The content security policy names the script and the styles by their hashes: nothing else runs
// in the page, whatever a run file says.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { minify } from 'terser';
import { build } from 'vite';
import { ownNames } from './names.mjs';

// Every page of a run has all of it: see README.md.
const LIMIT = 200 * 1024;
const OUT = new URL('../src/report/viewer.html', import.meta.url);

await build();
await build({
  configFile: false, logLevel: 'warn',
  build: {
    target: 'es2022', outDir: 'dist/data', minify: false, emptyOutDir: true,
    lib: { entry: 'src/data/index.ts', formats: ['es'], fileName: () => 'data.mjs' },
  },
});

let page = readFileSync(new URL('dist/page/index.html', import.meta.url), 'utf8');
const hashes = (element) => [...page.matchAll(new RegExp(`<${element}(?: [^>]*)?>([\\s\\S]*?)</${element}>`, 'g'))]
  .map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
// The script goes to the end: the run that it reads stands before it.
const [script] = page.match(/<script[^>]*>[\s\S]*?<\/script>/) ?? [];
if (!script) throw new Error('the page has no script');
page = page.replace(script, '');
const regex = new RegExp(`^(?:${ownNames().join('|')})$`);
const { code } = await minify(script.replace(/^<script[^>]*>|<\/script>$/g, ''), { module: true, ecma: 2022, compress: { passes: 3, ecma: 2022 }, mangle: { properties: { regex } } });
const bare = `<script type="module">${code}</script>`;
page = page.replace('</body>', () => `${bare}\n</body>`);
const policy = `default-src 'none'; script-src ${hashes('script')}; style-src ${hashes('style')}; ` +
  `img-src data:; base-uri 'none'; form-action 'none'`;
page = page.replace('POLICY', policy);
for (const [what, isSo] of [
  ['one place for the run', page.split('<!--the run-->').length === 2],
  ['one script', page.split('</script>').length === 2],
  ['no address of its own', !/(?:src|href)="(?!#)/.test(page)],
]) if (!isSo) throw new Error(`the page shall have ${what}`);
if (Buffer.byteLength(page) > LIMIT) throw new Error(`the page has ${Buffer.byteLength(page)} bytes, ${LIMIT} are allowed: make room (README.md)`);
writeFileSync(OUT, page);
console.log(`viewer.html: ${Buffer.byteLength(page)} bytes`);
