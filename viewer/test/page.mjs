// Pages in a browser, for the tests: from disk, without a network.

import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM, pageOf, runOf, tampered } from './support.mjs';

export const LOST = 'scenarios/replication/acks_1_isolated_leader.toml';
export const BROKEN = 'scenarios/museum/unclean_election.toml';
let browser;

export async function launch() {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
}

export const quit = () => browser?.close();
export const context = (options) => browser.newContext(options);

// Opens a page; `troubles` gathers whatever should not be.
export async function open(path, { hash = '', scheme = 'dark', width = 1600, height = 950, isFailing = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, offline: true, bypassCSP: false });
  const page = await context.newPage();
  // What is written on canvases, by their panes: text, middle and width.
  await page.addInitScript(() => {
    globalThis.written = new Map();
    const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function clear(...args) {
      written.set(this.canvas, []);
      return clearRect.apply(this, args);
    };
    // Letters on bars of groups, and what is below them.
    globalThis.inks = [];
    const { fill } = CanvasRenderingContext2D.prototype;
    let below = '';
    CanvasRenderingContext2D.prototype.fill = function remember(...args) {
      below = this.fillStyle;
      return fill.apply(this, args);
    };
    CanvasRenderingContext2D.prototype.fillText = function write(text, x, y) {
      if (/^billing-\d/.test(text) && this.canvas.closest('.groups') && this.font.includes('600')) inks.push([this.fillStyle, below]);
      const { width } = this.measureText(text);
      const left = this.textAlign === 'center' ? x - width / 2 : this.textAlign === 'right' ? x - width : x;
      written.get(this.canvas)?.push({ text, left, right: left + width, y });
      return fillText.call(this, text, x, y);
    };
  });
  const troubles = [];
  const url = pathToFileURL(path).href;
  page.on('request', (request) => {
    if (request.url().split('#')[0] !== url) troubles.push(`request of ${request.url().slice(0, 100)}`);
  });
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url + hash);
  const flag = isFailing ? 'failed' : 'ready';
  await page.waitForFunction((name) => document.documentElement.dataset[name], flag, { timeout: 30_000 });
  return { page, troubles, close: () => context.close() };
}

export const lostPage = () => pageOf(runOf(LOST));
export const cursor = (page) => page.evaluate(() => globalThis.kafsim.cursor);
export const written = (page, pane) => page.evaluate((id) => [...globalThis.written].find(([canvas]) => canvas.closest('section')?.id === id)?.[1] ?? [], pane);
// A page with a lesson of about as many words as those that kafsim has.
export const lessonOf = (path, name, pane = 'state') => tampered(path, `lesson-${name}`, {
  head: (head) => ({ ...head, lesson: { title: 'A lesson', summary: 'About a record that stands in one log, and what is told of it. '.repeat(4), notes: [{ event: 2000, title: 'A note', text: 'Some words of a note. '.repeat(14), question: 'Is that all?', answer: 'Yes.', pane }] } }),
});
// What stays as it is is drawn from a copy; here it is drawn anew.
export const writtenAnew = (page, pane) => page.evaluate((id) => {
  for (const app of globalThis.kafsims) {
    app.zoom(app.from, app.to - 1000);
    app.draw();
  }
  return [...globalThis.written].find(([canvas]) => canvas.closest('section')?.id === id)?.[1] ?? [];
}, pane);
export const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
