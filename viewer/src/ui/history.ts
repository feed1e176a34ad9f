// What clients saw of the selected partition, in the order in which it ended: Jepsen's order view.

import { seconds } from '../data/run';
import { many, upTo } from '../data/steps';
import type { Operation } from '../data/history';
import type { App, Pane } from './app';
import { el } from './dom';
import { VirtualList } from './virtual';

export class HistoryPane implements Pane {
  readonly root: HTMLElement;
  private readonly list: VirtualList;
  private readonly totals: HTMLElement;
  private operations: Operation[] = [];
  private events: number[] = [];
  private shown: unknown = null;
  private shownCursor = -1;
  private readonly reads: HTMLInputElement;
  private readonly bad: HTMLInputElement;
  private window: [number, number] = [0, 1];

  constructor(private readonly app: App) {
    this.totals = el('p', { class: 'facts' });
    const toggle = (): void => {
      this.shown = null;
      app.due();
    };
    this.reads = el('input', { type: 'checkbox', id: app.id('reads'), checked: true, change: toggle });
    this.bad = el('input', { type: 'checkbox', id: app.id('only-bad'), change: toggle });
    const legend = el('p', { class: 'legend' },
      ...[['acked', 'written'], ['lost', 'written, lost in the end'], ['unknown', 'nobody knows'], ['failed', 'failed'], ['twice', 'written or read twice'], ['late', 'out of order'], ['read', 'read']].map(([name, text]) =>
        el('span', {}, el('i', { class: `key op ${name}`, 'aria-hidden': 'true' }), text!)),
      el('label', { for: app.id('reads') }, this.reads, ' reads'), el('label', { for: app.id('only-bad') }, this.bad, ' only what went wrong'));
    this.list = new VirtualList(20, 'Client history', (row, index) => this.fill(row, index), (index) => app.go(this.operations[index]!.event));
    this.root = el('div', { class: 'history' }, this.totals, legend, this.list.root);
  }

  draw(): void {
    const { app } = this;
    if (app.tab !== 'history') return;
    if (this.shown !== app.partition) {
      this.shown = app.partition;
      const unplaced = app.history.unplaced.get(app.partition?.topic ?? '') ?? [];
      const own = (app.partition && app.history.of.get(app.partition)) ?? [];
      const all = unplaced.length > 0 ? [...own, ...unplaced].sort((a, b) => a.event - b.event) : own;
      this.operations = all.filter((one) => (one.isWrite || this.reads.checked) && (!this.bad.checked || one.outcome !== 'ok' || one.isTwice || one.isLate));
      this.events = this.operations.map((one) => one.event);
      const totals = app.partition && app.history.totals.get(app.partition);
      const fact = (name: string, value: number, tone = ''): HTMLElement => el('span', {}, el('b', { class: value > 0 ? tone : '' }, many(value)), ` ${name}`);
      this.totals.replaceChildren(el('b', {}, app.partition?.name ?? ''), ...(totals ? [
        fact('acknowledged', totals.acked), fact('lost', totals.lost, 'bad'), fact('failed', totals.failed, 'warn'),
        fact('unknown', totals.unknown, 'warn'), ...(totals.twice > 0 ? [fact('duplicated', totals.twice, 'bad')] : []), ...(totals.late > 0 ? [fact('out of order', totals.late, 'bad')] : []), fact('read', totals.read),
      ] : [el('span', { class: 'dim' }, app.run.head.logs ? 'nothing of it is in this page' : 'nobody wrote to it or read it')]),
        ...(unplaced.length > 0 ? [fact(`of ${app.partition!.topic} given up before they had a partition`, unplaced.length, 'warn')] : []),
        ...(app.run.head.left_out ? [el('span', { class: 'warn' }, 'of what is in this page')] : []));
      this.list.setCount(this.operations.length);
      this.shownCursor = -1;
    }
    if (this.shownCursor !== app.cursor) {
      this.shownCursor = app.cursor;
      const place = Math.max(0, upTo(this.events, app.cursor) - 1);
      this.list.reveal(place);
      const near = this.operations.slice(Math.max(0, place - 30), place + 30).filter((one) => one.base >= 0);
      const [from, to] = [Math.min(...near.map((one) => one.base)), Math.max(...near.map((one) => one.base + one.records))];
      this.window = near.length > 0 ? [from, Math.max(to, from + 10)] : [0, 1];
      this.list.draw(true);
    } else {
      this.list.draw();
    }
  }

  private fill(row: HTMLElement, index: number): void {
    const { app } = this;
    const one = this.operations[index]!;
    const isPast = one.event <= app.cursor;
    const isLast = isPast && (this.operations[index + 1]?.event ?? Infinity) > app.cursor;
    row.className = `row${isLast ? ' current' : ''}${isPast ? '' : ' ahead'}`;
    row.setAttribute('aria-selected', String(isLast));
    const name = one.isWrite && one.outcome !== 'ok' ? one.outcome : one.isTwice ? 'twice' : one.isLate ? 'late' : one.isWrite ? 'acked' : 'read';
    const range = one.base < 0 ? 'no offset' : one.records <= 1 ? String(one.base) : `${one.base}..${one.base + one.records - 1}`;
    const bar = el('i', { class: `op ${name}`, 'aria-hidden': 'true' });
    const [from, to] = this.window;
    const at = (offset: number): number => Math.min(100, Math.max(0, ((offset - from) / (to - from)) * 100));
    bar.style.left = one.base < 0 ? '0%' : `${Math.min(99, at(one.base))}%`;
    bar.style.width = one.base < 0 ? '100%' : `${Math.max(0.8, at(one.base + one.records) - at(one.base))}%`;
    const what = one.isWrite ? `w ${range}` : `r ${range}`;
    const mark = `${one.isTwice ? ' twice' : ''}${one.isLate ? ' late' : ''}`;
    const outcome = one.isWrite && one.outcome !== 'ok' ? ` ${one.outcome}${one.error && one.error !== 'NONE' && one.outcome !== 'lost' ? ` ${one.error}` : ''}` : '';
    row.replaceChildren(el('span', { class: 'mono time' }, seconds(app.run.moment(one.event))),
      el('span', { class: 'host' }, app.run.hostName(one.host)), el('span', { class: `what ${name}` }, what + mark + outcome), el('span', { class: 'track' }, bar));
  }
}
