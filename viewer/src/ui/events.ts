// The events around the cursor, those that pass the filter, and all that is known of one.

import { many, upTo } from '../data/steps';
import { seconds } from '../data/run';
import type { App, Pane } from './app';
import { nodeColor } from './colors';
import { el } from './dom';
import { VirtualList } from './virtual';

const QUICK: [string, string][] = [
  ['all', ''],
  ['what changed', 'kind=fault-*|role-taken|partition-committed|in-sync-changed|log-truncated|host-*|registration-committed|controller-*|quorum-role-taken'],
  ['without messages', '!kind=delivered|deadline-reached|task-posted|disk-completed|lane-resumed'],
];
const TONES: [RegExp, string][] = [
  [/^(fault-began|fault-bit|host-stopped|log-truncated|storage-failed|disk-stalled|fetch-diverged|truncation-detected)/, 'bad'],
  [/^(fault-|host-|broker-state|clock-set|disk-replaced|restart)/, 'fault'],
  [/^(role-taken|partition-|in-sync|registration|broker-|controller-|quorum-role|vote|alter-partition|election|topic-|config-)/, 'change'],
  [/^(log-|high-watermark|follower-|epoch-cache|segments|min-in-sync)/, 'good'],
  [/^(operation|batch|polled|produce|position|producer|sequences|record|admin|probe|latest-offset)/, 'client'],
];

export class Events implements Pane {
  readonly root: HTMLElement;
  private readonly list: VirtualList;
  private readonly input: HTMLInputElement;
  private readonly error: HTMLElement;
  private readonly total: HTMLElement;
  private readonly detail: HTMLElement;
  private shownCursor = -1;
  private timer = 0;

  constructor(private readonly app: App) {
    this.input = el('input', {
      type: 'search', class: 'filter', spellcheck: 'false', autocomplete: 'off', 'aria-label': 'Filter of events',
      placeholder: 'filter: kind=role-taken time=10..20', 'aria-describedby': app.id('filter-error'),
      input: () => {
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => this.apply(this.input.value), 150);
      },
    });
    this.error = el('p', { class: 'error', id: app.id('filter-error'), role: 'alert', hidden: true });
    this.total = el('span', { class: 'dim' });
    const quick = el('div', { class: 'quick', role: 'group', 'aria-label': 'Ready filters' });
    for (const [name, text] of QUICK) {
      quick.append(el('button', { class: 'small', click: () => this.set(text) }, name));
    }
    const ofPartition = el('button', { class: 'small', click: () => {
      if (app.partition) this.set(`partition=${app.partition.name}`);
    } }, 'this partition');
    quick.append(ofPartition);
    this.list = new VirtualList(22, 'Events', (row, index) => this.fill(row, index), (index) => app.go(this.at(index)));
    this.list.root.addEventListener('keydown', (event) => {
      const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : event.key === 'PageDown' ? this.list.visible : event.key === 'PageUp' ? -this.list.visible : 0;
      if (by === 0) return;
      event.preventDefault();
      event.stopPropagation();
      const place = Math.min(this.count - 1, Math.max(0, this.place() + by));
      app.go(this.at(place));
    });
    this.detail = el('div', { class: 'detail scroll', tabindex: '0', role: 'region', 'aria-label': 'The event at the cursor' });
    this.root = el('div', { class: 'events' }, el('div', { class: 'filtering' }, this.input, this.total), this.error, quick, this.list.root, this.detail);
    this.list.setCount(app.run.count);
    app.listeners.push((change) => {
      if (change === 'filter') {
        this.list.setCount(this.count);
        this.shownCursor = -1;
        if (app.filtered?.length === 0) {
          this.error.textContent = 'No event of this run passes the filter.';
          this.error.hidden = false;
        }
        if (this.input.value !== app.filter.text) this.input.value = app.filter.text;
      }
      if (change === 'theme' || change === 'selection') this.shownCursor = -1;
    });
    app.showFilter = (text) => this.set(text);
  }

  private get count(): number {
    return this.app.filtered?.length ?? this.app.run.count;
  }

  private at(index: number): number {
    return this.app.filtered ? this.app.filtered[index]! : index;
  }

  // The place in the list of the cursor, or of the last event before it.
  private place(): number {
    const { filtered, cursor, picked } = this.app;
    const event = picked < 0 ? cursor : picked;
    return filtered ? upTo(filtered, event) - 1 : event;
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  set(text: string): void {
    this.input.value = text;
    this.apply(text);
    this.app.setTab('events');
  }

  private apply(text: string): void {
    const wrong = this.app.setFilter(text);
    this.error.textContent = wrong;
    this.error.hidden = wrong === '';
    this.input.setAttribute('aria-invalid', String(wrong !== ''));
  }

  private fill(row: HTMLElement, index: number): void {
    const { run, colors, state, cursor } = this.app;
    const event = this.at(index);
    const kind = run.kindName(event);
    const tone = TONES.find(([pattern]) => pattern.test(kind))?.[1] ?? 'plain';
    const host = run.hosts[run.columns.host[event]!];
    const name = `row ${tone}${event === cursor ? ' current' : event === this.app.picked ? ' picked' : ''}`;
    if (row.className !== name) {
      row.className = name;
      row.setAttribute('aria-selected', String(event === cursor));
    }
    // A row that shows this event already stays as it is.
    const shown = `${event} ${colors.isDark}`;
    if (row.dataset['shown'] === shown) return;
    row.dataset['shown'] = shown;
    if (!row.firstChild) {
      row.append(...['mono time', 'host', 'kind', 'fields'].map((part) => el('span', { class: part })));
    }
    const [time, badge, what, fields] = row.children as unknown as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    time.textContent = seconds(run.moment(event));
    badge.textContent = briefly(host?.short ?? 'world');
    badge.title = host?.name ?? '';
    // The letters stay dark or light; the colour stands before them.
    badge.style.boxShadow = host && host.role === 'broker' ? `inset 3px 0 ${nodeColor(colors, state, host.node)}` : '';
    what.textContent = kind;
    fields.textContent = run.brief(event);
  }

  draw(): void {
    const { app } = this;
    if (app.tab !== 'events' || this.root.hidden) return;
    if (this.shownCursor === app.cursor) {
      this.list.draw();
      return;
    }
    this.shownCursor = app.cursor;
    this.total.textContent = app.filtered ? `${many(app.filtered.length)} of ${many(app.run.count)}` : `${many(app.run.count)} events`;
    this.list.reveal(Math.max(0, this.place()));
    this.list.draw(true);
    if (!app.isPlaying) this.showDetail();
  }

  private showDetail(): void {
    const { app } = this;
    const { run } = app;
    const cursor = app.picked < 0 ? app.cursor : app.picked;
    if (run.count === 0) return;
    const kind = run.kindName(cursor);
    const host = run.hostName(run.columns.host[cursor]!);
    const rows = run.fields(cursor).map(([name, value]) => el('tr', {}, el('th', { scope: 'row' }, name), el('td', { class: 'mono' }, value || '-')));
    const link = (label: string, event: number): HTMLElement => el('button', { class: 'line link', click: () => app.go(event) },
      el('span', { class: 'dim' }, label), el('span', { class: 'mono' }, ` e${run.number(event)} `), `${run.hostName(run.columns.host[event]!)} ${run.kindName(event)}`,
      el('span', { class: 'dim' }, `  ${apart(run.moment(event) - run.moment(cursor))}`));
    const links: HTMLElement[] = [];
    const [cause, about] = [run.columns.cause[cursor]!, run.columns.about[cursor]!];
    // A page that leaves events out has of what led here what is left of it.
    if (cause >= 0) links.push(link(run.columns.numbers ? 'goes back to' : 'because of', cause));
    if (about >= 0 && about !== cause) links.push(link('about', about));
    for (const child of app.children(cursor, 3)) links.push(link('led to', child));
    this.detail.replaceChildren(
      el('p', {}, el('b', {}, kind), ' ', el('span', {}, host), ' ', el('span', { class: 'dim mono' }, `e${run.number(cursor)}`)),
      el('p', { class: 'dim' }, run.head.kinds[kind] ?? ''),
      el('div', { class: 'links' }, ...links), el('table', {}, ...rows));
  }
}

function apart(micros: number): string {
  const whole = Math.abs(micros);
  const long = whole < 1000 ? `${whole} \u00b5s` : whole < 1e6 ? `${(whole / 1000).toFixed(2)} ms` : `${(whole / 1e6).toFixed(3)} s`;
  return micros === 0 ? 'at once' : `${long} ${micros < 0 ? 'before' : 'later'}`;
}

// What tells names apart is the number at their end.
function briefly(name: string): string {
  const tail = /\D?\d*$/.exec(name)![0];
  return name.length <= 8 ? name : `${name.slice(0, 6 - tail.length)}\u2026${tail}`;
}
