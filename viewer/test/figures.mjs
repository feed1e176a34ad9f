// Measures a page: `node test/figures.mjs RUN.run|PAGE.html ...`. Not a test: figures are of the
// computer that made them, and of what else it had to do.
//
// Size of the page; from the start of its script until it is ready (three times, the median); a
// redraw of all panes at each of 200 random events; frames a second while it plays at 1x for five
// seconds, at the size of 1600 x 950, without a graphics card.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM, KAFSIM, random } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'kafsim-figures-'));
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const at = (list, part) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))];

for (const given of process.argv.slice(2)) {
  const path = given.endsWith('.html') ? given : join(folder, 'page.html');
  if (path !== given) execFileSync(KAFSIM, ['view', given, '--no-rerun', '--whole', '-o', path]);
  const ready = [];
  let page;
  for (let n = 0; n < 3; n++) {
    await page?.context().close();
    const context = await browser.newContext({ viewport: { width: 1600, height: 950 }, offline: true });
    page = await context.newPage();
    await page.goto(pathToFileURL(path).href);
    await page.waitForFunction(() => document.documentElement.dataset.ready, null, { timeout: 60_000 });
    ready.push(Number(await page.evaluate(() => document.documentElement.dataset.ready)));
  }
  const draw = random(5);
  const places = Array.from({ length: 200 }, () => draw.next().value);
  const counts = await page.evaluate(() => ({
    events: globalThis.kafsim.run.count, partitions: globalThis.kafsim.state.shown.length, hosts: globalThis.kafsim.run.hosts.length,
  }));
  const measure = async (tab) => page.evaluate(([list, name]) => {
    const app = globalThis.kafsim;
    if (document.getElementById(`tab-${name}`)) app.setTab(name);
    app.draw();
    return list.map((place) => {
      app.go(Math.floor(place * app.run.count), { follow: true });
      return app.draw();
    });
  }, [places, tab]);
  const [plain, groups] = [await measure('events'), await measure('groups')];
  const fps = await page.evaluate(async () => {
    const app = globalThis.kafsim;
    app.setTab('events');
    app.goTime(2e6);
    app.speed = 1;
    app.frames = [];
    app.play(true);
    await new Promise((done) => { setTimeout(done, 5000); });
    app.play(false);
    const frames = app.frames.slice(2);
    return 1000 / (frames.reduce((a, b) => a + b, 0) / frames.length);
  });
  console.log(`${given}: ${counts.events} events, ${counts.partitions} partitions, ${counts.hosts} hosts, load ${loadavg()[0].toFixed(1)}`);
  console.log(`  page ${(statSync(path).size / 1e6).toFixed(2)} MB, ready ${at(ready, 0.5)} ms (${ready.join(', ')})`);
  console.log(`  redraw p50 ${at(plain, 0.5).toFixed(1)} p95 ${at(plain, 0.95).toFixed(1)} max ${Math.max(...plain).toFixed(1)} ms; with groups p95 ${at(groups, 0.95).toFixed(1)} ms; playing ${fps.toFixed(0)} frames a second`);
}
await browser.close();
rmSync(folder, { recursive: true, force: true });
