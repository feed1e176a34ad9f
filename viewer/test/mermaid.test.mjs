// Diagrams, as Mermaid itself reads and draws them: what is written for GitHub must be of its grammar.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { CHROMIUM, kafsim, root, runOf } from './support.mjs';

const MERMAID = createRequire(import.meta.url).resolve('@mermaid-js/tiny');
const HELD = 'scenarios/controller/failover.toml';
let browser;
let page;

before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  const context = await browser.newContext({ offline: true });
  page = await context.newPage();
  await page.addScriptTag({ path: MERMAID });
  await page.evaluate(() => globalThis.mermaid.initialize({ startOnLoad: false }));
});
after(() => browser?.close());

// The kind of the diagram, as the parser has it.
const parsed = async (text) => (await page.evaluate((it) => globalThis.mermaid.parse(it), text)).diagramType;

// What is to be read in the picture.
const drawn = (text) => page.evaluate(async (it) => {
  const { svg } = await globalThis.mermaid.render(`d${Math.random().toString(36).slice(2)}`, it);
  const read = new DOMParser().parseFromString(svg.replaceAll(/<br\s*>/g, '<br/>'), 'text/html');
  return [...read.querySelectorAll('text')].map((one) => one.textContent.trim()).filter((one) => one);
}, text);

const museum = readdirSync(`${root}/scenarios/museum`).filter((name) => name.endsWith('.toml'));

test('what is no diagram is refused', async () => {
  const good = kafsim('explain', runOf('scenarios/museum/kip_101.toml'), '--format', 'mermaid', '--no-rerun');
  assert.equal(await parsed(good), 'sequence');
  await assert.rejects(parsed(good.replace('Note over', 'Note under')));
  await assert.rejects(parsed(good.replace('rect rgb(255,230,230)', '')));
});

test('every diagram of an explanation is one, with the numbers of its steps and a title', async () => {
  assert.ok(museum.length > 40);
  for (const name of museum) {
    const run = runOf(`scenarios/museum/${name}`);
    const told = JSON.parse(kafsim('explain', run, '--format', 'json', '--no-rerun'));
    const text = kafsim('explain', run, '--format', 'mermaid', '--no-rerun');
    assert.equal(await parsed(text), 'sequence', name);
    told.steps.forEach((step, at) => assert.match(text, new RegExp(`: ${at + 1}\\. \\S+ e${step.event} `), `${name}, step ${at + 1}`));
    assert.ok(text.includes(`title: ${JSON.stringify(`${told.title}, seed ${told.seed}`).slice(0, -1)}`), name);
    if (told.property) assert.equal(kafsim('export', run, '--to', 'mermaid'), text, name);
  }
});

test('a diagram is drawn, with its title, and names cannot become syntax', async () => {
  const evil = '--- end; # "x" <b>y</b> %%{init: {}}%% z';
  const run = runOf(HELD, '--set', `title=${evil}`, '--seed', '3');
  const text = kafsim('export', run, '--to', 'mermaid');
  const words = await drawn(text);
  const title = words.find((word) => word.startsWith('--- end'));
  assert.match(title ?? words.join('\n'), /what became of \S+-\d+$/);
  assert.equal(await parsed(kafsim('export', run, '--to', 'mermaid', '--event', 'e40000')), 'sequence');
});
