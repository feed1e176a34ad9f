// The address of a moment: event, partition, window, filter, tab, theme and notes.

import type { Note } from '../data/run';
import type { App } from './app';
import { complain } from './dom';
import { TABS, type LessonPlayer } from './lesson';

export function readLink(first: App, hash: string, lesson: LessonPlayer | null): void {
  const link = new URLSearchParams(hash.replace(/^#/, ''));
  const app = link.get('run') === '2' && first.peer ? first.peer : first;
  if (!app.isActive) app.activate();
  const nth = Number(link.get('n'));
  if (lesson && Number.isInteger(nth) && nth > 0 && link.get('e') === null) lesson.open(nth - 1);
  const wrong: string[] = [];
  const number = (name: string): number | null => {
    const text = link.get(name);
    if (text === null) return null;
    const value = text.trim() === '' ? NaN : Number(text.replace(/^e/, ''));
    if (Number.isFinite(value)) return value;
    wrong.push(`${name}=${text} is no ${name === 'e' ? 'event' : name === 'v' ? 'number' : 'time'}`);
    return null;
  };
  const violation = number('v');
  const explanation = violation === null ? undefined : app.run.head.explanations?.[violation - 1];
  if (explanation && !app.isRiddle) app.read(explanation);
  else if (violation !== null) wrong.push(`this page explains no violation ${violation}`);
  const partition = link.get('p');
  if (partition !== null) {
    const found = app.state.named(partition) ?? (/^\d+$/.test(partition) ? app.state.shown[Number(partition)] : undefined);
    if (found) {
      app.partition = found;
      if (app.peer) app.peer.partition = app.peer.state.named(found.name) ?? app.peer.partition;
    } else wrong.push(`there is no partition ${partition}`);
  }
  const notes = link.get('notes');
  if (notes !== null) app.notes = readNotes(notes)?.map((note) => ({ ...note, event: app.run.place(note.event) })) ?? app.notes;
  const theme = link.get('theme');
  if (theme === 'light' || theme === 'dark') app.setTheme(theme);
  const shown = link.get('z');
  const window = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(shown ?? '');
  if (window && Number(window[1]) < Number(window[2])) app.zoom(Number(window[1]) * 1e6, Number(window[2]) * 1e6);
  else if (shown !== null) wrong.push(`z=${shown} is no stretch of time`);
  const [event, time] = [number('e'), number('t')];
  if (event !== null && event > app.run.number(app.run.count - 1)) wrong.push(`this page has no event ${event}`);
  if (event !== null) app.go(app.run.place(event), { follow: partition === null });
  else if (time !== null) app.goTime(time * 1e6);
  const filter = link.get('f');
  if (filter !== null) app.showFilter(filter);
  const called = link.get('tab');
  const tab = called === null ? null : TABS.get(called) ?? called;
  if (tab !== null && document.getElementById(app.id(`tab-${tab}`))) app.setTab(tab);
  else if (tab !== null) wrong.push(`this run has no tab ${called}`);
  if (wrong.length > 0) complain(`The address of this page could not be followed in full: ${wrong.join('; ')}.`);
}

export function writeLink(app: App): string {
  const link = new URLSearchParams();
  if (app.place > 0) link.set('run', String(app.place + 1));
  link.set('e', String(app.run.number(app.cursor)));
  if (app.partition) link.set('p', app.partition.name);
  const place = app.explanation && !app.isRiddle ? app.run.head.explanations!.indexOf(app.explanation) : 0;
  if (place > 0) link.set('v', String(place + 1));
  const isWhole = app.to - app.from >= (app.end - app.begin) * 0.8;
  if (!isWhole) link.set('z', `${(app.from / 1e6).toFixed(4)}-${(app.to / 1e6).toFixed(4)}`);
  if (app.filter.text) link.set('f', app.filter.text);
  if (app.tab !== app.firstTab) link.set('tab', app.tab);
  link.set('theme', app.theme);
  const added = app.notes.filter((note) => !(app.run.head.notes ?? []).includes(note));
  if (added.length > 0 && added.length <= 20) link.set('notes', JSON.stringify(added.map((note) => ({ ...note, event: app.run.number(note.event) }))));
  return `#${link.toString()}`;
}

function readNotes(text: string): Note[] | null {
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) return null;
    return list.slice(0, 50).flatMap((item: Record<string, unknown>) =>
      (Number.isInteger(item?.['event']) && typeof item['text'] === 'string'
        ? [{ event: item['event'] as number, text: (item['text'] as string).slice(0, 500), ...(typeof item['partition'] === 'string' ? { partition: item['partition'] } : {}) }]
        : []));
  } catch {
    return null;
  }
}

// Writes the address at most four times a second, also while time runs.
export function keepLink(apps: App[], lesson: LessonPlayer | null): void {
  let due = 0;
  let written = '';
  const write = (): void => {
    due = 0;
    const link = writeLink(apps.find((app) => app.isActive) ?? apps[0]!);
    if (link === written) return;
    written = link;
    try {
      history.replaceState(null, '', link);
    } catch {
      // Some browsers allow no addresses of their own to pages from disk.
    }
  };
  const soon = (): void => { due ||= window.setTimeout(write, 250); };
  for (const app of apps) app.listeners.push(soon);
  // What was not understood does not stay.
  if (location.hash) soon();
  addEventListener('hashchange', () => {
    if (location.hash === written) return;
    readLink(apps[0]!, location.hash, lesson);
    soon();
  });
}
