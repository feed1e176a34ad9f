// Why a property broke: the explanations that kafsim worked out, else the verdicts; how two runs
// differ; and the story of the run, line by line.

import { many } from '../data/steps';
import { seconds, type Explanation, type Picture } from '../data/run';
import { told, violations, whyHeading, type Violation } from '../data/story';
import type { App, Pane } from './app';
import { epochColor, inkOn } from './colors';
import { copyButton, el, icon } from './dom';

interface Marked { event: number; line: HTMLElement }

export class Explain implements Pane {
  readonly root: HTMLElement;
  private readonly differ: HTMLElement;
  private readonly why: HTMLElement;
  private readonly told: HTMLElement;
  // Lines that are marked when the cursor passes them.
  private readonly lines: Marked[] = [];
  private steps: Marked[] = [];
  private views: [string, HTMLElement][] = [];
  private buttons: HTMLElement[] = [];
  // A run breaks several properties at once as a rule; each has its own explanation.
  private readonly choice: HTMLSelectElement;
  private read: Explanation | null = null;
  private isOver = false;
  private shown = -1;

  constructor(private readonly app: App) {
    const { head } = app.run;
    const explanations = head.explanations ?? [];
    this.read = app.explanation;
    this.choice = el('select', { class: 'right', 'aria-label': 'Which violation', change: () => {
      app.read(explanations[Number(this.choice.value)]!);
      this.show(this.views.findIndex(([, pane]) => pane === this.why));
    } });
    const body = (label: string): HTMLElement => el('div', { class: 'scroll body', tabindex: '0', role: 'region', 'aria-label': label });
    [this.differ, this.why, this.told] = [body('Differences'), body('Why'), body('What happened')];
    const list = el('ol', { class: 'story' });
    for (const one of told(app.run, app.incidents)) {
      const line = this.line(one.event, one.tone, el('i', { class: 'mark', 'aria-hidden': 'true' }), el('span', {}, one.text));
      this.lines.push({ event: one.event, line });
      list.append(el('li', {}, line));
    }
    this.told.append(...(explanations.length > 0 ? [] : this.verdicts()), list);
    const hasWhy = explanations.length > 0 || head.difference !== undefined || app.place > 0;
    const bar = el('div', { class: 'bar' });
    this.root = el('div', { class: 'why-pane' }, el('p', { class: 'riddle' }, 'Why it happened is told here from the lesson\u2019s last note on: find it out first.'), bar, this.differ, this.why, this.told);
    const difference = (app.place === 0 ? app : app.peer)?.run.head.difference;
    if (hasWhy) {
      if (difference) this.differ.append(differences(app, difference));
      for (const pane of [this.differ, this.why]) pane.hidden = true;
      if (app.explanation) this.why.append(this.explanation(app.explanation));
      // Beside three switches there is no room for it.
      if (explanations.length > 1 && difference) this.why.prepend(this.choice);
      // What two runs do differently comes first, for that is why they are compared.
      this.views = [...(difference ? [['Differences', this.differ] as [string, HTMLElement]] : []), ...(explanations.length > 0 ? [['Why', this.why] as [string, HTMLElement]] : []), ['What happened', this.told]];
      this.buttons = this.views.map(([name], n) => el('button', { class: 'switch', click: () => this.show(n) }, name));
      bar.append(el('h2', { id: app.id('explain-title'), class: 'unseen' }, 'Why'), el('div', { class: 'switches', role: 'group', 'aria-label': 'Why, or what happened' }, ...this.buttons));
      if (explanations.length > 1 && !difference) bar.append(this.choice);
      explanations.forEach((one, n) => this.choice.append(el('option', { value: n }, `${one.number} of ${one.of}: ${one.property}`)));
      // A lesson that opens this pane means what kafsim explains.
      const isLesson = (app.run.head.lesson ?? app.peer?.run.head.lesson) != null;
      this.show(isLesson ? Math.max(0, this.views.findIndex(([, pane]) => pane === this.why)) : 0);
    } else {
      this.differ.hidden = this.why.hidden = true;
      bar.append(el('h2', { id: app.id('explain-title') }, 'What happened'));
    }
    for (const pane of [this.differ, this.why, this.told]) {
      pane.addEventListener('pointerenter', () => { this.isOver = true; });
      pane.addEventListener('pointerleave', () => { this.isOver = false; });
    }
  }

  private show(place: number): void {
    this.views.forEach(([, pane], n) => {
      this.buttons[n]!.setAttribute('aria-pressed', String(n === place));
      pane.hidden = n !== place;
    });
    this.shown = -1;
    this.app.due();
  }

  private line(event: number | null, tone: string, ...content: (Node | string)[]): HTMLElement {
    const { app } = this;
    if (event === null || event >= app.run.count) return el('span', { class: `line ${tone}` }, ...content);
    return el('button', { class: `line ${tone}`, title: `e${app.run.number(event)}`, click: () => app.go(event, { follow: true }) },
      el('span', { class: 'mono time' }, (app.run.moment(event) / 1e6).toFixed(3)), ...content);
  }

  private verdicts(): HTMLElement[] {
    const { app } = this;
    const { verdicts } = app.run.head;
    const broken = violations(app.run);
    if (broken.length === 0) {
      const held = verdicts.filter((one) => one.verdict.result === 'holds').length;
      return held === 0 ? [] : [el('p', { class: 'verdict good' }, `All ${held} properties that were put to the test hold.`)];
    }
    const verdict = (violation: Violation): HTMLElement =>
      el('button', { class: 'verdict bad', click: () => app.go(violation.event, { follow: true }) },
        el('b', {}, violation.property), el('span', { class: 'dim' }, ` at ${seconds(app.run.moment(violation.event))} s${violation.expect === 'violated' ? ', as the scenario claims' : violation.expect === 'may' ? ', as the scenario allows' : ''}`),
        el('span', { class: 'sentence' }, violation.sentence),
        ...(violation.excuse ? [el('span', { class: 'dim sentence' }, `Outside its premise: ${violation.excuse}.`)] : []));
    const found = broken.slice(0, 2).map(verdict);
    const rest = broken.slice(2);
    if (rest.length > 0) found.push(el('details', {}, el('summary', {}, `${rest.length} more`), ...rest.map(verdict)));
    return found;
  }

  private explanation(explanation: Explanation): HTMLElement {
    const { app } = this;
    const box = el('article', { class: 'explanation' });
    const claim = explanation.expected === 'violated' ? ', as the scenario claims' : explanation.expected === 'may' ? ', as the scenario allows' : '';
    box.append(el('p', { class: 'claim' }, el('b', { class: explanation.outcome === 'holds' ? 'good' : 'bad' }, explanation.property || 'No violation'),
      el('span', { class: 'dim' }, explanation.property ? ` ${explanation.outcome}${claim}` : '')));
    box.append(el('p', { class: 'sentence' }, explanation.sentence));
    if (explanation.picture && explanation.picture.rows.length > 0) box.append(picture(app, explanation.picture));
    this.steps = [];
    if (explanation.steps.length > 0) {
      const steps = explanation.steps.map((step, n) => {
        const line = this.line(step.event, '', el('b', { class: 'nth' }, String(n + 1)), el('span', {}, step.text,
          ...(step.because ? [el('span', { class: 'because' }, el('b', {}, 'because '), step.because)] : [])));
        this.steps.push({ event: step.event, line });
        return el('li', {}, line);
      });
      box.append(el('h3', {}, 'How it happened'), el('ol', { class: 'steps' }, ...steps));
    }
    // What the property says is known to who reads on; the sentence, the picture and the first steps are seen at once.
    if (explanation.statement) box.append(el('h3', {}, 'What the property says'), el('p', { class: 'dim' }, `${explanation.property}: ${explanation.statement}.`));
    if (explanation.why_not.length > 0) {
      box.append(el('h3', {}, whyHeading(explanation)), el('ul', {}, ...explanation.why_not.map((one) =>
        el('li', {}, this.line(one.event, '', el('span', {}, el('b', {}, one.replica), ` ${one.text}`))))));
    }
    box.append(...saved(explanation));
    if (explanation.not_the_cause.length > 0) {
      box.append(el('details', {}, el('summary', {}, 'What is not the cause'), el('ul', {}, ...explanation.not_the_cause.map((one) => el('li', {}, this.line(one.event, '', el('span', {}, one.text)))))));
    }
    box.append(el('p', { class: 'quick' }, ...Object.entries(explanation.copies ?? {}).map(([name, text]) => copyButton('small', name, () => text))));
    return box;
  }

  draw(): void {
    const { app } = this;
    this.root.classList.toggle('is-riddle', app.isRiddle);
    if (app.explanation && app.explanation !== this.read) {
      this.read = app.explanation;
      this.choice.value = String(app.run.head.explanations!.indexOf(app.explanation));
      this.why.lastElementChild!.replaceWith(this.explanation(app.explanation));
      this.why.scrollTop = 0;
      this.shown = -1;
    }
    if (this.shown === app.cursor) return;
    // What is seen first is the beginning of the explanation.
    const isFirst = this.shown < 0;
    this.shown = app.cursor;
    mark(this.lines, app.cursor, this.told, !this.isOver);
    mark(this.steps, app.cursor, this.why, !isFirst && !this.isOver && this.steps.some((step) => step.event === app.cursor));
  }
}

// Marks the last line at or before the cursor, and brings it into view.
function mark(lines: Marked[], cursor: number, body: HTMLElement, isRevealed: boolean): void {
  let place = -1;
  for (const [n, one] of lines.entries()) if (one.event <= cursor) place = n;
  if (marked.get(lines) === place) return;
  marked.set(lines, place);
  lines.forEach(({ line }, n) => {
    line.classList.toggle('current', n === place);
    line.classList.toggle('ahead', n > place);
    if (n === place) line.setAttribute('aria-current', 'step');
    else line.removeAttribute('aria-current');
  });
  const line = lines[place]?.line;
  if (!line || !isRevealed || body.hidden) return;
  // In the next frame, when the browser has laid the page out anyway.
  requestAnimationFrame(() => {
    const top = line.offsetTop;
    if (top < body.scrollTop + 20 || top + line.offsetHeight > body.scrollTop + body.clientHeight - 20) body.scrollTop = top - body.clientHeight / 2;
  });
}

// The line of each list that was marked last.
const marked = new WeakMap<Marked[], number>();

// What became of the run with one thing changed, and what was not tried.
function saved({ saved_by, not_tried }: Explanation): HTMLElement[] {
  const left = Array.isArray(not_tried) ? not_tried : [];
  if (saved_by.length === 0 && left.length === 0) return [];
  const parts = [el('h3', {}, 'What would have saved it')];
  if (saved_by.length > 0) {
    parts.push(el('p', { class: 'dim' }, 'The same seed run again with one thing changed, then other seeds with it.'),
      el('table', { class: 'saved' }, ...saved_by.map((one) => el('tr', { title: one.set.map((set) => `--set ${set}`).join(' ') }, helped(one),
        el('th', { scope: 'row' }, one.change), el('td', {}, one.outcome,
          el('span', { class: 'dim' }, one.nearby ? `; violated in ${one.nearby.violated} of ${one.nearby.seeds} other seeds, without it in ${one.nearby.without}` : ''))))));
  }
  if (left.length > 0) parts.push(el('p', { class: 'dim not-tried' }, `Not tried, for the run is long: ${left.join('; ')}.`));
  return parts;
}

// Whether a change helped; a question mark where that is not known, and why.
function helped(one: Explanation['saved_by'][number]): HTMLElement {
  if (one.helped) return el('td', { class: 'good' }, icon('yes'));
  const doubt = one.untried ? 'Nothing tried the property in this run: it proves nothing'
    : one.another ? 'Violated, but another breach: the change may have prevented this one' : '';
  return doubt ? el('td', { class: 'dim', title: doubt }, '?') : el('td', { class: 'bad' }, icon('close'));
}

// The logs side by side at the decisive moment, as a table.
function picture(app: App, shown: Picture): HTMLElement {
  const event = app.run.number(shown.event);
  const inRange = (offset: number): boolean => shown.from !== null && shown.to !== null && offset >= shown.from && offset < shown.to;
  const partition = app.state.shown.find((one) => one.name === shown.partition) ?? app.state.metadata;
  const { offsets } = shown;
  const edge = (offset: number): string => (offset === shown.committed && offset !== offsets[0] ? ' edge' : '');
  const head = el('tr', {}, el('td', {}), ...offsets.map((offset, n) => el('th', { scope: 'col', class: `${inRange(offset) ? 'about' : ''}${edge(offset)}`, title: String(offset) },
    // Long offsets are told whole once, then by their last digits.
    n === 0 || String(offset).length <= 4 || offset % 10 === 0 ? String(offset) : `\u2026${String(offset).slice(-2)}`)));
  const rows = shown.rows.map((row) => el('tr', {}, el('th', { scope: 'row' }, el('b', {}, row.replica), el('span', { class: `dim${row.is_running ? '' : ' bad'}` }, row.note)),
    ...row.cells.map((cell, n) => {
      const offset = offsets[n] ?? -1;
      const box = el('td', { class: `cell${cell.epoch === null ? ' none' : cell.committed ? ' solid' : ' hatched'}${inRange(offset) ? ' about' : ''}${edge(offset)}`,
        title: `offset ${offset}: ${cell.epoch === null ? 'no record' : `epoch ${cell.epoch}, ${cell.committed ? 'committed' : 'not committed'}`}` },
      el('span', {}, cell.epoch === null ? '' : `${cell.epoch}${cell.variant ?? ''}`));
      if (cell.epoch !== null) {
        const color = epochColor(app.colors, app.state, partition, cell.epoch);
        box.style.setProperty('--epoch', color);
        box.style.setProperty('--ink', inkOn(color));
      }
      return box;
    })));
  const caption = offsets.length > 0 ? `${shown.partition}, e${event}: leader epochs, committed below ${shown.committed}` : `after e${event}`;
  return el('div', { class: 'picture scroll', tabindex: '0', role: 'region', 'aria-label': `The logs of ${shown.partition}` },
    el('p', { class: 'dim' }, caption), el('table', {}, ...(offsets.length > 0 ? [head] : []), ...rows));
}

// Where two runs part, and what came of it.
function differences(app: App, difference: NonNullable<App['run']['head']['difference']>): HTMLElement {
  const box = el('article', { class: 'explanation difference' });
  const { first, scenario, outcomes, steps } = difference;
  const runs = app.place === 0 ? [app, app.peer] : [app.peer, app];
  const nameOf = (place: number): string => runs[place]?.name ?? '';
  const side = (place: number, line: string): HTMLElement => el('p', { class: 'mono side' }, el('b', { class: 'badge' }, nameOf(place)), ` ${line}`);
  // Words without the event's number; where they are the same they hide what differs.
  const [says, otherSays] = (first ?? []).map((told) => told?.words?.replace(/^\S+ /, ''));
  const isTelling = says !== otherSays;
  if (!first) {
    box.append(el('p', { class: 'sentence' }, 'The two runs are the same, event for event.'));
  } else {
    box.append(el('h3', { title: 'The first event that only one has, or that is not the same in both' }, 'Where they part'),
      el('button', { class: 'verdict plain', click: () => app.go(first[app.place as 0 | 1]?.event ?? Math.max(0, app.split), { follow: true }) },
        ...first.map((told, place) => side(place, (isTelling ? told?.words : null) ?? told?.line ?? 'has no such event'))));
    const seen = runs.flatMap((one) => one?.seen ?? []);
    if (seen.length === 2) {
      box.append(el('h3', { title: 'The first line of the two stories that is not the same' }, 'The first visible difference'), el('button', { class: 'verdict plain', click: () => app.go(seen[app.place]!.event, { follow: true }) },
        ...seen.map((one, n) => side(n, `${seconds(one.time)} ${one.text}`))));
    }
    const [one, other] = steps.only;
    box.append(el('p', { class: 'dim' }, `${many(steps.equal)} steps are the same in both, ${many(steps.changed)} differ, ${many(one)} are only in “${nameOf(0)}” and ${many(other)} only in “${nameOf(1)}”.`));
  }
  if (scenario.length > 0) box.append(el('h3', {}, 'What was changed'), el('p', { class: 'dim' }, `A is “${nameOf(0)}”, B “${nameOf(1)}”.`), el('pre', { class: 'change' }, scenario.join('\n')));
  if (outcomes.length > 0) {
    box.append(el('h3', {}, 'What came of it'), el('table', { class: 'outcomes' },
      el('tr', {}, el('td', {}), ...runs.map((one) => el('th', { scope: 'col' }, one?.name ?? ''))),
      ...outcomes.map((one) => el('tr', {}, el('th', { scope: 'row' }, one.what), ...one.is.map((lines) => el('td', {}, ...lines.map((line) => el('span', { class: 'each' }, line))))))));
  }
  return box;
}
