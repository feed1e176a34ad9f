// All partitions: a row each, thin bars for the replicas, chips for who leads and who is in sync.

import type { Partition } from '../data/state';
import type { App, Pane } from './app';
import { inkOn, nodeColor } from './colors';
import { el, fill } from './dom';
import { drawLog } from './lanes';
import { Surface } from './surface';

const ROW = 30;

// What keys do in the list: so many rows on.
const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e6, End: 1e6 };

export class Partitions implements Pane {
  private readonly surface: Surface;
  private readonly scroller: HTMLElement;
  private readonly spacer: HTMLElement;
  private readonly facts: HTMLElement;
  private troubleFirst = false;
  private order: Partition[] = [];
  private chosen: Partition | null = null;
  private top = 0;

  constructor(private readonly app: App, parent: HTMLElement) {
    this.facts = el('p', { class: 'facts' });
    const toggle = el('input', { type: 'checkbox', id: app.id('trouble'), change: () => {
      this.troubleFirst = toggle.checked;
      app.due();
    } });
    parent.append(el('div', { class: 'bar' }, el('h2', { id: app.id('partitions-title') }, 'Partitions'), this.facts,
      el('label', { class: 'right', for: app.id('trouble') }, toggle, ' trouble first')));
    this.scroller = el('div', { class: 'canvas scroll', tabindex: '0', role: 'region', 'aria-label': 'All partitions; arrow keys select one' });
    this.spacer = el('div', { class: 'spacer' });
    parent.append(this.scroller);
    this.surface = new Surface(this.scroller, 'All partitions', () => app.due());
    this.scroller.append(this.spacer);
    this.scroller.addEventListener('scroll', () => {
      this.top = this.scroller.scrollTop;
      app.due();
    });
    this.scroller.addEventListener('click', (event) => {
      const y = event.clientY - this.scroller.getBoundingClientRect().top + this.scroller.scrollTop;
      const found = this.order[Math.floor(y / ROW)];
      if (found) app.select(found);
    });
    this.scroller.addEventListener('keydown', (event) => {
      const by = STEPS[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const at = this.order.indexOf(app.partition!);
      const found = this.order[Math.min(this.order.length - 1, Math.max(0, at + by))];
      if (!found) return;
      app.select(found);
      const y = this.order.indexOf(found) * ROW;
      if (y < this.scroller.scrollTop) this.scroller.scrollTop = y;
      else if (y + ROW > this.scroller.scrollTop + this.scroller.clientHeight) this.scroller.scrollTop = y + ROW - this.scroller.clientHeight;
    });
  }

  private tall = 0;

  private trouble(partition: Partition): number {
    const now = partition.state.at(this.app.cursor);
    if (!now) return -1;
    if (now.leader === null) return 3;
    if (now.inSync.length < now.minInSync) return 2;
    return now.inSync.length < now.replicas.length ? 1 : 0;
  }

  draw(): void {
    const { app, surface } = this;
    const { state, cursor, colors } = app;
    const trouble = state.shown.map((partition) => this.trouble(partition));
    const counts = [0, 0, 0, 0];
    for (const level of trouble) if (level > 0) counts[level]!++;
    const [, one = 0, below = 0, without = 0] = counts;
    const under = one + below + without;
    fill(this.facts, counts.join(), () => [
      // The worst first: where room is short the others are cut.
      ...(without > 0 ? [el('span', {}, el('b', { class: 'bad' }, String(without)), ' without leader')] : []),
      ...(below > 0 ? [el('span', {}, el('b', { class: 'bad' }, String(below)), ' ', el('span', { class: 'long' }, 'below min ISR'), el('abbr', { class: 'brief', title: 'below min.insync.replicas' }, '< min ISR'))] : []),
      el('span', {}, el('b', { class: under > 0 ? 'warn' : 'good' }, String(under)), ' ', el('span', { class: 'long' }, 'under-replicated'), el('abbr', { class: 'brief', title: 'under-replicated partitions' }, 'URP')),
      el('span', {}, `${state.shown.length} in all`),
    ]);
    this.order = state.shown;
    if (this.troubleFirst) {
      const level = new Map(state.shown.map((partition, n) => [partition, trouble[n]!]));
      this.order = [...state.shown].sort((a, b) => level.get(b)! - level.get(a)!);
    }
    const tall = this.order.length * ROW;
    if (tall !== this.tall) {
      this.tall = tall;
      this.spacer.style.height = `${tall}px`;
    }
    surface.begin();
    if (app.partition !== this.chosen) {
      this.chosen = app.partition;
      const at = this.order.indexOf(app.partition!) * ROW;
      const room = surface.height;
      if (at >= 0 && (at < this.top || at + ROW > this.top + room)) {
        this.top = Math.max(0, Math.min(at - room / 2, tall - room));
        // Later, when the browser need not lay the page out for it.
        requestAnimationFrame(() => { this.scroller.scrollTop = this.top; });
      }
    }
    const { top } = this;
    const { width } = surface;
    const first = Math.floor(top / ROW);
    const last = Math.min(this.order.length, Math.ceil((top + surface.height) / ROW));
    const replicas = Math.max(1, ...this.order.slice(first, last).map((one) => one.state.at(cursor)?.replicas.length ?? 0));
    const chip = replicas > 5 ? 18 : 26;
    const chipsX = width - 108 - replicas * chip;
    for (let n = first; n < last; n++) {
      const partition = this.order[n]!;
      const y = n * ROW - top;
      const now = partition.state.at(cursor);
      if (partition === app.partition) surface.rect(0, y, width, ROW, colors.isDark ? '#1f2b3a' : '#e2ecf8');
      surface.text(14, y + ROW / 2, partition.short, now ? colors.text : colors.dim, { size: 12, bold: partition === app.partition, max: 104 });
      if (!now) {
        surface.text(126, y + ROW / 2, 'not there', colors.dim, { size: 11 });
        continue;
      }
      const rows = partition.replicasAt(cursor).slice(0, 6);
      const ends = rows.map((replica) => replica.end.at(cursor));
      const most = Math.max(1, ...ends);
      const left = 126;
      const barWidth = chipsX - left - 12;
      const height = Math.max(2, Math.floor((ROW - 8) / rows.length) - 1);
      const isKnown = state.run.knows(partition, cursor);
      if (barWidth > 20 && isKnown) {
        // The end of the log, so that a replica that is behind can be seen.
        const span = Math.max(60, (most - Math.min(...ends)) * 2.2);
        const window = { from: Math.max(0, most - span), to: Math.max(most * 1.001, Math.max(0, most - span) + span * 1.02) };
        rows.forEach((replica, k) => drawLog(app, surface, partition, replica, window, left, y + 4 + k * (height + 1), barWidth, height, false));
      }
      now.replicas.forEach((node, k) => {
        const x = chipsX + k * chip;
        const isIn = now.inSync.includes(node);
        const leads = now.leader === node;
        const color = nodeColor(colors, state, node);
        if (leads) surface.rect(x, y + 6, chip - 4, 18, color, 4);
        else surface.outline(x + 0.5, y + 6.5, chip - 5, 17, isIn ? colors.good : colors.bad, 4, isIn ? [] : [2, 2]);
        const ink = leads ? inkOn(color) : isIn ? colors.text : colors.bad;
        surface.text(x + (chip - 4) / 2, y + 15.5, String(node), ink, { size: 11, bold: leads, align: 'center' });
        if (!isIn) surface.line(x + 3, y + 21, x + chip - 7, y + 9, colors.bad, 1);
      });
      surface.text(width - 88, y + ROW / 2, now.leader === null ? 'no leader' : `e${now.leaderEpoch}`, now.leader === null ? colors.bad : colors.dim, { size: 11, mono: true, max: 40 });
      surface.text(width - 14, y + ROW / 2, isKnown ? String(Math.max(0, ...ends)) : '?', colors.dim, { size: 11, mono: true, align: 'right' });
    }
    surface.label(`${state.shown.length} partitions, ${under} under-replicated`);
  }
}
