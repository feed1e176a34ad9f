// The replicas of one partition as lanes: how far each log reaches, which leader wrote what, what
// is committed, and what is about to be lost.

import { divergence, type Partition, type Replica } from '../data/state';
import { BREAK, stretches, type Stretch } from '../data/stretches';
import { liveMark, status } from '../data/text';
import type { App, Pane } from './app';
import { alpha, epochColor, inkOn, nodeColor } from './colors';
import { el } from './dom';
import { Surface, tickStep } from './surface';

const AXIS = 22;
// Room on both sides of logs that take all of the width.
const EDGE = 12;

// A stretch of offsets, and where it stands.
interface Shown extends Stretch { x: number; width: number }

export class Lanes implements Pane {
  private readonly surface: Surface;
  private readonly select: HTMLSelectElement;
  private readonly facts: HTMLElement;
  private readonly card: HTMLElement;
  private zoomed: Stretch | null = null;
  private shown: Shown[] = [];
  private rows: { replica: Replica; y: number; height: number }[] = [];
  // What stands beside the logs: to their left, and to their right.
  private label = EDGE;
  private chips = EDGE;

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
    const near = this.shownAt(event.offsetX);
    if (!near) return;
    // From a stretch of several on: all of the width at its scale, with what is under the pointer where it is.
    const scale = (near.to - near.from) / near.width;
    const at = near.from + (event.offsetX - near.x) * scale;
    const width = this.surface.width - this.label - this.chips;
    const from = this.shown.length > 1 ? at - (event.offsetX - this.label) * scale : near.from;
    const to = this.shown.length > 1 ? from + width * scale : near.to;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = (event.deltaX || event.deltaY) * scale;
      this.zoomed = { from: from + by, to: to + by };
    } else {
      const factor = Math.exp(event.deltaY * 0.0015);
      this.zoomed = { from: at - (at - from) * factor, to: at + (to - at) * factor };
      if (this.zoomed.to - this.zoomed.from < 4) this.zoomed.to = this.zoomed.from + 4;
    }
    this.zoomed.from = Math.max(0, this.zoomed.from);
    this.app.due();
  }

  private shownAt(x: number): Shown | undefined {
    return this.shown.find((one) => x < one.x + one.width + BREAK / 2) ?? this.shown[this.shown.length - 1];
  }

  private under(event: PointerEvent | MouseEvent): { replica: Replica; offset: number } | null {
    const row = this.rows.find(({ y, height }) => event.offsetY >= y && event.offsetY < y + height);
    const one = this.shown.find(({ x, width }) => event.offsetX >= x && event.offsetX < x + width);
    return row && one ? { replica: row.replica, offset: Math.floor(one.from + ((event.offsetX - one.x) / one.width) * (one.to - one.from)) } : null;
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
    const isKnown = state.run.knows(partition, cursor);
    const { right, ...places } = this.arrange(replicas.length, parted.some((at) => at !== null));
    const { columns, isStacked, top, words, height, each } = places;
    this.shown = this.choose(pointsOf(app, partition));
    for (const [n, name] of ['LEO', 'HW', 'lag'].entries()) surface.text(columns[n]!, 8, name, colors.dim, { size: 11, align: 'right' });
    this.rows = [];
    const leaderEnd = Math.max(0, ...replicas.filter((replica) => replica.node === leader).map((replica) => replica.end.at(cursor)));
    replicas.forEach((replica, n) => {
      const y = top + n * each + words;
      if (y + height > surface.height) return;
      this.rows.push({ replica, y, height });
      const isIn = now?.inSync.includes(replica.node) ?? false;
      const host = state.run.node(replica.node);
      const up = host ? status(state, host.id, cursor) : 'up';
      const role = replica.role.at(cursor);
      const leads = leader === replica.node;
      const believes = role?.role === 'leader' && !(leads && role.leaderEpoch === now?.leaderEpoch);
      const color = nodeColor(colors, state, replica.node);
      const middle = isStacked ? y - words / 2 : y + height / 2;
      if (leads) surface.crown(16, middle, 15, color);
      else if (believes) surface.crown(16, middle, 15, colors.bad, true);
      const member = partition === state.metadata ? state.members.get(replica.node)?.role.at(cursor) : null;
      const word = up === 'down' ? 'down' : up === 'paused' ? 'paused' : up === 'new' ? 'not started' : partition === state.metadata ? (member ? `${member.role} e${member.leaderEpoch}` : 'no role') : isIn ? 'in sync' : 'out of sync';
      const isNarrow = right < 400;
      const note = believes ? (isNarrow || !isStacked ? 'stale leader' : `believes it leads (e${role.leaderEpoch})`) : word;
      const tone = member ? colors.dim : believes || up === 'down' || !isIn ? colors.bad : up === 'paused' ? colors.fault : colors.good;
      const name = isNarrow || !isStacked ? host?.short ?? `b${replica.node}` : host?.name ?? `broker ${replica.node}`;
      surface.text(30, middle, name, colors.text, { size: 13, bold: true });
      const noteAt = 36 + 8.4 * name.length;
      surface.text(noteAt, middle, note, tone, { size: isStacked ? 11 : 10, max: (isStacked ? columns[0]! - 30 : this.label) - noteAt - 2 });
      if (!isKnown) {
        surface.rect(this.label, y, right - this.label - this.chips, height, colors.inset, 3);
        surface.text(this.label + 10, y + height / 2, 'not in this page', colors.dim, { size: 12 });
        return;
      }
      this.shown.forEach((one, k) => drawLog(app, surface, partition, replica, one, one.x, y, one.width, height, up === 'down', k === 0 ? 'first' : 'more'));
      const end = replica.end.at(cursor);
      const lag = Math.max(0, leaderEnd - end);
      const from = parted[n] ?? null;
      const chips: [number, string, string][] = [
        [columns[0]!, String(end), colors.text],
        [columns[1]!, String(liveMark(replica, cursor) ?? '-'), colors.text],
        ...(from === null ? [[columns[2]!, leader === null ? '-' : String(lag), lag > 0 ? colors.bad : colors.dim]] as [number, string, string][] : []),
      ];
      for (const [x, text, ink] of chips) surface.text(x, middle, text, ink, { size: 13, mono: true, align: 'right' });
      if (from === null) return;
      const at = `at ${from}`;
      const below = isStacked ? 0 : 7;
      surface.text(columns[2]!, middle + below, at, colors.bad, { size: 11, align: 'right' });
      surface.text(isStacked ? columns[2]! - 6.6 * at.length - 2 : columns[2]!, middle - (isStacked ? 0 : 6), 'diverged', colors.bad, { size: 11, align: 'right' });
      const x = this.place(from);
      if (x !== null) surface.line(x, y - 3, x, y + height + 3, colors.bad, 2, [3, 2]);
    });
    if (isKnown) this.axis(partition, parted, top + replicas.length * each);
    surface.label(labelOf(app, partition) + (isKnown ? `; shown: ${this.shown.map(({ from, to }) => `${Math.ceil(from)} to ${Math.floor(to)}`).join(', ')}` : ''));
  }

  // Where things stand: what a log is called above it, or beside it where there is no room for that.
  private arrange(count: number, isParted: boolean): { right: number; columns: number[]; isStacked: boolean; top: number; words: number; height: number; each: number } {
    const right = this.surface.width;
    const top = 17;
    const each = Math.min(130, (this.surface.height - AXIS - top) / Math.max(1, count));
    const isStacked = each >= 27;
    const isTight = each < 38;
    const words = !isStacked ? 0 : isTight ? 15 : 18;
    const last = isParted ? (isStacked ? 106 : 60) : 42;
    const columns = [right - EDGE - last - 43, right - EDGE - last, right - EDGE];
    this.label = isStacked ? EDGE : 122;
    this.chips = isStacked ? EDGE : last + 88 + EDGE;
    const height = isStacked ? each - words - (isTight ? 3 : 8) : Math.max(18, each - 10);
    return { right, columns, isStacked, top, words, height, each: isStacked ? each : height + 10 };
  }

  private choose(points: number[]): Shown[] {
    const width = Math.max(20, this.surface.width - this.label - this.chips);
    const chosen = this.zoomed ? [this.zoomed] : stretches(points, width);
    const scale = (width - BREAK * (chosen.length - 1)) / chosen.reduce((sum, { from, to }) => sum + to - from, 0);
    let x = this.label;
    return chosen.map(({ from, to }) => {
      const one = { from, to, x, width: (to - from) * scale };
      x += one.width + BREAK;
      return one;
    });
  }

  // Where an offset stands; null where it is not shown.
  private place(offset: number): number | null {
    const one = this.shown.find(({ from, to }) => offset >= from && offset <= to);
    return one ? one.x + ((offset - one.from) / (one.to - one.from)) * one.width : null;
  }

  private axis(partition: Partition, parted: (number | null)[], y: number): void {
    const { surface, app, app: { colors } } = this;
    const at = Math.min(y + 2, surface.height - 12);
    const taken: number[] = [];
    const tick = (offset: number, color: string, isMarked: boolean): void => {
      const x = this.place(offset);
      const half = 4 + 3.6 * String(offset).length;
      if (x === null || taken.some((one) => Math.abs(one - x) < 2 * half - 4)) return;
      taken.push(x);
      surface.line(x, at - 6, x, at - 1, isMarked ? color : colors.faint, isMarked ? 2 : 1);
      surface.text(Math.min(Math.max(x, half), surface.width - half), at + 6, String(offset), color, { size: 11, align: 'center', bold: isMarked });
    };
    for (const offset of new Set([...parted, explained(app, partition)])) if (offset !== null) tick(offset, colors.bad, true);
    // What the numbers are, where none of them matters.
    const word = surface.width - EDGE - 17;
    const isFree = this.shown.length === 1 && !taken.some((x) => x > word - 40);
    if (this.label > EDGE) surface.text(this.label - 14, at + 6, 'offset', colors.dim, { size: 11, align: 'right' });
    else if (isFree) taken.push(word - 12, word);
    if (this.label === EDGE) surface.text(isFree ? word : EDGE + 17, isFree ? at + 6 : 8, 'offset', colors.dim, { size: 11, align: 'center' });
    // What is left out between two stretches.
    for (const { x } of this.shown.slice(1)) {
      const between = x - BREAK / 2;
      for (const { y: from, height } of this.rows) for (const by of [-3, 3]) surface.line(between + by - 3, from + height + 2, between + by + 3, from - 2, colors.dim, 1);
      surface.text(between, at + 5, '\u2026', colors.dim, { size: 12, align: 'center' });
      taken.push(between);
    }
    for (const one of this.shown) {
      const span = one.to - one.from;
      let step = Math.max(1, tickStep(span, one.width / 52));
      // Each stretch says where it is.
      while (step > 1 && Math.floor((one.to - span * 0.1) / step) * step < one.from + span * 0.1) step = Math.max(1, tickStep(step / 2.5, 1));
      for (let offset = Math.ceil(one.from / step) * step; offset <= one.to; offset += step) tick(offset, colors.dim, false);
      if (!taken.some((x) => x >= one.x && x <= one.x + one.width)) tick(Math.round((one.from + one.to) / 2), colors.dim, false);
    }
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
  if (!leader || !state.run.knows(partition, cursor)) return null;
  // Asked for several times while one event is drawn.
  const known = partings.get(replica);
  if (known?.cursor === cursor && known.leader === leader) return known.at;
  const at = divergence(replica, leader, cursor);
  partings.set(replica, { cursor, leader, at });
  return at;
}

const partings = new WeakMap<Replica, { cursor: number; leader: Replica; at: number | null }>();

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

// The offset that the explanation which is read is about, where it is about this partition.
function explained(app: App, partition: Partition): number | null {
  const { picture } = app;
  return picture && !app.isRiddle && picture.partition === partition.name ? picture.from : null;
}

// The offsets that matter: where logs end and part, what is committed, and what the explanation is
// about. Of two runs both, so that one offset stands at one place.
function pointsOf(app: App, partition: Partition): number[] {
  const points: number[] = [];
  for (const one of app.peer ? [app, app.peer] : [app]) {
    const own = one.state.named(partition.name);
    if (!own) continue;
    for (const replica of own.replicasAt(one.cursor)) {
      if (!replica.present.at(one.cursor)) continue;
      const mark = liveMark(replica, one.cursor) ?? 0;
      points.push(replica.end.at(one.cursor), ...(mark > 0 ? [mark] : []));
      const parted = parting(one, own, replica);
      if (parted !== null) points.push(parted);
    }
    const about = explained(one, own);
    if (about !== null && about <= Math.max(0, ...points)) points.push(about);
  }
  return points;
}

// One log within (x, y, width, height): runs of epochs, hatched above the high watermark.
export function drawLog(
  app: App, surface: Surface, partition: Partition, replica: Replica, window: Stretch,
  x: number, y: number, width: number, height: number, isDown: boolean, kind: 'first' | 'more' | 'small' = 'small',
): void {
  const isSmall = kind === 'small';
  const { cursor, colors, state } = app;
  const { context } = surface;
  const place = (offset: number): number => x + Math.min(1, Math.max(0, (offset - window.from) / (window.to - window.from))) * width;
  surface.rect(x, y, width, height, colors.inset, isSmall ? 0 : 3);
  if (!replica.present.at(cursor)) {
    if (kind === 'first') surface.text(x + 10, y + height / 2, 'no log', colors.dim, { size: 12 });
    return;
  }
  const [start, end, mark] = [replica.start.at(cursor), replica.end.at(cursor), replica.highWatermark.at(cursor)];
  const isLive = liveMark(replica, cursor) !== null;
  const runs = replica.runs.at(cursor);
  const told: { x: number; text: string; ground: string | null }[] = [];
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
    if (isSmall) return;
    const room = 6 + 7 * `e${run.epoch}`.length;
    if (right - left > room) told.push({ x: left + Math.min(6, (right - left - room) / 2 + 3), text: `e${run.epoch}`, ground: cut - left > room && !isDown ? color : null });
    context.globalAlpha = 1;
    if (n > 0 && left > x) surface.line(left, y, left, y + height, colors.inset, 2);
    context.globalAlpha = isDown ? 0.45 : 1;
  });
  context.globalAlpha = 1;
  const scale = width / (window.to - window.from);
  if (!isSmall && scale > 2.5) batches(app, surface, replica, window, place, y, height);
  if (!isSmall) lost(app, surface, partition, replica, window, place, y, height);
  // What is drawn pale bears no pale letters; the lines between batches do not run through them.
  for (const { x: at, text, ground } of told) surface.text(at, y + height / 2, text, ground ? inkOn(ground) : colors.text, { size: 11, bold: true, halo: ground ?? colors.inset });
  if (start > window.from && start > 0) surface.line(place(start), y, place(start), y + height, colors.text, 2);
  if (isLive && mark >= window.from && mark <= window.to && !isSmall) {
    const at = Math.round(place(mark)) + 0.5;
    const out = height < 26 ? 1 : 3;
    surface.line(at, y - out, at, y + height + out, colors.cursor, 2);
  } else if (isLive && mark >= window.from && mark <= window.to) {
    surface.line(place(mark), y, place(mark), y + height, colors.cursor, 1.5);
  }
  if (isDown && !isSmall) {
    surface.outline(x + 0.5, y + 0.5, width - 1, height - 1, colors.bad, 3, [4, 3]);
  }
}

function batches(app: App, surface: Surface, replica: Replica, window: Stretch, place: (offset: number) => number, y: number, height: number): void {
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
function lost(app: App, surface: Surface, partition: Partition, replica: Replica, window: Stretch, place: (offset: number) => number, y: number, height: number): void {
  const { cursor, colors, history } = app;
  const operations = history.lostOf(partition);
  for (const { base, records, batch } of operations) {
    if (base + records < window.from || base > window.to) continue;
    if (replica.batchAt(base, cursor)?.batch !== batch) continue;
    const [left, right] = [place(base), place(base + records)];
    const rail = Math.min(4, height / 5);
    surface.rect(left, y, Math.max(1.5, right - left), rail, colors.bad);
    surface.rect(left, y + height - rail, Math.max(1.5, right - left), rail, colors.bad);
  }
}

const where = (parted: number | null): string => (parted === null ? '' : `, diverged at ${parted}`);

function labelOf(app: App, partition: Partition): string {
  const { cursor } = app;
  const now = partition.state.at(cursor);
  const replicas = partition.replicasAt(cursor).map((replica) =>
    `broker ${replica.node}: ${app.run.knows(partition, cursor) ? `log end ${replica.end.at(cursor)}, high watermark ${liveMark(replica, cursor) ?? 'gone with its process'}${where(parting(app, partition, replica))}` : 'its log is not in this page'}` +
    `${now?.inSync.includes(replica.node) ? ', in sync' : ', out of sync'}`);
  return `${partition.name}: ${now?.leader === null || !now ? 'no leader' : `leader broker ${now.leader}`}; ${replicas.join('; ')}`;
}
