// The lesson that came with a run: its notes one after the other. Each sets the cursor, the
// partition and the pane; a question is asked before its answer is shown.

import type { Lesson, LessonNote } from '../data/run';
import type { App } from './app';
import { byId, el, icon } from './dom';

// What lessons and addresses may call the tabs.
export const TABS = new Map([['explain', 'why'], ['clients', 'history']]);
const SECTIONS = ['quorum', 'lanes', 'cluster', 'partitions', 'timeline'];

// Paragraphs; lines that stand in by two spaces stay lines, as in the terminal.
export function paragraphs(text: string | undefined): HTMLElement[] {
  const found: HTMLElement[] = [];
  let [lines, isVerbatim]: [string[], boolean] = [[], false];
  const end = (): void => {
    if (lines.length > 0) found.push(isVerbatim ? el('pre', { class: 'verbatim' }, ...lines.map((line) => el('code', {}, line.slice(2)))) : el('p', {}, lines.join(' ')));
    lines = [];
  };
  for (const line of String(text ?? '').split('\n')) {
    const isCode = line.startsWith('  ');
    if (!line.trim() || isCode !== isVerbatim) end();
    isVerbatim = isCode;
    if (line.trim()) lines.push(isCode ? line.trimEnd() : line.trim());
  }
  end();
  return found;
}

export class LessonPlayer {
  // Which note is shown, from 0; before the first there is what the lesson is about.
  place = -1;
  private readonly body: HTMLElement;
  private readonly count: HTMLElement;
  private readonly dots: HTMLElement[];
  private readonly back: HTMLButtonElement;
  private readonly next: HTMLButtonElement;
  private readonly notes: LessonNote[];

  constructor(private readonly apps: App[], private readonly lesson: Lesson, parent: HTMLElement) {
    this.notes = Array.isArray(lesson.notes) ? lesson.notes : [];
    this.count = el('span', { class: 'dim' });
    this.back = el('button', { class: 'wide', click: () => this.step(-1) }, icon('back'), 'Back');
    this.next = el('button', { class: 'wide primary', click: () => this.step(1) });
    this.dots = this.notes.map((note, n) => el('button', { class: 'pip', 'aria-label': `Note ${n + 1}: ${note.title}`, title: note.title, click: () => this.open(n) }));
    this.body = el('div', { class: 'scroll body lesson', tabindex: '0', role: 'region', 'aria-label': 'Note', 'aria-live': 'polite' });
    parent.append(el('div', { class: 'bar' }, el('h2', { id: 'explain-title' }, lesson.title)), this.body,
      el('div', { class: 'lesson-foot' }, this.back, el('span', { class: 'pips' }, ...this.dots), this.count, this.next));
    this.show();
  }

  step(by: 1 | -1): void {
    this.open(this.place + by);
  }

  open(place: number): void {
    this.place = Math.min(this.notes.length - 1, Math.max(-1, place));
    const note = this.notes[this.place];
    this.show();
    if (!note) return;
    if (this.place === this.notes.length - 1) for (const one of this.apps) if (one.isRiddle) one.setRiddle(false);
    const app = this.apps[note.run ?? 0] ?? this.apps[0]!;
    const partition = app.state.named(note.partition);
    if (partition) app.partition = partition;
    app.isPlaying = false;
    app.go(note.event, { follow: !partition });
    const tab = note.pane ? TABS.get(note.pane) ?? note.pane : null;
    for (const one of document.querySelectorAll('.pane.shown')) one.classList.remove('shown');
    if (tab !== null && SECTIONS.includes(tab)) document.getElementById(app.id(tab))?.classList.add('shown');
    else if (tab !== null && document.getElementById(app.id(`tab-${tab}`))) {
      app.setTab(tab);
      byId(app.id('tabs')).classList.add('shown');
    }
    if (note.select !== undefined) app.pick(note.select);
  }

  private show(): void {
    const { lesson } = this;
    const note = this.notes[this.place];
    this.dots.forEach((dot, n) => {
      dot.classList.toggle('done', n < this.place);
      if (n === this.place) dot.setAttribute('aria-current', 'step');
      else dot.removeAttribute('aria-current');
    });
    this.back.disabled = this.place < 0;
    this.next.disabled = this.place >= this.notes.length - 1;
    this.next.replaceChildren(this.place < 0 ? 'Begin' : 'Next', icon('next'));
    this.count.textContent = this.place < 0 ? `${this.notes.length} notes` : `${this.place + 1} of ${this.notes.length}`;
    this.body.scrollTop = 0;
    if (!note) {
      this.body.replaceChildren(el('h3', { class: 'intro' }, lesson.title), ...paragraphs(lesson.summary));
      return;
    }
    const parts: HTMLElement[] = [el('h3', {}, note.title), ...paragraphs(note.text)];
    if (note.question) {
      const answer = el('div', { class: 'answer', hidden: true }, ...paragraphs(note.answer));
      const reveal = el('button', { class: 'small', 'aria-expanded': 'false', click: () => {
        answer.hidden = false;
        reveal.setAttribute('aria-expanded', 'true');
        reveal.hidden = true;
        this.body.scrollTop = this.body.scrollHeight;
      } }, 'Show the answer');
      parts.push(el('div', { class: 'question' }, ...paragraphs(note.question), ...(note.answer ? [reveal, answer] : [])));
    }
    this.body.replaceChildren(...parts);
  }
}
