// The owners of a group's partitions in time: a row for each partition with whoever owned it,
// generations above, commits below, and how far the group is behind. Two owners at once are red.

import { epochWord, type Group, type Owned } from '../data/groups';
import type { Partition } from '../data/state';
import { upTo } from '../data/steps';
import type { App } from './app';
import { alpha, inkOn, memberColor } from './colors';
import { el } from './dom';
import { Surface } from './surface';

const ROW = 34;
const TOP = 20;

export class Owners {
  readonly scroller: HTMLElement;
  rows: Owned[] = [];
  group: Group | null = null;
  private readonly spacer: HTMLElement;
  private surface: Surface | null = null;
  private label = 84;
  private right = 96;
  private longest = 0;
  private top = 0;
  private chosen: Partition | null = null;
  // The row that is to be seen, also when who is a member takes room from it; until somebody scrolls.
  private wanted: Partition | null = null;
  private isMoving = false;
  private height = 0;

  // `host` is the run in whose pane it stands: one of two compared runs shows both.
  constructor(private readonly app: App, private readonly host: App) {
    this.spacer = el('div', { class: 'spacer' });
    this.scroller = el('div', { class: 'canvas scroll', tabindex: '0', role: 'region', 'aria-label': `Owners of the partitions in time${app.peer ? `, ${app.name}` : ''}` });
    this.scroller.addEventListener('scroll', () => {
      // What is on its way is not overtaken by what was before.
      if (this.isMoving || Math.abs(this.scroller.scrollTop - this.top) < 1) return;
      this.top = this.scroller.scrollTop;
      // Where there is more room than before nobody scrolled.
      if (this.surface?.height === this.height) this.wanted = null;
      host.due();
    });
    const go = (event: PointerEvent): void => {
      const part = (event.offsetX - this.label) / this.width;
      const row = this.rows[Math.floor((event.offsetY + this.top - TOP) / ROW)];
      if (row && event.type === 'pointerdown') app.select(row.partition);
      if (part >= 0 && part <= 1) app.goTime(app.from + part * (app.to - app.from));
    };
    this.scroller.addEventListener('pointerdown', (event) => {
      if (event.target === this.surface?.canvas) go(event);
    });
    this.scroller.addEventListener('pointermove', (event) => { if (event.buttons === 1 && event.target === this.surface?.canvas) go(event); });
  }

  private get width(): number {
    const isNarrow = (this.surface?.width ?? 0) < 400;
    // Room for their names, also for the one in bold.
    this.label = Math.min(isNarrow ? 96 : 130, Math.max(isNarrow ? 72 : 84, 14 + this.longest * 7.8));
    this.right = isNarrow ? 80 : 96;
    return Math.max(20, (this.surface?.width ?? 0) - this.label - this.right);
  }

  // Another group: its rows.
  choose(group: Group | null): void {
    this.group = group;
    this.rows = [...(group?.partitions.values() ?? [])]
      .sort((a, b) => (a.partition.topic < b.partition.topic ? -1 : a.partition.topic > b.partition.topic ? 1 : a.partition.index - b.partition.index));
    this.longest = this.rows.reduce((most, { partition: { name } }) => Math.max(most, name.length), 0);
  }

  private x(time: number): number {
    const { app } = this;
    return this.label + Math.min(1, Math.max(0, (time - app.from) / (app.to - app.from))) * this.width;
  }

  color(host: number): string {
    const { colors, state } = this.app;
    return memberColor(colors, state, host) ?? colors.none;
  }

  // Draws it as it is now; says who owns each row.
  draw(): number[][] {
    const { app, group, rows } = this;
    const { cursor, colors, run } = app;
    this.surface ??= this.begin();
    const surface = this.surface;
    this.spacer.style.height = `${TOP + rows.length * ROW}px`;
    surface.begin();
    this.reveal(surface.height);
    const { top } = this;
    const owners = rows.map((row) => ownersAt(row, cursor));
    if (!group) return owners;
    const first = Math.max(0, Math.floor((top - TOP) / ROW));
    const last = Math.min(rows.length, Math.ceil((top + surface.height) / ROW));
    for (let n = first; n < last; n++) this.row(surface, rows[n]!, TOP + n * ROW - top);
    surface.rect(0, 0, surface.width, TOP - 2, colors.pane);
    // Generations, where there is room for their numbers.
    let free = 0;
    group.epoch.events.forEach((event, n) => {
      const time = run.moment(event);
      if (time < app.from || time > app.to) return;
      const x = this.x(time);
      surface.line(x, TOP - 6, x, surface.height, alpha(colors.change, 0.55), 1, [2, 3]);
      if (x < free) return;
      const number = String(group.epoch.values[n]);
      const room = 4 + number.length * 7;
      // At the edge it stands before its line, if there is room.
      const isLast = x + room > this.label + this.width;
      if (isLast && x - room < free) return;
      surface.text(isLast ? x - 2 : x + 2, 8, number, colors.change, { size: 11, bold: true, align: isLast ? 'right' : 'left' });
      free = x + 6 + room;
    });
    surface.text(this.label - 8, 8, epochWord(group.protocol.at(this.app.cursor)), colors.dim, { size: 11, align: 'right' });
    surface.text(surface.width - this.right + 44, 8, 'commit', colors.dim, { size: 11, align: 'right' });
    surface.text(surface.width - 6, 8, 'lag', colors.dim, { size: 11, align: 'right' });
    if (app.time >= app.from && app.time <= app.to) surface.line(this.x(app.time), TOP - 4, this.x(app.time), surface.height, colors.cursor, 1.5);
    const told = rows.map((row, n) => `${row.partition.name} ${owners[n]!.map((host) => run.hostName(host)).join(' and ') || 'nobody'}`);
    surface.label(`Group ${group.name}: ${told.join(', ')}`);
    return owners;
  }

  // Brings the partition that is selected into sight, below the line of epochs.
  private reveal(height: number): void {
    const { partition } = this.app;
    this.height = height;
    if (partition !== this.chosen) this.chosen = this.wanted = partition;
    const at = this.rows.findIndex((row) => row.partition === this.wanted) * ROW;
    const room = height - TOP;
    if (at < 0 || room < ROW || (at >= this.top && at + ROW <= this.top + room)) return;
    this.top = Math.round(Math.max(0, Math.min(at - (room - ROW) / 2, this.rows.length * ROW - room)));
    // Later, when the browser need not lay the page out for it.
    this.isMoving = true;
    requestAnimationFrame(() => {
      this.isMoving = false;
      this.scroller.scrollTop = this.top;
    });
  }

  private begin(): Surface {
    const surface = new Surface(this.scroller, 'Owners of the partitions in time', () => this.host.due());
    this.scroller.append(this.spacer);
    return surface;
  }

  private row(surface: Surface, row: Owned, y: number): void {
    const { app } = this;
    const { run, colors, cursor } = app;
    const { partition } = row;
    const isSelected = partition === app.partition;
    surface.text(this.label - 8, y + 10, partition.name, isSelected ? colors.text : colors.dim, { size: 12, bold: isSelected, align: 'right', max: this.label - 10 });
    surface.rect(this.label, y + 2, this.width, 16, colors.inset);
    const time = (event: number): number => (event < 0 ? app.end : run.moment(event));
    const isShown = ({ from, to }: { from: number; to: number }): boolean => time(to) >= app.from && run.moment(from) <= app.to;
    const ends = ({ from, to }: { from: number; to: number }): [number, number] => [this.x(run.moment(from)), this.x(time(to))];
    const named = (left: number, right: number, host: number): void => {
      if (right - left > 24) surface.text(left + 4, y + 10.5, run.hostName(host), inkOn(this.color(host)), { size: 11, bold: true, max: right - left - 6 });
    };
    const spans = row.spans.filter(isShown);
    const overlaps = row.overlaps.filter(isShown);
    for (const span of spans) {
      const [left, right] = ends(span);
      surface.rect(left, y + 2, Math.max(1.5, right - left - 0.5), 16, this.color(span.host), 2);
      // Who came second is named behind the red.
      const red = overlaps.find(({ from }) => from === span.from);
      named(red ? ends(red)[1] : left, right, span.host);
    }
    for (const overlap of overlaps) {
      const [left, right] = ends(overlap);
      surface.rect(left, y, Math.max(3, right - left), 20, surface.hatch(colors.isDark ? '#ff3b30' : '#d00000', alpha(colors.bad, 0.35)));
      surface.outline(left, y, Math.max(3, right - left), 20, colors.bad, 2, [], 1.5);
      // Who came second is named on its own colour, where enough of the red remains.
      const second = spans.find((span) => span.from === overlap.from);
      if (!second || right - left < 100) continue;
      surface.rect(left + 3, y + 4, 66, 12, this.color(second.host), 2);
      named(left + 2, left + 70, second.host);
    }
    // Commits, and how far behind the group is.
    const { events, values } = row.committed;
    let drawn = -1;
    for (let n = upTo(events, run.eventAt(app.from)); n < events.length; n++) {
      const x = Math.round(this.x(run.moment(events[n]!)));
      if (run.moment(events[n]!) > app.to) break;
      const isBack = n > 0 && values[n]! < values[n - 1]!;
      if (x === drawn && !isBack) continue;
      drawn = x;
      surface.line(x + 0.5, y + 19, x + 0.5, y + (isBack ? 28 : 23), isBack ? colors.bad : colors.accent, isBack ? 2.5 : 1);
    }
    const lags: number[] = [];
    const columns = Math.max(2, Math.floor(this.width / 4));
    for (let n = 0; n <= columns; n++) lags.push(this.lag(row, run.eventAt(app.from + (n / columns) * (app.to - app.from))));
    const most = Math.max(20, ...lags);
    const { context } = surface;
    context.beginPath();
    lags.forEach((lag, n) => {
      const [x, at] = [this.label + (n / columns) * this.width, y + 31 - (Math.max(0, lag) / most) * 10];
      if (n === 0) context.moveTo(x, at);
      else context.lineTo(x, at);
    });
    context.strokeStyle = colors.fault;
    context.lineWidth = 1.2;
    context.stroke();
    const committed = row.committed.at(cursor);
    const lag = this.lag(row, cursor);
    surface.text(surface.width - this.right + 44, y + 10, committed < 0 ? '-' : String(committed), colors.text, { size: 12, mono: true, align: 'right' });
    surface.text(surface.width - 6, y + 10, lag < 0 ? '-' : String(lag), lag > 0 ? colors.fault : colors.dim, { size: 12, mono: true, align: 'right' });
  }

  // From the commit to the high watermark; before the first commit to where the log begins.
  private lag(row: Owned, event: number): number {
    const { partition } = row;
    if (!partition.state.at(event)) return -1;
    return Math.max(0, partition.trueHighWatermark.at(event) - Math.max(0, row.committed.at(event)));
  }
}

function ownersAt(row: Owned, event: number): number[] {
  return [...new Set(row.spans.filter((span) => span.from <= event && (span.to < 0 || span.to > event)).map((span) => span.host))];
}
