// The tabs at the right: events, client history, state, notes.

import { hasGroups } from '../data/groups';
import { stateText } from '../data/text';
import type { App, Pane } from './app';
import { copyButton, el } from './dom';
import { Events } from './events';
import { Groups } from './groups';
import { HistoryPane } from './history';
import { Notes } from './notes';

class StatePane implements Pane {
  readonly root: HTMLElement;
  private readonly text: HTMLElement;
  private shown = -1;

  constructor(private readonly app: App) {
    this.text = el('pre', { class: 'scroll state', tabindex: '0', 'aria-label': 'The state at the cursor, as kafsim state prints it' });
    this.root = el('div', { class: 'state-pane' },
      el('p', { class: 'dim' }, 'As ', el('code', {}, 'kafsim state --at e...'), ' prints it. ',
        copyButton('small', 'copy', () => stateText(app.state, app.cursor))),
      this.text);
  }

  draw(): void {
    const { app } = this;
    if (app.tab !== 'state' || this.shown === app.cursor || app.run.count === 0) return;
    this.shown = app.cursor;
    this.text.textContent = stateText(app.state, app.cursor);
  }
}

class Scenario implements Pane {
  readonly root: HTMLElement;

  constructor(app: App) {
    const { head } = app.run;
    this.root = el('div', { class: 'scenario' },
      el('p', { class: 'dim' }, 'The scenario as it was run. ', copyButton('small', 'copy', () => head.scenario)),
      el('pre', { class: 'scroll', tabindex: '0', 'aria-label': 'The scenario as it was run' }, head.scenario));
  }

  draw(): void {}
}

export interface Tabs { events: Events; notes: Notes }

type Panel = Pane & { root: HTMLElement };

// `why` stands here where a lesson has its place.
export function buildTabs(app: App, parent: HTMLElement, why: Panel | null): Tabs {
  const events = new Events(app);
  const notes = new Notes(app);
  const panes: [string, string, Panel][] = [
    ...(why ? [['why', 'Why', why] as [string, string, Panel]] : []),
    ['events', 'Events', events], ['history', 'Clients', new HistoryPane(app)], ...([app, ...(app.peer ? [app.peer] : [])].some((one) => hasGroups(one.state)) ? [['groups', 'Groups', new Groups(app)] as [string, string, Panel]] : []), ['state', 'State', new StatePane(app)],
    ['notes', 'Notes', notes], ['scenario', 'Scenario', new Scenario(app)],
  ];
  const bar = el('div', { class: 'tablist', role: 'tablist', 'aria-label': 'Details' });
  const buttons = panes.map(([id, name, pane], n) => {
    pane.root.id = app.id(`panel-${id}`);
    pane.root.setAttribute('role', 'tabpanel');
    pane.root.setAttribute('aria-labelledby', app.id(`tab-${id}`));
    pane.root.classList.add('panel');
    const tab = el('button', { role: 'tab', id: app.id(`tab-${id}`), 'aria-controls': app.id(`panel-${id}`), click: () => app.setTab(id), keydown: ((event: KeyboardEvent) => {
      const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
      if (by === 0) return;
      event.preventDefault();
      event.stopPropagation();
      const next = (n + by + panes.length) % panes.length;
      app.setTab(panes[next]![0]);
      buttons[next]!.focus();
    }) as (event: never) => void }, name);
    return tab;
  });
  bar.append(...buttons);
  parent.append(el('div', { class: 'bar tabbar' }, bar), ...panes.map(([, , pane]) => pane.root));
  const show = (): void => panes.forEach(([id, , pane], n) => {
    const isShown = id === app.tab;
    pane.root.hidden = !isShown;
    buttons[n]!.setAttribute('aria-selected', String(isShown));
    buttons[n]!.tabIndex = isShown ? 0 : -1;
  });
  app.listeners.push((change) => { if (change === 'tab') show(); });
  if (!panes.some(([id]) => id === app.tab)) app.tab = 'events';
  show();
  app.panes.push(...panes.map(([, , pane]) => pane));
  return { events, notes };
}
