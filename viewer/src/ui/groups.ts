// Consumer groups in time: a row for each partition with whoever owned it, generations above,
// commits below, and how far the group is behind. Two owners at once are red.

import { epochWord, groupsOf, type Group, type Owned } from '../data/groups';
import type { Partition } from '../data/state';
import { upTo } from '../data/steps';
import type { App, Pane } from './app';
import { alpha, inkOn, memberColor } from './colors';
import { el } from './dom';
import { Surface } from './surface';

const ROW = 34;
const TOP = 20;

export class Groups implements Pane {
  readonly root: HTMLElement;
  private groups: Group[] | null = null;
  private group: Group | null = null;
  private rows: Owned[] = [];
  private readonly select: HTMLSelectElement;
  private readonly facts: HTMLElement;
  private readonly table: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly spacer: HTMLElement;
  private surface: Surface | null = null;
  private label = 84;
  private right = 96;
  private top = 0;
  private chosen: Partition | null = null;
  // The row that is to be seen, also when who is a member takes room from it; until somebody scrolls.
  private wanted: Partition | null = null;
  private isMoving = false;

  constructor(private readonly app: App) {
    const select = el('select', { 'aria-label': 'Group', change: () => {
      this.choose(this.groups?.[Number(select.value)] ?? null);
      app.due();
    } });
    this.select = select;
    this.facts = el('p', { class: 'facts' });
    this.spacer = el('div', { class: 'spacer' });
    this.scroller = el('div', { class: 'canvas scroll', tabindex: '0', role: 'region', 'aria-label': 'Owners of the partitions in time' });
    this.table = el('div', { class: 'scroll members', tabindex: '0', role: 'region', 'aria-label': 'Members' });
    this.root = el('div', { class: 'groups' }, el('div', { class: 'quick' }, select, this.facts), this.scroller, this.table);
    this.scroller.addEventListener('scroll', () => {
      // What is on its way is not overtaken by what was before.
      if (this.isMoving) return;
      this.top = this.scroller.scrollTop;
      app.due();
    });
    for (const kind of ['wheel', 'touchmove', 'keydown', 'pointerdown']) this.scroller.addEventListener(kind, () => { this.wanted = null; }, { passive: true });
    const go = (event: PointerEvent): void => {
      const part = (event.offsetX - this.label) / this.width;
      const row = this.rows[Math.floor((event.offsetY + this.top - TOP) / ROW)];
      if (row && event.type === 'pointerdown') app.partition = row.partition;
      if (part >= 0 && part <= 1) app.goTime(app.from + part * (app.to - app.from));
    };
    this.scroller.addEventListener('pointerdown', (event) => {
      if (event.target === this.surface?.canvas) go(event);
    });
    this.scroller.addEventListener('pointermove', (event) => { if (event.buttons === 1 && event.target === this.surface?.canvas) go(event); });
  }

  private get width(): number {
    const isNarrow = (this.surface?.width ?? 0) < 400;
    [this.label, this.right] = isNarrow ? [72, 80] : [84, 96];
    return Math.max(20, (this.surface?.width ?? 0) - this.label - this.right);
  }

  // Another group: its rows.
  private choose(group: Group | null): void {
    this.group = group;
    this.rows = [...(group?.partitions.values() ?? [])]
      .sort((a, b) => (a.partition.topic < b.partition.topic ? -1 : a.partition.topic > b.partition.topic ? 1 : a.partition.index - b.partition.index));
  }

  private x(time: number): number {
    const { app } = this;
    return this.label + Math.min(1, Math.max(0, (time - app.from) / (app.to - app.from))) * this.width;
  }

  private color(host: number): string {
    const { colors, state } = this.app;
    return memberColor(colors, state, host) ?? colors.none;
  }

  // Gathers the groups when they are looked at for the first time.
  private gather(): void {
    this.groups = groupsOf(this.app.state);
    this.choose(this.groups[0] ?? null);
    this.groups.forEach((group, n) => this.select.append(el('option', { value: n }, group.name)));
  }

  draw(): void {
    const { app } = this;
    if (app.tab !== 'groups') return;
    if (!this.groups) this.gather();
    const { group } = this;
    if (!group) return;
    const { cursor, colors, run } = app;
    this.surface ??= this.begin();
    const surface = this.surface;
    const { rows } = this;
    this.spacer.style.height = `${TOP + rows.length * ROW}px`;
    surface.begin();
    this.reveal(surface.height);
    const { top } = this;
    const owners = rows.map((row) => ownersAt(row, cursor));
    this.tell(group, owners);
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
  }

  // Brings the partition that is selected into sight, below the line of epochs.
  private reveal(height: number): void {
    const { partition } = this.app;
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
    const surface = new Surface(this.scroller, 'Owners of the partitions in time', () => this.app.due());
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
    for (const span of row.spans) {
      if (time(span.to) < app.from || run.moment(span.from) > app.to) continue;
      const [left, right] = [this.x(run.moment(span.from)), this.x(time(span.to))];
      surface.rect(left, y + 2, Math.max(1.5, right - left - 0.5), 16, this.color(span.host), 2);
      if (right - left > 24) surface.text(left + 4, y + 10.5, run.hostName(span.host), inkOn(this.color(span.host)), { size: 11, bold: true, max: right - left - 6 });
    }
    for (const { from, to } of row.overlaps) {
      if (time(to) < app.from || run.moment(from) > app.to) continue;
      const [left, right] = [this.x(run.moment(from)), this.x(time(to))];
      surface.rect(left, y, Math.max(3, right - left), 20, surface.hatch(colors.isDark ? '#ff3b30' : '#d00000', alpha(colors.bad, 0.35)));
      surface.outline(left, y, Math.max(3, right - left), 20, colors.bad, 2, [], 1.5);
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

  // The members and what they own, in words.
  private tell(group: Group, owners: number[][]): void {
    const { app, rows } = this;
    const { cursor, run, state } = app;
    const coordinator = group.coordinator.at(cursor);
    const protocol = group.protocol.at(cursor);
    const twice = owners.filter((hosts) => hosts.length > 1).length;
    this.facts.replaceChildren(
      el('b', {}, group.state.at(cursor) || 'not there yet'), el('span', {}, `${protocol}, ${epochWord(protocol)} `, el('b', {}, String(group.epoch.at(cursor)))),
      el('span', {}, el('b', {}, String(group.members.at(cursor))), group.members.at(cursor) === 1 ? ' member' : ' members'),
      ...(coordinator >= 0 ? [el('span', {}, 'coordinator ', el('b', {}, run.node(coordinator)?.name ?? String(coordinator)))] : []),
      ...(twice > 0 ? [el('b', { class: 'bad' }, twice === 1 ? 'a partition with two owners' : `${twice} partitions with two owners`)] : []));
    const owns = new Map<number, string[]>();
    for (const [n, row] of rows.entries()) for (const host of owners[n]!) owns.set(host, [...(owns.get(host) ?? []), row.partition.name]);
    const members = [...group.membership].sort((a, b) => a[0] - b[0]);
    this.table.replaceChildren(el('table', {}, ...members.slice(0, 200).map(([host, steps]) => {
      const dot = el('i', { class: 'dot square', 'aria-hidden': 'true' });
      dot.style.background = this.color(host);
      const mine = owns.get(host) ?? [];
      const isDown = !(state.hosts[host]?.running.at(cursor) ?? true);
      return el('tr', {}, el('th', { scope: 'row' }, dot, ` ${run.hostName(host)}`), el('td', { class: isDown ? 'bad' : 'dim' }, isDown ? 'down' : state.hosts[host]?.paused.at(cursor) ? `${steps.at(cursor)}, paused` : steps.at(cursor) || '-'),
        el('td', {}, mine.length > 12 ? `${mine.length} partitions` : mine.join(' ') || '-'));
    })));
  }
}

function ownersAt(row: Owned, event: number): number[] {
  return [...new Set(row.spans.filter((span) => span.from <= event && (span.to < 0 || span.to > event)).map((span) => span.host))];
}
