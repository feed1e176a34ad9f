// Keys, and the help that lists them.

import type { App } from './app';
import { button, el } from './dom';
import type { Lanes } from './lanes';
import type { Tabs } from './tabs';
import type { Timeline } from './timeline';

export const KEYS: [string, string][] = [
  ['space', 'play or pause'],
  ['n  p', 'next incident, the one before: faults, elections, truncations, violations'],
  ['.  ,', 'next event, the one before, of those that pass the filter'],
  ['>  <', 'the same, of the selected partition'],
  ['[  ]', 'what caused this event; what it led to first'],
  ['right  left', 'a small step through time'],
  ['home  end', 'begin and end of the run'],
  ['+  -  0', 'zoom the timeline; show all of it'],
  ['g', 'show the whole log in the lanes, or its end again'],
  ['1 to 9', 'select a partition'],
  ['/', 'filter the events'],
  ['m', 'note this moment'],
  ['j  k', 'next note, the one before'],
  ['x', 'the other of two runs'],
  ['esc', 'a pane that was made large goes back to its place'],
  ['d', 'light or dark'],
  ['?', 'this help'],
];

export interface Parts { app: App; lanes: Lanes; timeline: Timeline; tabs: Tabs }

export function bindKeys(active: () => Parts, help: () => void): void {
  document.addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type !== 'range' && target.type !== 'checkbox');
    if (isTyping) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    if (document.querySelector('dialog[open]')) return;
    const isControl = target instanceof HTMLButtonElement || target instanceof HTMLSelectElement || target instanceof HTMLInputElement || target.tagName === 'SUMMARY';
    if (isControl && (event.key === ' ' || event.key === 'Enter' || event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End')) return;
    if (target instanceof HTMLSelectElement) return;
    const parts = active();
    const { app } = parts;
    const span = app.to - app.from;
    const partition = app.partition;
    const act: Record<string, () => void> = {
      ' ': () => app.play(),
      'n': () => app.stepIncident(1), 'p': () => app.stepIncident(-1),
      '.': () => app.step(1), ',': () => app.step(-1),
      '>': () => { if (partition) app.stepIn(partition.touched, 1); },
      '<': () => { if (partition) app.stepIn(partition.touched, -1); },
      '[': () => app.stepCause(-1), ']': () => app.stepCause(1),
      'ArrowRight': () => app.goTime(app.time + span / 200), 'ArrowLeft': () => app.goTime(app.time - span / 200),
      'Home': () => app.go(0), 'End': () => app.go(app.last),
      '+': () => parts.timeline.zoom(0.5), '=': () => parts.timeline.zoom(0.5), '-': () => parts.timeline.zoom(2),
      '0': () => app.zoom(app.begin, app.end),
      'g': () => parts.lanes.fit(),
      '/': () => { app.setTab('events'); parts.tabs.events.focus(); },
      'm': () => { app.setTab('notes'); parts.tabs.notes.focus(); },
      'd': () => app.setTheme(app.theme === 'dark' ? 'light' : 'dark'),
      'k': () => parts.tabs.notes.step(-1), 'j': () => parts.tabs.notes.step(1),
      ...(app.peer ? { 'x': () => app.peer?.activate() } : {}),
      'Escape': () => document.querySelector<HTMLElement>('.pane.alone .enlarge')?.click(),
      '?': () => help(),
    };
    const digit = /^[1-9]$/.test(event.key) ? app.state.shown[Number(event.key) - 1] : undefined;
    const run = digit ? () => app.select(digit) : act[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}

export function buildHelp(app: App, dialog: HTMLDialogElement): () => void {
  const rows = KEYS.map(([keys, text]) => el('tr', {}, el('th', { scope: 'row' }, ...keys.split(/\s{2,}/).flatMap((key, n) => [n > 0 ? ' ' : '', el('kbd', {}, key)])), el('td', {}, text)));
  dialog.append(
    el('div', { class: 'bar' }, el('h2', { id: 'help-title' }, 'How to look at a run'), el('span', { class: 'right' }, button('Close', 'close', () => dialog.close(), 'Esc'))),
    el('div', { class: 'help-body' },
      el('section', {},
        el('p', {}, 'A broker has one colour everywhere: its circle on the map, its leaderships on the timeline, and the records that were written while it led. Records above the high watermark are hatched: they are not committed, and may be thrown away. On the timeline a red triangle is a violation.'),
        el('p', {}, 'A filled crown is the leader as the controller recorded it. A hollow crown is a broker that believes it leads, and does not. Squares are members of consumer groups, in colours of their own. \u201cDiverged at 7\u201d: from offset 7 on a replica has records that its leader does not have. Two slanted lines in a log: what lies between is not shown; scroll to see it.'),
        el('p', {}, 'Click a record for the event that put it there, a node for its events, a line of the story for its moment. The address of the page always names the moment that you see.'),
        el('p', { class: 'dim' }, `${app.run.head.title}. Seed ${app.run.head.seed}, fingerprint ${app.run.head.fingerprint.events}-${app.run.head.fingerprint.hash}, kafsim ${app.run.head.tool_version} (${app.run.head.build_id}). The page asks nothing of any network.`)),
      el('table', { class: 'keys' }, ...rows)));
  return () => dialog.showModal();
}
