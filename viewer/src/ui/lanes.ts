// The replicas of one partition as lanes: how far each log reaches, which leader wrote what, what
// is committed, and what is about to be lost.

import { divergence, type Partition, type Replica } from '../data/state';
import { status } from '../data/text';
import type { App, Pane } from './app';
import { alpha, epochColor, nodeColor } from './colors';
import { el } from './dom';
import { Surface, tickStep } from './surface';

const AXIS = 22;

interface Window { from: number; to: number }

export class Lanes implements Pane {
  private readonly surface: Surface;
  private readonly select: HTMLSelectElement;
  private readonly facts: HTMLElement;
  private readonly card: HTMLElement;
  private zoomed: Window | null = null;
  private window: Window = { from: 0, to: 40 };
  private rows: { replica: Replica; y: number; height: number }[] = [];
  private chips = 190;
  private label = 158;

  constructor(private readonly app: App, parent: HTMLElement) {
    this.select = el('select', { 'aria-label': 'Partition', change: () => this.pick() });
    for (const partition of [...app.state.shown, app.state.metadata]) this.select.append(el('option', { value: partition.name }, partition.name));
    this.facts = el('p', { class: 'facts' });
    const legend = el('p', { class: 'legend' }, keyItem('solid', 'committed'), keyItem('hatched', 'above the high watermark', 'above HW'), keyItem('lostmark', 'acknowledged, then lost', 'acked, then lost'), el('span', { class: 'hue' }, 'coloured by who led when it was written'));
    parent.append(
      el('div', { class: 'bar' }, el('h2', { id: app.id('lanes-title') }, 'Replicas'), this.select, this.facts),
      legend,
    );
    const box = el('div', { class: 'canvas' });
    parent.append(box);
    this.surface = new Surface(box, 'Replica lanes', () => app.due());
    this.card = el('div', { class: 'card', hidden: true });
    box.append(this.card);
    const { canvas } = this.surface;
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('dblclick', () => this.fit(false));
    canvas.addEventListener('pointermove', (event) => this.hover(event));
    canvas.addEventListener('pointerleave', () => { this.card.hidden = true; });
    canvas.addEventListener('click', (event) => this.click(event));
  }

  private pick(): void {
    const found = this.app.state.named(this.select.value);
    if (found) this.app.select(found);
  }

  // All of the log, or again its end.
  fit(isWhole = this.zoomed === null): void {
    const { partition, cursor } = this.app;
    if (!isWhole || !partition) {
      this.zoomed = null;
    } else {
      const replicas = partition.replicasAt(cursor);
      const end = Math.max(20, ...replicas.map((replica) => replica.end.at(cursor)));
      this.zoomed = { from: Math.min(...replicas.map((replica) => replica.start.at(cursor)), end), to: end * 1.02 };
    }
    this.app.due();
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const { from, to } = this.window;
    const width = this.surface.width - this.label - this.chips;
    const at = from + ((event.offsetX - this.label) / Math.max(1, width)) * (to - from);
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / Math.max(1, width)) * (to - from);
      this.zoomed = { from: from + by, to: to + by };
    } else {
      const factor = Math.exp(event.deltaY * 0.0015);
      this.zoomed = { from: at - (at - from) * factor, to: at + (to - at) * factor };
      if (this.zoomed.to - this.zoomed.from < 4) this.zoomed.to = this.zoomed.from + 4;
    }
    this.zoomed.from = Math.max(0, this.zoomed.from);
    this.app.due();
  }

  private offsetAt(x: number): number {
    const { from, to } = this.window;
    const width = this.surface.width - this.label - this.chips;
    return Math.floor(from + ((x - this.label) / width) * (to - from));
  }

  private under(event: PointerEvent | MouseEvent): { replica: Replica; offset: number } | null {
    const row = this.rows.find(({ y, height }) => event.offsetY >= y && event.offsetY < y + height);
    const inside = event.offsetX >= this.label && event.offsetX < this.surface.width - this.chips;
    return row && inside ? { replica: row.replica, offset: this.offsetAt(event.offsetX) } : null;
  }

  private click(event: MouseEvent): void {
    const under = this.under(event);
    const batch = under?.replica.batchAt(under.offset, this.app.cursor);
    if (batch) this.app.go(batch.event);
  }

  private hover(event: PointerEvent): void {
    const under = this.under(event);
    const { partition, cursor, run, history } = this.app;
    if (!under || !partition || under.offset < 0) {
      this.card.hidden = true;
      return;
    }
    const batch = under.replica.batchAt(under.offset, cursor);
    const lines = [`offset ${under.offset} on broker ${under.replica.node}`];
    if (batch) {
      const holders = partition.replicasAt(cursor)
        .filter((replica) => replica.batchAt(under.offset, cursor)?.batch === batch.batch).map((replica) => replica.node);
      const write = history.of.get(partition)?.find((one) => one.isWrite && one.batch === batch.batch);
      const records = batch.end - batch.base;
      lines.push(`batch ${batch.base} to ${batch.end - 1} (${records === 1 ? 'a record' : `${records} records`}), epoch ${batch.epoch}`);
      lines.push(`held by ${holders.join(', ')}`);
      if (write) {
        const when = write.event <= cursor ? 'acknowledged' : 'will be acknowledged';
        const outcome = write.outcome === 'ok' ? when : write.outcome === 'lost' ? `${when}, and lost in the end` : write.outcome;
        lines.push(`${run.hostName(write.host)}: ${outcome}`);
      }
      lines.push('click: the event that put it there');
    } else {
      lines.push('no record');
    }
    this.card.replaceChildren(...lines.map((line, n) => el(n === 0 ? 'b' : 'span', {}, line)));
    this.card.hidden = false;
    const left = Math.min(event.offsetX + 14, this.surface.width - this.card.offsetWidth - 6);
    const top = Math.min(event.offsetY + 14, this.surface.height - this.card.offsetHeight - 4);
    this.card.style.left = `${Math.max(4, left)}px`;
    this.card.style.top = `${Math.max(2, top)}px`;
  }

  draw(): void {
    const { app, surface } = this;
    const { partition, cursor, colors, state } = app;
    surface.begin();
    if (!partition) {
      surface.text(16, 30, 'This run has no topic.', colors.dim, { size: 13 });
      return;
    }
    if (this.select.value !== partition.name) this.select.value = partition.name;
    const now = partition.state.at(cursor);
    this.facts.replaceChildren(...factsOf(app, partition));
    if (!now && ![...partition.replicas.values()].some((replica) => replica.present.at(cursor))) {
      this.rows = [];
      surface.text(this.label, 40, 'At this moment the partition is not there yet.', colors.dim, { size: 13 });
      surface.label(`${partition.name} is not there yet`);
      return;
    }
    const replicas = partition.replicasAt(cursor);
    const leader = partition === state.metadata ? state.active.at(cursor)?.node ?? null : now?.leader ?? null;
    const parted = replicas.map((replica) => parting(app, partition, replica));
    const isNarrow = surface.width < 520;
    // Where a log parts takes more letters than how far it is behind.
    const wide = parted.some((at) => at !== null) ? 24 : 0;
    this.chips = isNarrow ? 128 + wide : 190;
    this.label = !isNarrow ? 158 : partition === state.metadata ? 122 : 118;
    const width = surface.width - this.label - this.chips;
    this.window = this.zoomed ?? autoWindow(replicas, cursor, width);
    const gap = 10;
    const top = 18;
    const height = Math.max(18, Math.min(100, (surface.height - AXIS - top - gap * replicas.length) / Math.max(1, replicas.length)));
    const right = surface.width;
    const columns = isNarrow ? [right - 84 - wide, right - 44 - wide, right - 6] : [right - 118, right - 62, right - 8];
    for (const [n, name] of ['LEO', 'HW', 'lag'].entries()) surface.text(columns[n]!, 8, name, colors.dim, { size: 11, align: 'right' });
    this.rows = [];
    const isKnown = state.run.knows(partition, cursor);
    const leaderEnd = Math.max(0, ...replicas.filter((replica) => replica.node === leader).map((replica) => replica.end.at(cursor)));
    replicas.forEach((replica, n) => {
      const y = top + n * (height + gap);
      if (y + height > surface.height) return;
      this.rows.push({ replica, y, height });
      const isIn = now?.inSync.includes(replica.node) ?? false;
      const host = state.run.node(replica.node);
      const up = host ? status(state, host.id, cursor) : 'up';
      const role = replica.role.at(cursor);
      const leads = leader === replica.node;
      const believes = role?.role === 'leader' && !(leads && role.leaderEpoch === now?.leaderEpoch);
      const color = nodeColor(colors, state, replica.node);
      const middle = y + height / 2;
      const isTall = height >= 34;
      if (leads) surface.crown(14, isTall ? middle - 7 : middle, 15, color);
      else if (believes) surface.crown(14, isTall ? middle - 7 : middle, 15, colors.bad, true);
      const member = partition === state.metadata ? state.members.get(replica.node)?.role.at(cursor) : null;
      const word = up === 'down' ? 'down' : up === 'paused' ? 'paused' : up === 'new' ? 'not started' : partition === state.metadata ? (member ? `${member.role} e${member.leaderEpoch}` : 'no role') : isIn ? 'in sync' : 'out of sync';
      const note = believes ? (this.label < 158 || !isTall ? 'stale leader' : `believes it leads (e${role.leaderEpoch})`) : word;
      const tone = member ? colors.dim : believes || up === 'down' || !isIn ? colors.bad : up === 'paused' ? colors.fault : colors.good;
      const name = isTall ? host?.name ?? `broker ${replica.node}` : host?.short ?? `b${replica.node}`;
      surface.text(30, isTall ? middle - 7 : middle, name, colors.text, { size: 13, bold: true, max: this.label - 36 });
      const noteAt = isTall ? 30 : 36 + 8 * name.length;
      surface.text(noteAt, isTall ? middle + 9 : middle, note, tone, { size: isTall ? 11 : 10, max: this.label - noteAt - 4 });
      if (!isKnown) {
        surface.rect(this.label, y, width, height, colors.inset, 3);
        surface.text(this.label + 10, y + height / 2, 'not in this page', colors.dim, { size: 12, max: width });
        return;
      }
      drawLog(app, surface, partition, replica, this.window, this.label, y, width, height, up === 'down');
      const end = replica.end.at(cursor);
      const lag = Math.max(0, leaderEnd - end);
      const chips: [number, string, string][] = [
        [columns[0]!, String(end), colors.text],
        [columns[1]!, String(replica.highWatermark.at(cursor)), colors.text],
      ];
      const from = parted[n] ?? null;
      if (from === null) chips.push([columns[2]!, leader === null ? '-' : String(lag), lag > 0 ? colors.bad : colors.dim]);
      else {
        for (const [text, by] of [['diverged', -6], [`at ${from}`, 7]] as const) surface.text(columns[2]!, middle + by, text, colors.bad, { size: 11, align: 'right' });
        const { from: begin, to } = this.window;
        const x = this.label + ((from - begin) / (to - begin)) * width;
        if (from >= begin && from <= to) surface.line(x, y - 4, x, y + height + 4, colors.bad, 2, [3, 2]);
      }
      for (const [x, text, ink] of chips) surface.text(x, middle, text, ink, { size: 13, mono: true, align: 'right' });
    });
    if (isKnown) this.axis(width, top + replicas.length * (height + gap));
    surface.label(labelOf(app, partition));
  }

  private axis(width: number, y: number): void {
    const { surface, app: { colors } } = this;
    const { from, to } = this.window;
    const step = Math.max(1, tickStep(to - from, width / 56));
    const at = Math.min(y + 4, surface.height - 10);
    for (let offset = Math.ceil(from / step) * step; offset <= to; offset += step) {
      const x = this.label + ((offset - from) / (to - from)) * width;
      surface.line(x, at - 8, x, at - 4, colors.faint);
      if (x > this.label + 14) surface.text(x, at + 4, String(offset), colors.dim, { size: 11, align: 'center' });
    }
    surface.text(this.label - 10, at + 4, 'offset', colors.dim, { size: 11, align: 'right' });
  }
}

// With the words for where room is short.
function keyItem(kind: string, text: string, short = text): HTMLElement {
  return el('span', {}, el('i', { class: `key ${kind}`, 'aria-hidden': 'true' }), el('span', { class: 'long' }, text), el('span', { class: 'brief' }, short));
}

// Where the log of a replica parts from its leader's, as far as this page knows both.
function parting(app: App, partition: Partition, replica: Replica): number | null {
  const { state, cursor } = app;
  const node = partition === state.metadata ? state.active.at(cursor)?.node : partition.state.at(cursor)?.leader;
  const leader = partition.replicas.get(node ?? -1);
  return leader && state.run.knows(partition, cursor) ? divergence(replica, leader, cursor) : null;
}

export function factsOf(app: App, partition: Partition): Node[] {
  const now = partition.state.at(app.cursor);
  if (partition === app.state.metadata) return [el('span', {}, 'the metadata log')];
  if (!now) return [el('span', { class: 'dim' }, 'not created yet')];
  const leader = now.leader === null
    ? el('b', { class: 'bad' }, 'no leader') : el('span', {}, 'leader ', el('b', {}, `broker ${now.leader}`));
  const isShort = now.inSync.length < now.replicas.length;
  const isBelow = now.inSync.length < now.minInSync;
  const isr = el('span', {}, 'ISR ', el('b', { class: isBelow ? 'bad' : isShort ? 'warn' : 'good' }, `[${now.inSync.join(', ')}]`),
    `, ${now.inSync.length} of ${now.replicas.length}`, isBelow ? `, below min ${now.minInSync}` : '');
  return [leader, el('span', {}, 'epoch ', el('b', {}, String(now.leaderEpoch))), isr];
}

function autoWindow(replicas: Replica[], cursor: number, width: number): Window {
  const ends = replicas.filter((replica) => replica.present.at(cursor)).map((replica) => replica.end.at(cursor));
  const marks = replicas.filter((replica) => replica.present.at(cursor)).map((replica) => replica.highWatermark.at(cursor));
  const most = Math.max(0, ...ends);
  const least = Math.min(most, ...ends, ...marks.filter((mark) => mark > 0));
  // What differs between the logs takes about half of the width, in steps that do not tremble.
  const wanted = Math.max(24, Math.min(width / 8, 60), (most - least) * 1.9);
  const span = 2 ** (Math.ceil(Math.log2(wanted) * 2) / 2);
  const to = Math.max(most + span * 0.07, span);
  return { from: Math.max(0, to - span), to: Math.max(span, to) };
}

// One log within (x, y, width, height): runs of epochs, hatched above the high watermark.
export function drawLog(
  app: App, surface: Surface, partition: Partition, replica: Replica, window: Window,
  x: number, y: number, width: number, height: number, isDown: boolean, isSmall = false,
): void {
  const { cursor, colors, state } = app;
  const { context } = surface;
  const place = (offset: number): number => x + Math.min(1, Math.max(0, (offset - window.from) / (window.to - window.from))) * width;
  surface.rect(x, y, width, height, colors.inset, isSmall ? 0 : 3);
  if (!replica.present.at(cursor)) {
    if (!isSmall) surface.text(x + 10, y + height / 2, 'no log', colors.dim, { size: 12 });
    return;
  }
  const [start, end, mark] = [replica.start.at(cursor), replica.end.at(cursor), replica.highWatermark.at(cursor)];
  const runs = replica.runs.at(cursor);
  context.save();
  context.globalAlpha = isDown ? 0.45 : 1;
  runs.forEach((run, n) => {
    const from = Math.max(run.start, start);
    const to = n + 1 < runs.length ? runs[n + 1]!.start : end;
    if (to <= from || to < window.from || from > window.to) return;
    const color = epochColor(colors, state, partition, run.epoch);
    const [left, right] = [place(from), place(to)];
    const cut = Math.min(right, Math.max(left, place(mark)));
    if (cut > left) surface.rect(left, y, cut - left, height, color);
    if (right > cut) surface.rect(cut, y, Math.max(1, right - cut), height, surface.hatch(color, alpha(color, 0.18)));
    if (!isSmall) {
      const text = `e${run.epoch}`;
      if (right - left > 26) {
        const ink = '#0b0f14';
        // What is drawn pale bears no pale letters.
        const isSolid = cut - left > 26 && !isDown;
        context.globalAlpha = 1;
        surface.text(left + 6, y + height / 2, text, isSolid ? ink : colors.text, isSolid ? { size: 11, bold: true } : { size: 11, bold: true, halo: colors.inset });
      }
      if (n > 0 && left > x) surface.line(left, y, left, y + height, colors.inset, 2);
      context.globalAlpha = isDown ? 0.45 : 1;
    }
  });
  context.restore();
  const scale = width / (window.to - window.from);
  if (!isSmall && scale > 2.5) batches(app, surface, replica, window, place, y, height);
  if (!isSmall) lost(app, surface, partition, replica, window, place, y, height);
  if (start > window.from && start > 0) surface.line(place(start), y, place(start), y + height, colors.text, 2);
  if (mark >= window.from && mark <= window.to && !isSmall) {
    const at = Math.round(place(mark)) + 0.5;
    surface.line(at, y - 3, at, y + height + 3, colors.cursor, 2);
  } else if (mark >= window.from && mark <= window.to) {
    surface.line(place(mark), y, place(mark), y + height, colors.cursor, 1.5);
  }
  if (isDown && !isSmall) {
    surface.outline(x + 0.5, y + 0.5, width - 1, height - 1, colors.bad, 3, [4, 3]);
  }
}

function batches(app: App, surface: Surface, replica: Replica, window: Window, place: (offset: number) => number, y: number, height: number): void {
  const { cursor, colors } = app;
  let offset = Math.min(replica.end.at(cursor), Math.ceil(window.to)) - 1;
  for (let guard = 0; guard < 400 && offset >= window.from; guard++) {
    const batch = replica.batchAt(offset, cursor);
    if (!batch) break;
    if (batch.base > window.from) surface.line(place(batch.base), y, place(batch.base), y + height, alpha(colors.inset, 0.55), 1);
    offset = batch.base - 1;
  }
}

// Marks the records that clients were told are written, and that are gone in the end.
function lost(app: App, surface: Surface, partition: Partition, replica: Replica, window: Window, place: (offset: number) => number, y: number, height: number): void {
  const { cursor, colors, history } = app;
  const operations = history.lostOf(partition);
  for (const { base, records, batch } of operations) {
    if (base + records < window.from || base > window.to) continue;
    if (replica.batchAt(base, cursor)?.batch !== batch) continue;
    const [left, right] = [place(base), place(base + records)];
    surface.rect(left, y, Math.max(1.5, right - left), 4, colors.bad);
    surface.rect(left, y + height - 4, Math.max(1.5, right - left), 4, colors.bad);
  }
}

const told = (parted: number | null): string => (parted === null ? '' : `, diverged at ${parted}`);

function labelOf(app: App, partition: Partition): string {
  const { cursor } = app;
  const now = partition.state.at(cursor);
  const replicas = partition.replicasAt(cursor).map((replica) =>
    `broker ${replica.node}: ${app.run.knows(partition, cursor) ? `log end ${replica.end.at(cursor)}, high watermark ${replica.highWatermark.at(cursor)}${told(parting(app, partition, replica))}` : 'its log is not in this page'}` +
    `${now?.inSync.includes(replica.node) ? ', in sync' : ', out of sync'}`);
  return `${partition.name}: ${now?.leader === null || !now ? 'no leader' : `leader broker ${now.leader}`}; ${replicas.join('; ')}`;
}
