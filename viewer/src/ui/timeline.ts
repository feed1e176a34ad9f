// The whole run in time: faults, who leads what, where replicas are missing, what became of the
// writes, how much happened, and where a property broke.

import type { Fault, Partition } from '../data/state';
import { faultText, sides } from '../data/story';
import { upTo } from '../data/steps';
import type { App, Pane } from './app';
import { alpha, faultColor, inkOn, nodeColor } from './colors';
import { button, el } from './dom';
import { Surface, tickStep } from './surface';

const LABEL = 116;
const RIGHT = 14;
const OVERVIEW = 14;
// A fault so high can be named.
const NAMED = 11;

interface Rows { ruler: number; faults: number; leaders: number; writes: number; density: number; marks: number; bottom: number }

export class Timeline implements Pane {
  private readonly surface: Surface;
  private readonly card: HTMLElement;
  private rows: Rows = { ruler: 0, faults: 0, leaders: 0, writes: 0, density: 0, marks: 0, bottom: 0 };
  private readonly faultLanes: number[] = [];
  private shownLanes = 1;
  private readonly lanes: number;
  private drag: { kind: 'scrub' | 'pan' | 'overview'; x: number; from: number; to: number } | null = null;
  // Events by host and slice of the run, for the density rows.
  private readonly writeEvents: Float64Array;

  constructor(private readonly app: App, parent: HTMLElement) {
    const bar = el('div', { class: 'bar' }, el('h2', { id: app.id('timeline-title') }, 'Timeline'),
      el('span', { class: 'dim hint' }, 'drag: move through time, wheel: zoom, shift and drag: shift, double click: zoom to a fault'),
      el('span', { class: 'right' },
        button('Zoom in', 'plus', () => this.zoom(0.5), '+'), button('Zoom out', 'minus', () => this.zoom(2), '-'),
        button('Show all', 'fit', () => app.zoom(app.begin, app.end), '0')));
    parent.append(bar);
    const seen = app.peer && app.seen;
    if (seen) {
      bar.insertBefore(el('button', { class: 'small differ', title: 'The first line of the two stories that is not the same: the dashed line', click: () => app.go(seen.event, { follow: true }) },
        el('i', { class: 'key dashed', 'aria-hidden': 'true' }), `first visible difference: ${(seen.time / 1e6).toFixed(3)} s`), bar.lastChild);
    }
    const box = el('div', { class: 'canvas' });
    parent.append(box);
    this.surface = new Surface(box, 'Timeline', () => app.due());
    this.card = el('div', { class: 'card', hidden: true });
    box.append(this.card);
    this.writeEvents = Float64Array.from(app.history.writes, (write) => app.run.moment(write.event));
    // Faults that overlap stand in lanes of their own.
    const ends: number[] = [];
    for (const fault of app.state.faults) {
      const begin = app.run.moment(fault.begin);
      let lane = ends.findIndex((end) => end <= begin);
      if (lane < 0) lane = Math.min(ends.length, 3);
      ends[lane] = fault.end < 0 ? Infinity : app.run.moment(fault.end);
      this.faultLanes.push(lane);
    }
    this.lanes = Math.max(1, ends.length);
    const { canvas } = this.surface;
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', () => { this.drag = null; });
    canvas.addEventListener('pointercancel', () => { this.drag = null; });
    canvas.addEventListener('pointerleave', () => { this.card.hidden = true; });
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('dblclick', (event) => this.zoomToFault(event));
  }

  private get width(): number {
    return Math.max(10, this.surface.width - LABEL - RIGHT);
  }

  private x(time: number): number {
    return LABEL + ((time - this.app.from) / (this.app.to - this.app.from)) * this.width;
  }

  private time(x: number): number {
    return this.app.from + ((x - LABEL) / this.width) * (this.app.to - this.app.from);
  }

  zoom(factor: number): void {
    const { app } = this;
    const span = (app.to - app.from) * factor;
    const part = Math.min(1, Math.max(0, (app.time - app.from) / (app.to - app.from)));
    app.zoom(app.time - span * part, app.time + span * (1 - part));
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const { app } = this;
    this.surface.canvas.setPointerCapture(event.pointerId);
    const isOverview = event.offsetY > this.surface.height - OVERVIEW - 2;
    const kind = isOverview ? 'overview' : event.shiftKey ? 'pan' : 'scrub';
    this.drag = { kind, x: event.offsetX, from: app.from, to: app.to };
    if (kind === 'scrub') this.scrub(event);
    if (kind === 'overview') this.overviewTo(event);
  }

  private scrub(event: PointerEvent): void {
    const { app } = this;
    const time = this.time(event.offsetX);
    // A mark under the pointer draws the cursor to itself.
    const near = app.incidentEvents.find((incident) => Math.abs(this.x(app.run.moment(incident)) - event.offsetX) < 3);
    if (near !== undefined && event.type === 'pointerdown') {
      const partition = this.partitionAt(event.offsetY);
      if (partition) app.partition = partition;
      app.go(near, { follow: !partition });
      return;
    }
    const partition = event.type === 'pointerdown' ? this.partitionAt(event.offsetY) : null;
    if (partition) app.partition = partition;
    app.goTime(Math.min(app.to, Math.max(app.from, time)));
  }

  private overviewTo(event: PointerEvent): void {
    const { app } = this;
    const span = app.to - app.from;
    const middle = app.begin + ((event.offsetX - LABEL) / this.width) * (app.end - app.begin);
    app.zoom(middle - span / 2, middle + span / 2);
  }

  private move(event: PointerEvent): void {
    const { app, drag } = this;
    if (drag?.kind === 'scrub') this.scrub(event);
    else if (drag?.kind === 'overview') this.overviewTo(event);
    else if (drag) {
      const by = ((drag.x - event.offsetX) / this.width) * (drag.to - drag.from);
      app.zoom(drag.from + by, drag.to + by);
    } else this.hover(event);
  }

  private hover(event: PointerEvent): void {
    const { app } = this;
    const time = this.time(event.offsetX);
    const lines: string[] = [];
    if (event.offsetX >= LABEL && event.offsetY < this.surface.height - OVERVIEW) {
      lines.push(`${(time / 1e6).toFixed(app.to - app.from < 2e6 ? 6 : 3)} s`);
      const at = app.run.eventAt(time);
      const partition = this.partitionAt(event.offsetY);
      if (partition) {
        const now = partition.state.at(at);
        if (now) lines.push(`${partition.name}: ${now.leader === null ? 'no leader' : `leader broker ${now.leader}`}, epoch ${now.leaderEpoch}, ISR ${now.inSync.join(',')}`);
      } else {
        for (const fault of app.state.faultsAt(at)) lines.push(`fault ${fault.id + 1}: ${faultText(app.run, fault)}`);
      }
      const near = app.told.filter((one) => Math.abs(this.x(app.run.moment(one.event)) - event.offsetX) < 4);
      for (const one of near.slice(0, 4)) lines.push(`${one.time}  ${one.text}`);
    }
    this.card.hidden = lines.length === 0;
    if (lines.length === 0) return;
    this.card.replaceChildren(...lines.map((line, n) => el(n === 0 ? 'b' : 'span', {}, line)));
    this.card.style.left = `${Math.max(4, Math.min(event.offsetX + 14, this.surface.width - this.card.offsetWidth - 8))}px`;
    this.card.style.top = `${Math.max(0, Math.min(event.offsetY - 10, this.surface.height - this.card.offsetHeight - 2))}px`;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const { app } = this;
    const span = app.to - app.from;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / this.width) * span;
      app.zoom(app.from + by, app.to + by);
      return;
    }
    const at = this.time(Math.max(LABEL, event.offsetX));
    const factor = Math.exp(event.deltaY * 0.0015);
    app.zoom(at - (at - app.from) * factor, at + (app.to - at) * factor);
  }

  private zoomToFault(event: MouseEvent): void {
    const { app } = this;
    const time = this.time(event.offsetX);
    const hit = app.state.faults.find((fault) => {
      const end = fault.end < 0 ? app.end : app.run.moment(fault.end);
      return app.run.moment(fault.begin) <= time && time <= end;
    });
    if (!hit) return;
    const [begin, end] = [app.run.moment(hit.begin), hit.end < 0 ? app.end : app.run.moment(hit.end)];
    const margin = Math.max(100_000, (end - begin) * 0.08);
    app.zoom(begin - margin, end + margin);
  }

  private shownPartitions(): Partition[] {
    const { app } = this;
    const room = Math.max(8, this.rows.writes - this.rows.leaders - 4);
    const most = Math.max(1, Math.floor(room / 3));
    const { shown } = app.state;
    if (shown.length <= most) return shown;
    const known = this.listed;
    if (known && known.most === most && known.partition === app.partition) return known.shown;
    const list = this.chosen(most);
    this.listed = { most, partition: app.partition, shown: list };
    return list;
  }

  private listed: { most: number; partition: Partition | null; shown: Partition[] } | null = null;

  private chosen(most: number): Partition[] {
    const { app } = this;
    const { shown } = app.state;
    const own = shown.filter((partition) => !partition.isOwn);
    if (own.length > 0 && own.length <= most && (!app.partition || own.includes(app.partition))) return own;
    // Of many, those to which most happened, and the selected one.
    const count = new Map(shown.map((partition) => [partition, partition.state.events.length]));
    const first = [...shown].sort((a, b) => Number(a.isOwn) - Number(b.isOwn) || count.get(b)! - count.get(a)!).slice(0, most);
    if (app.partition && !first.includes(app.partition)) first[first.length - 1] = app.partition;
    return shown.filter((partition) => first.includes(partition));
  }

  private partitionAt(y: number) {
    const shown = this.shownPartitions();
    const each = this.rowHeight(shown.length);
    const place = Math.floor((y - this.rows.leaders) / each);
    return y >= this.rows.leaders && y < this.rows.writes - 2 ? shown[place] ?? null : null;
  }

  private rowHeight(count: number): number {
    return Math.min(20, Math.max(3, (this.rows.writes - this.rows.leaders - 4) / Math.max(1, count)));
  }

  draw(): void {
    const { app, surface } = this;
    surface.begin();
    const height = surface.height;
    const bottom = height - OVERVIEW - 4;
    const marks = bottom - 14;
    // Where room is short faults are low, so that who leads can be read.
    // Fewer lanes, in which one may lie over another, rather than some that nobody can name.
    this.shownLanes = Math.max(1, Math.min(this.lanes, Math.floor((marks - 44) / NAMED)));
    this.fault = Math.max(NAMED, Math.min(18, Math.floor((marks - 44) / this.shownLanes)));
    const leaders = 20 + this.shownLanes * this.fault + Math.min(6, this.fault - 12 > 0 ? this.fault - 12 : 1);
    // What the leaders' rows leave goes to the writes and the density.
    const wanted = Math.max(16, this.app.state.shown.filter((partition) => !partition.isOwn).length * 19 + 4);
    const room = Math.max(24, marks - leaders);
    const given = Math.min(wanted, room - (room < 40 ? 0 : room < 62 ? 20 : wanted > room - 54 ? 44 : 54));
    const bars = (room - given - 6) / 2;
    this.high = Math.max(12, Math.min(46, bars - 5));
    // With little room there is no density, with less no writes.
    this.least = marks - leaders < 62 ? (marks - leaders < 40 ? 2 : 1) : 0;
    const density = this.least > 0 ? marks : marks - this.high - 5;
    const writes = this.least > 1 ? marks : density - this.high - 7;
    this.rows = { ruler: 0, faults: 20, leaders, writes, density, marks, bottom };
    // All but the cursor stays as it is while time runs.
    const notes = app.notes.map((note) => note.event).join();
    surface.layered(`${app.from} ${app.to} ${app.theme} ${app.partition?.id} ${notes}`, () => {
      this.ruler();
      this.bands();
      this.leaders();
      if (this.least < 2) this.writes();
      if (this.least < 1) this.density();
      this.unknown();
      this.marks();
      this.overview();
    });
    this.cursor();
    surface.label(this.label());
  }

  private label(): string {
    const { app } = this;
    const faults = app.state.faults.map((fault) => `${faultText(app.run, fault)} at ${(app.run.moment(fault.begin) / 1e6).toFixed(1)} s`);
    return `Timeline from ${(app.from / 1e6).toFixed(1)} to ${(app.to / 1e6).toFixed(1)} s, cursor at ${(app.time / 1e6).toFixed(6)} s; ` +
      `${faults.join(', ') || 'no faults'}; ${app.violations.length} properties violated`;
  }

  private name(y: number, text: string, color = this.app.colors.dim): void {
    this.surface.text(LABEL - 10, y, text, color, { size: 11, align: 'right', max: LABEL - 16 });
  }

  private ruler(): void {
    const { surface, app, rows } = this;
    const span = app.to - app.from;
    const step = tickStep(span, this.width / 90);
    const digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(step) - 1e-9)));
    for (let time = Math.ceil(app.from / step) * step; time <= app.to; time += step) {
      const x = Math.round(this.x(time)) + 0.5;
      surface.line(x, 17, x, rows.bottom, alpha(app.colors.line, 0.7), 1);
      surface.text(x, 9, `${(time / 1e6).toFixed(digits)} s`, app.colors.dim, { size: 11, align: x < LABEL + 20 ? 'left' : x > surface.width - 30 ? 'right' : 'center' });
    }
  }

  private bands(): void {
    const { surface, app, rows } = this;
    this.name(rows.faults + 8, app.state.faults.length === 0 ? 'no faults' : 'faults');
    app.state.faults.forEach((fault, n) => {
      const [begin, end] = [app.run.moment(fault.begin), fault.end < 0 ? app.end : app.run.moment(fault.end)];
      if (end < app.from || begin > app.to) return;
      const [left, right] = [Math.max(LABEL, this.x(begin)), Math.min(LABEL + this.width, this.x(end))];
      const color = faultColor(app.colors, fault.verb);
      const y = rows.faults + this.laneOf(n) * this.fault;
      const high = this.fault - (this.fault > 14 ? 2 : 1);
      const width = Math.max(2, right - left);
      surface.rect(left, y + high, width, rows.bottom - y - high, alpha(color, app.colors.isDark ? 0.09 : 0.08));
      surface.rect(left, y, width, high, alpha(color, app.colors.isDark ? 0.3 : 0.22), 3);
      surface.rect(left, y, Math.min(3, width), high, color);
      const next = this.nextInLane(n);
      // Where the lanes do not suffice the next one begins in the midst of this.
      const room = next < right ? next - left - 12 : Math.max(width - 10, Math.min(next, LABEL + this.width) - left - 12);
      if (high > 9 && room > 18) surface.text(left + 7, y + high / 2 + 0.5, `${fault.id + 1}  ${shortFault(app, fault)}`, app.colors.text, { size: 11, max: room });
    });
  }

  private laneOf(n: number): number {
    return Math.min(this.faultLanes[n]!, this.shownLanes - 1);
  }

  private nextInLane(n: number): number {
    const { app } = this;
    for (let other = n + 1; other < app.state.faults.length; other++) {
      if (this.laneOf(other) === this.laneOf(n)) return this.x(app.run.moment(app.state.faults[other]!.begin));
    }
    return Infinity;
  }

  private leaders(): void {
    const { surface, app, rows } = this;
    const shown = this.shownPartitions();
    const each = this.rowHeight(shown.length);
    const isNamed = each >= 11;
    if (!isNamed) this.name(rows.leaders + 8, 'leader of each');
    if (!isNamed && shown.length < app.state.shown.length) this.name(rows.leaders + 22, `${shown.length} of ${app.state.shown.length}`);
    const edge = (event: number): number => this.x(app.run.moment(event));
    shown.forEach((partition, n) => {
      const y = rows.leaders + n * each;
      const isSelected = partition === app.partition;
      if (isNamed) this.name(y + each / 2, partition.short, isSelected ? app.colors.text : app.colors.dim);
      const { events, values } = partition.state;
      const height = Math.max(2, each - (each > 6 ? 3 : 1));
      const first = Math.max(0, upTo(events, app.run.eventAt(app.from)) - 1);
      for (let place = first; place < events.length; place++) {
        const now = values[place];
        if (!now) continue;
        const left = Math.max(LABEL, edge(events[place]!));
        if (left > LABEL + this.width) break;
        const next = place + 1 < events.length ? edge(events[place + 1]!) : this.x(app.end);
        const right = Math.min(LABEL + this.width, next);
        if (right <= LABEL) continue;
        const width = Math.max(1, right - left);
        if (now.leader === null) {
          surface.rect(left, y, width, height, surface.hatch(app.colors.bad, app.colors.inset));
        } else {
          const color = nodeColor(app.colors, app.state, now.leader);
          surface.rect(left, y, width, height, color);
          const before = values[place - 1];
          const isNew = before?.leader !== now.leader || place === first;
          if (isNew && each >= 14) {
            let until = right;
            for (let k = place + 1; k < events.length && values[k]?.leader === now.leader; k++) until = k + 1 < events.length ? edge(events[k + 1]!) : LABEL + this.width;
            if (Math.min(until, LABEL + this.width) - left > 30) this.pending.push([left + 5, y + height / 2, `b${now.leader} e${now.leaderEpoch}`, inkOn(color)]);
          }
        }
        if (now.inSync.length < now.replicas.length) {
          const isBelow = now.inSync.length < now.minInSync;
          surface.rect(left, y + height - (each > 6 ? 3 : 1), width, each > 6 ? 3 : 1, isBelow ? app.colors.bad : shadeOf(app));
        }
      }
      for (const [x, middle, text, ink] of this.pending.splice(0)) {
        surface.text(x, middle - 0.5, text, ink, { size: 10, bold: true });
      }
      if (isSelected) surface.outline(LABEL - 0.5, y - 1.5, this.width + 1, height + 3, app.colors.text, 2, [], 1);
    });
  }

  private readonly pending: [number, number, string, string][] = [];
  private high = 20;
  // How high a fault is, with what is between two.
  private fault = 18;
  private least = 0;

  private writes(): void {
    const { surface, app, rows } = this;
    const y = rows.writes;
    const height = this.high;
    this.name(y + height / 2 + 1, 'writes');
    const { writes } = app.history;
    const times = this.writeEvents;
    const columns = Math.floor(this.width / 2);
    const counts = { ok: new Float32Array(columns), lost: new Float32Array(columns), failed: new Float32Array(columns), unknown: new Float32Array(columns) };
    const span = app.to - app.from;
    const first = upTo(times, app.from - 1);
    for (let n = first; n < writes.length && times[n]! <= app.to; n++) {
      const column = Math.min(columns - 1, Math.floor(((times[n]! - app.from) / span) * columns));
      counts[writes[n]!.outcome][column]! += Math.max(1, writes[n]!.records);
    }
    // A burst after an outage shall not make all else flat: the highest columns are cut off.
    const sums = counts.ok.map((ok, n) => ok + counts.lost[n]!).filter((sum) => sum > 0).sort();
    const most = Math.max(1, (sums[Math.floor(sums.length * 0.9)] ?? 1) * 1.35);
    const scale = (value: number): number => (value <= 0 ? 0 : Math.min(height, Math.max(2, (value / most) * height)));
    for (let n = 0; n < columns; n++) {
      const x = LABEL + n * 2;
      const ok = scale(counts.ok[n]! + counts.lost[n]!);
      if (ok > 0) surface.rect(x, y + height - ok, 2, ok, app.colors.acked);
      const lost = scale(counts.lost[n]!);
      // What is lost hangs below the line too.
      if (lost > 0) surface.rect(x, y + height - lost, 2, lost + 5, app.colors.bad);
      if (counts.failed[n]! > 0) surface.rect(x, y - 1, 2, 6, app.colors.failed);
      if (counts.unknown[n]! > 0) surface.rect(x, y + 5, 2, 6, app.colors.unknown);
    }
  }

  #density: { counts: Float32Array; from: number; to: number; columns: number } | null = null;

  private density(): void {
    const { surface, app, rows } = this;
    this.name(rows.density + this.high / 2 + 1, 'events');
    const columns = Math.floor(this.width / 2);
    let known = this.#density;
    if (!known || known.from !== app.from || known.to !== app.to || known.columns !== columns) {
      const counts = new Float32Array(columns);
      let before = app.run.eventAt(app.from);
      for (let n = 0; n < columns; n++) {
        const event = app.run.eventAt(app.from + ((n + 1) / columns) * (app.to - app.from));
        counts[n] = event - before;
        before = event;
      }
      known = { counts, from: app.from, to: app.to, columns };
      this.#density = known;
    }
    const most = known.counts.reduce((a, b) => Math.max(a, b), 1);
    const { context } = surface;
    context.fillStyle = alpha(app.colors.dim, 0.55);
    for (let n = 0; n < columns; n++) {
      const high = Math.sqrt(known.counts[n]! / most) * this.high;
      if (high > 0) context.fillRect(LABEL + n * 2, rows.density + this.high - high, 2, high);
    }
  }

  // Where the page has no messages there is nothing to count.
  private unknown(): void {
    const { surface, app, rows } = this;
    const { logs } = app.run.head;
    if (!logs || this.least > 1) return;
    for (const [from, to] of [[app.begin, app.run.moment(logs.from)], [app.run.moment(logs.to), app.end]] as const) {
      const [left, right] = [Math.max(LABEL, this.x(from)), Math.min(LABEL + this.width, this.x(to))];
      if (right - left < 2) continue;
      const height = rows.marks - rows.writes - 2;
      surface.rect(left, rows.writes, right - left, height, surface.hatch(alpha(app.colors.dim, 0.25), app.colors.inset));
      if (right - left > 110) surface.text((left + right) / 2, rows.writes + height / 2, 'not in this page', app.colors.dim, { size: 11, align: 'center', halo: app.colors.pane });
    }
  }

  private marks(): void {
    const { surface, app, rows } = this;
    const { context } = surface;
    this.name(rows.marks + 6, 'what happened', app.colors.dim);
    for (const one of app.told) {
      const x = this.x(app.run.moment(one.event));
      if (x < LABEL || x > LABEL + this.width || one.tone === 'phase') continue;
      mark(surface, x, rows.marks + 6, one.tone, toneOf(app, one.tone));
    }
    for (const violation of app.violations) {
      const x = this.x(app.run.moment(violation.event));
      if (x < LABEL - 4 || x > LABEL + this.width + 4) continue;
      context.beginPath();
      context.moveTo(x, rows.marks - 1);
      context.lineTo(x + 6.5, rows.marks + 11);
      context.lineTo(x - 6.5, rows.marks + 11);
      context.closePath();
      context.fillStyle = app.colors.bad;
      context.fill();
      context.lineWidth = 1;
      context.strokeStyle = app.colors.pane;
      context.stroke();
    }
    if (app.seen && app.peer?.seen) {
      const x = this.x(Math.min(app.seen.time, app.peer.seen.time));
      if (x >= LABEL && x <= LABEL + this.width) {
        surface.line(x, 18, x, rows.bottom, app.colors.accent, 1.5, [3, 3]);
      }
    }
    for (const note of app.notes) {
      const x = this.x(app.run.moment(note.event));
      if (x >= LABEL && x <= LABEL + this.width) surface.rect(x - 3, 14, 6, 6, app.colors.accent, 2);
    }
  }

  private overview(): void {
    const { surface, app } = this;
    const y = surface.height - OVERVIEW;
    const at = (time: number): number => LABEL + ((time - app.begin) / (app.end - app.begin || 1)) * this.width;
    this.name(y + 6, 'whole run');
    surface.rect(LABEL, y, this.width, OVERVIEW - 3, app.colors.inset, 3);
    for (const fault of app.state.faults) {
      const [begin, end] = [app.run.moment(fault.begin), fault.end < 0 ? app.end : app.run.moment(fault.end)];
      surface.rect(at(begin), y + 3, Math.max(2, at(end) - at(begin)), OVERVIEW - 9, alpha(faultColor(app.colors, fault.verb), 0.7));
    }
    surface.outline(at(app.from) + 0.5, y + 0.5, Math.max(4, at(app.to) - at(app.from) - 1), OVERVIEW - 4, app.colors.accent, 3, [], 1.5);
  }

  private cursor(): void {
    const { surface, app, rows } = this;
    const at = LABEL + ((app.time - app.begin) / (app.end - app.begin || 1)) * this.width;
    surface.rect(at - 1, surface.height - OVERVIEW, 2, OVERVIEW - 3, app.colors.cursor);
    const x = this.x(app.time);
    if (x < LABEL - 1 || x > LABEL + this.width + 1) return;
    surface.line(x, 14, x, rows.bottom, app.colors.cursor, 1.5);
    const { context } = surface;
    context.beginPath();
    context.moveTo(x - 6, 12);
    context.lineTo(x + 6, 12);
    context.lineTo(x, 20);
    context.closePath();
    context.fillStyle = app.colors.cursor;
    context.fill();
  }
}

function shadeOf(app: App): string {
  return app.colors.isDark ? '#ffd0cc' : '#7c1410';
}

// What happened, told apart by its shape too.
function mark(surface: Surface, x: number, y: number, tone: string, color: string): void {
  const { context } = surface;
  context.beginPath();
  if (tone === 'bad') {
    for (const by of [-1, 1]) surface.line(x - 3.2, y - 3.2 * by, x + 3.2, y + 3.2 * by, color, 1.8);
  } else if (tone === 'good') {
    context.arc(x, y, 3, 0, 2 * Math.PI);
    context.strokeStyle = color;
    context.lineWidth = 1.8;
    context.stroke();
  } else if (tone === 'change') {
    context.moveTo(x, y - 4.2);
    context.lineTo(x + 4.2, y);
    context.lineTo(x, y + 4.2);
    context.lineTo(x - 4.2, y);
    context.fillStyle = color;
    context.fill();
  } else surface.rect(x - 2.8, y - 2.8, 5.6, 5.6, color);
}

function toneOf(app: App, tone: string): string {
  const { colors } = app;
  return tone === 'bad' ? colors.bad : tone === 'fault' ? colors.fault : tone === 'good' ? colors.good : tone === 'change' ? colors.change : colors.dim;
}

function shortFault(app: App, fault: Fault): string {
  const who = sides(fault.hosts, fault.groups).map((side) => {
    const names = side.map((host) => app.run.hosts[host]?.short ?? '?');
    return names.length > 4 ? `${names.slice(0, 3).join(' ')} and ${names.length - 3} more` : names.join(' ');
  });
  return `${fault.verb} ${who.join(' | ')}`;
}
