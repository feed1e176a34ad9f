// What happened: the explanations that kafsim worked out, else the verdicts; then the story, line
// by line.

import { seconds, type Explanation, type Picture } from '../data/run';
import type { App, Pane } from './app';
import { epochColor } from './colors';
import { copyText, el } from './dom';

export class Explain implements Pane {
  private readonly list: HTMLElement;
  private readonly lines: HTMLElement[] = [];
  private marked = -1;
  private isOver = false;

  constructor(private readonly app: App, parent: HTMLElement) {
    const explanations = app.run.head.explanations ?? [];
    const body = el('div', { class: 'scroll body', tabindex: '0', role: 'region', 'aria-label': 'What happened' });
    parent.append(el('div', { class: 'bar' }, el('h2', { id: 'explain-title' }, explanations.length > 0 ? 'Why' : 'What happened')), body);
    for (const explanation of explanations) body.append(this.explanation(explanation));
    const explained = new Set(explanations.map((one) => one.property));
    body.append(...this.verdicts(explained));
    if (explanations.length > 0) body.append(el('h3', {}, 'What happened'));
    this.list = el('ol', { class: 'story' });
    for (const one of app.told) {
      const line = el('button', { type: 'button', class: `line ${one.tone}`, click: () => app.go(one.event, { follow: true }) },
        el('span', { class: 'mono time' }, (app.run.moment(one.event) / 1e6).toFixed(3)), el('i', { class: 'mark', 'aria-hidden': 'true' }), el('span', {}, one.text));
      this.lines.push(line);
      this.list.append(el('li', {}, line));
    }
    body.append(this.list);
    body.addEventListener('pointerenter', () => { this.isOver = true; });
    body.addEventListener('pointerleave', () => { this.isOver = false; });
  }

  private verdicts(explained: Set<string>): HTMLElement[] {
    const { app } = this;
    if (app.violations.length === 0 && explained.size === 0) {
      const held = app.run.head.verdicts.filter((one) => one.verdict.result === 'holds').length;
      return held === 0 ? [] : [el('p', { class: 'verdict good' }, `All ${held} properties that were put to the test hold.`)];
    }
    const left = app.violations.filter((one) => !explained.has(one.property));
    const first = explained.size > 0 ? [] : left.slice(0, 2);
    const rest = left.slice(first.length);
    const verdict = (violation: (typeof app.violations)[number]): HTMLElement =>
      el('button', { type: 'button', class: 'verdict bad', click: () => app.go(violation.event, { follow: true }) },
        el('b', {}, violation.property), el('span', { class: 'dim' }, ` at ${seconds(app.run.moment(violation.event))} s${violation.expect === 'violated' ? ', as the scenario claims' : violation.expect === 'may' ? ', as the scenario allows' : ''}`),
        el('span', { class: 'sentence' }, violation.sentence),
        ...(violation.excuse ? [el('span', { class: 'dim sentence' }, `Outside its premise: ${violation.excuse}.`)] : []));
    const found = first.map(verdict);
    if (rest.length > 0) found.push(el('details', {}, el('summary', {}, `${rest.length} more`), ...rest.map(verdict)));
    return found;
  }

  private explanation(explanation: Explanation): HTMLElement {
    const { app } = this;
    const isBad = explanation.outcome !== 'holds';
    const box = el('article', { class: 'explanation' });
    if (explanation.property) {
      box.append(el('p', {}, el('b', { class: isBad ? 'bad' : 'good' }, explanation.property), el('span', { class: 'dim' }, ` ${explanation.outcome}`)));
    }
    box.append(el('p', { class: 'sentence' }, explanation.sentence));
    const go = (event: number | null, ...content: (Node | string)[]): HTMLElement => (event === null
      ? el('span', { class: 'line' }, ...content)
      : el('button', { type: 'button', class: 'line', click: () => app.go(event, { follow: true }) }, ...content));
    if (explanation.picture && explanation.picture.offsets.length > 0) box.append(picture(app, explanation.picture));
    if (explanation.steps.length > 0) {
      const steps = explanation.steps.map((step) => el('li', {}, go(step.event,
        el('span', { class: 'mono time' }, (step.moment_us / 1e6).toFixed(3)), el('span', {}, step.text,
          ...(step.because ? [el('i', { class: 'because' }, ` because ${step.because}`)] : [])))));
      box.append(el('h3', {}, 'How it happened'), el('ol', { class: 'steps' }, ...steps));
    }
    const list = (name: string, items: HTMLElement[]): void => {
      if (items.length > 0) box.append(el('h3', {}, name), el('ul', {}, ...items.map((item) => el('li', {}, item))));
    };
    list('Why the others do not have it', explanation.why_not.map((one) => go(one.event, el('b', {}, one.replica), el('span', {}, one.text))));
    list('What is not the cause', explanation.not_the_cause.map((one) => go(one.event, one.text)));
    if (explanation.saved_by.length > 0) {
      box.append(el('h3', {}, 'What would have saved it'), el('table', { class: 'saved' }, ...explanation.saved_by.map((one) => el('tr', {},
        el('th', { scope: 'row' }, one.change), el('td', { class: one.helped ? 'good' : 'dim' }, one.outcome),
        el('td', { class: 'dim' }, one.nearby ? `${one.nearby.violated} of ${one.nearby.seeds} other seeds` : '')))));
    }
    box.append(el('p', {}, el('button', { type: 'button', class: 'small', click: () => void copyText(asText(explanation)) }, 'copy as text')));
    return box;
  }

  draw(): void {
    const { app } = this;
    let place = -1;
    for (const [n, one] of app.told.entries()) if (one.event <= app.cursor) place = n;
    if (place === this.marked) return;
    this.lines[this.marked]?.classList.remove('current');
    this.lines[this.marked]?.removeAttribute('aria-current');
    this.marked = place;
    const line = this.lines[place];
    line?.classList.add('current');
    line?.setAttribute('aria-current', 'step');
    for (const [n, one] of this.lines.entries()) one.classList.toggle('ahead', n > place);
    if (line && !this.isOver) {
      const body = this.list.parentElement!;
      const top = line.offsetTop;
      if (top < body.scrollTop + 20 || top > body.scrollTop + body.clientHeight - 50) body.scrollTop = top - body.clientHeight / 2;
    }
  }
}

// The logs side by side at the decisive moment, as a table.
function picture(app: App, shown: Picture): HTMLElement {
  const inRange = (offset: number): boolean => shown.from !== null && shown.to !== null && offset >= shown.from && offset < shown.to;
  const partition = app.state.shown.find((one) => one.name === shown.partition);
  const head = el('tr', {}, el('td', {}), ...shown.offsets.map((offset) => el('th', { scope: 'col', class: inRange(offset) ? 'about' : '' }, String(offset))));
  const rows = shown.rows.map((row) => el('tr', {}, el('th', { scope: 'row' }, row.replica, el('span', { class: 'dim' }, ` ${row.note}`)),
    ...row.cells.map((cell, n) => {
      const text = cell.epoch === null ? '' : `${cell.epoch}${cell.variant ?? ''}`;
      const about = inRange(shown.offsets[n] ?? -1) ? ' about' : '';
      const box = el('td', { class: `cell${cell.epoch === null ? ' none' : cell.committed ? ' solid' : ' hatched'}${about}`,
        title: cell.epoch === null ? 'no record' : `epoch ${cell.epoch}, ${cell.committed ? 'committed' : 'not committed'}` }, text);
      if (cell.epoch !== null && partition) box.style.setProperty('--epoch', epochColor(app.colors, app.state, partition, cell.epoch));
      return box;
    })));
  return el('div', { class: 'picture scroll', tabindex: '0', role: 'region', 'aria-label': `The logs of ${shown.partition}` },
    el('table', {}, el('caption', {}, `${shown.partition} at e${shown.event}: the leader epoch of each record; everything below ${shown.committed} is committed`), head, ...rows));
}

function asText(explanation: Explanation): string {
  const lines = [explanation.sentence, ''];
  for (const [n, step] of explanation.steps.entries()) {
    lines.push(`${n + 1}. ${seconds(step.moment_us)} e${step.event} ${step.text}${step.because ? ` because ${step.because}` : ''}`);
  }
  for (const one of explanation.why_not) lines.push(`why not ${one.replica}: ${one.text}`);
  for (const one of explanation.not_the_cause) lines.push(`not the cause: ${one.text}`);
  for (const one of explanation.saved_by) lines.push(`saved by: ${one.change}: ${one.outcome}`);
  return [...lines, '', ...explanation.again].join('\n');
}
