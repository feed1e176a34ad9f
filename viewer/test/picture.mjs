// Makes the picture of the page that the README shows: `node test/picture.mjs`, in viewer/.

import { mkdirSync, statSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM, pageOf, runOf } from './support.mjs';

const out = fileURLToPath(new URL('../../docs/images/view.png', import.meta.url));
mkdirSync(fileURLToPath(new URL('../../docs/images', import.meta.url)), { recursive: true });
const path = pageOf(runOf('scenarios/museum/kip_101.toml'));
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ viewport: { width: 1400, height: 840 }, colorScheme: 'dark' });
await page.goto(pathToFileURL(path).href);
await page.waitForFunction(() => document.documentElement.dataset.ready);
// The moment at which a follower throws away what was committed.
await page.evaluate(() => {
  const { kafsim: app } = globalThis;
  const cut = app.state.shown.flatMap((partition) => [...partition.replicas.values()].flatMap((replica) => replica.cuts)).filter((one) => !one.isRecovery && one.to < one.from).sort((a, b) => a.event - b.event)[0];
  app.go(cut.event, { follow: true });
});
await page.waitForTimeout(400);
await page.screenshot({ path: out });
await browser.close();
console.log(`docs/images/view.png: ${statSync(out).size} bytes`);
