// The reader's notes: bookmarks of events with a text. The address holds them, and a saved copy.

import { seconds, type Note } from '../data/run';
import type { App, Pane } from './app';
import { el, icon } from './dom';
import type { LessonPlayer } from './lesson';

export class Notes implements Pane {
  readonly root: HTMLElement;
  private readonly list: HTMLElement;
  private readonly input: HTMLInputElement;
  private isStale = true;
  private place = -1;
  // The page as it came, to be saved again with other notes in it.
  source = '';
  lesson: LessonPlayer | null = null;

  constructor(private readonly app: App) {
    this.input = el('input', { type: 'text', placeholder: 'what is to be seen here', 'aria-label': 'Text of a new note', maxlength: 500 });
    const form = el('form', { class: 'note-form', submit: ((event: Event) => {
      event.preventDefault();
      this.add();
    }) as (event: never) => void }, this.input, el('button', { type: 'submit', class: 'small' }, icon('note'), 'note here'));
    this.list = el('ol', { class: 'notes scroll', tabindex: '0', 'aria-label': 'Notes' });
    this.root = el('div', { class: 'notes-pane' },
      el('div', { class: 'quick' },
        el('button', { class: 'small', click: () => this.step(-1) }, 'note before'),
        el('button', { class: 'small', click: () => this.step(1) }, 'next note'),
        el('button', { class: 'small right', click: () => this.save() }, icon('save'), 'save a copy with notes')),
      form, this.list);
    app.listeners.push((change) => { if (change === 'notes') this.isStale = true; });
  }

  focus(): void {
    this.input.focus();
  }

  private add(): void {
    const { app } = this;
    const text = this.input.value.trim() || app.run.kindName(app.cursor);
    const note: Note = app.partition ? { event: app.cursor, text, partition: app.partition.name } : { event: app.cursor, text };
    app.notes = [...app.notes, note].sort((a, b) => a.event - b.event);
    this.input.value = '';
    app.emit('notes');
  }

  // A lesson's notes are stepped through; without one, the reader's own.
  step(by: 1 | -1): void {
    const { app } = this;
    if (this.lesson) {
      this.lesson.step(by);
      return;
    }
    if (app.notes.length === 0) return;
    this.place = Math.min(app.notes.length - 1, Math.max(0, this.place + by));
    this.open(app.notes[this.place]!);
  }

  private open(note: Note): void {
    const { app } = this;
    this.place = app.notes.indexOf(note);
    const partition = app.state.named(note.partition);
    if (partition) app.partition = partition;
    app.go(note.event, { follow: !partition });
    this.isStale = true;
    app.due();
  }

  private save(): void {
    const { app } = this;
    // Not in one word: the page itself is searched for it.
    const block = new RegExp(`(<scr${'ipt'} type="application/json" id="${app.id('run-head')}">)([^<]*)(<)`);
    const notes = app.notes.map((note) => ({ ...note, event: app.run.number(note.event) }));
    const json = (text: string): string => JSON.stringify({ ...(JSON.parse(text) as object), notes })
      .replace(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const page = this.source.replace(block, (_, open: string, text: string, close: string) => open + json(text) + close);
    const url = URL.createObjectURL(new Blob([page], { type: 'text/html' }));
    const link = el('a', { href: url, download: `${app.run.head.file.replace(/\.run$/, '')}-notes.html` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  draw(): void {
    const { app } = this;
    if (app.tab !== 'notes' || !this.isStale) return;
    this.isStale = false;
    const items: HTMLElement[] = (this.lesson ? app.run.head.lesson?.notes ?? [] : []).map((note, n) =>
      el('li', {}, el('button', { class: 'line', click: () => this.lesson?.open(n) }, el('b', { class: 'nth' }, String(n + 1)), el('span', {}, note.title))));
    items.push(...app.notes.map((note, n) => el('li', {},
      el('button', { class: `line${n === this.place ? ' current' : ''}`, click: () => this.open(note) },
        el('span', { class: 'mono time' }, seconds(app.run.moment(Math.min(app.last, Math.max(0, note.event))))), el('span', {}, note.text)),
      el('button', { class: 'small quiet', 'aria-label': 'Remove this note', title: 'Remove this note', click: () => {
        app.notes = app.notes.filter((one) => one !== note);
        app.emit('notes');
      } }, icon('close')))));
    if (app.notes.length === 0) items.push(el('li', { class: 'dim empty' }, 'Press m to note the event at the cursor; the address of this page then holds the note, and a saved copy keeps it.'));
    this.list.replaceChildren(...items);
  }
}
