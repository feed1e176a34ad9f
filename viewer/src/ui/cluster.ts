// The cluster as a map: brokers on a ring, controllers in its middle, producers left, consumers
// right, messages between them, and what the faults do to them.

import { many } from '../data/steps';
import type { Host } from '../data/run';
import { sides } from '../data/story';
import { status } from '../data/text';
import { Traffic, type Message } from '../data/traffic';
import type { App, Pane } from './app';
import { alpha, FAMILY_NAMES, memberColor, nodeColor, type Family } from './colors';
import { el } from './dom';
import { Surface } from './surface';

interface Place { x: number; y: number; radius: number }

const ROUTINE = new Set(['delivered', 'deadline-reached', 'task-posted', 'disk-completed', 'lane-resumed', 'connection-opened', 'connection-closed', 'application-called', 'batch-sent']);
// So many letters stand beside each other where brokers stand close.
const CROWDED = 13;
const CUTTING = new Set(['isolate', 'partition', 'cut', 'bridge', 'ring', 'one-way']);
const SLOWING = new Set(['delay', 'lose', 'throttle']);

export class Cluster implements Pane {
  private readonly surface: Surface;
  private readonly traffic: Traffic;
  private places: (Place | undefined)[] = [];
  private readonly producers: Host[];
  private readonly consumers: Host[];
  private readonly others: Host[];
  private readonly card: HTMLElement;
  private readonly count: HTMLElement;

  constructor(private readonly app: App, parent: HTMLElement) {
    const { run } = app;
    this.traffic = new Traffic(run);
    const hostsOf = (kind: string): Set<number> => {
      const found = new Set<number>();
      for (const event of run.columns.kind(kind)?.events ?? []) found.add(run.columns.host[event]!);
      return found;
    };
    const [sent, polled, asked] = [hostsOf('batch-sent'), hostsOf('polled'), hostsOf('admin-asked')];
    const isPlain = (host: Host): boolean => host.name !== 'probe' && host.name !== 'admin';
    this.producers = run.clients.filter((host) => sent.has(host.id) && isPlain(host));
    this.consumers = run.clients.filter((host) => !sent.has(host.id) && polled.has(host.id) && isPlain(host));
    this.others = run.clients.filter((host) => !this.producers.includes(host) && !this.consumers.includes(host))
      .filter((host) => asked.has(host.id) || sent.has(host.id) || polled.has(host.id) || isPlain(host));
    this.count = el('span', { class: 'dim right' });
    const legend = el('p', { class: 'legend' });
    for (const [family, name] of Object.entries(FAMILY_NAMES)) {
      legend.append(el('span', {}, el('i', { class: `dot ${family}`, 'aria-hidden': 'true' }), name));
    }
    parent.append(el('div', { class: 'bar' }, el('h2', { id: app.id('cluster-title') }, 'Cluster'), this.count));
    const box = el('div', { class: 'canvas' });
    parent.append(box, legend);
    this.surface = new Surface(box, 'Cluster map', () => app.due());
    this.card = el('div', { class: 'card', hidden: true });
    box.append(this.card);
    const { canvas } = this.surface;
    canvas.addEventListener('pointermove', (event) => this.hover(event));
    canvas.addEventListener('pointerleave', () => this.leave());
    canvas.addEventListener('click', (event) => {
      const host = this.hostAt(event);
      if (host) app.showFilter(`host=${quote(host.name)}`);
    });
  }

  private hostAt(event: MouseEvent): Host | null {
    return this.app.run.hosts.find((host) => {
      const place = this.places[host.id];
      return place && Math.hypot(place.x - event.offsetX, place.y - event.offsetY) <= place.radius + 3;
    }) ?? null;
  }

  private leave(): void {
    this.card.hidden = true;
    if (this.app.hoverHost >= 0) {
      this.app.hoverHost = -1;
      this.app.due();
    }
  }

  private hover(event: PointerEvent): void {
    const host = this.hostAt(event);
    this.surface.canvas.style.cursor = host ? 'pointer' : 'default';
    if (!host) {
      this.leave();
      return;
    }
    const { run, cursor } = this.app;
    const is = status(this.app.state, host.id, cursor);
    const lines: (HTMLElement | string)[] = [el('b', {}, `${host.name}: ${is === 'new' ? 'not started' : is}`), el('span', { class: 'dim' }, 'what it did last, but for messages:')];
    for (let e = cursor, found = 0, looked = 0; e >= 0 && found < 4 && looked < 20_000; e--, looked++) {
      if (run.columns.host[e] !== host.id || ROUTINE.has(run.kindName(e))) continue;
      const line = `${(run.moment(e) / 1e6).toFixed(3)} ${run.kindName(e).replaceAll('-', ' ')} ${this.app.partitionOf(e)?.name ?? ''}`;
      lines.push(el('span', {}, line));
      found++;
    }
    lines.push(el('span', { class: 'dim' }, 'click: only its events'));
    this.card.replaceChildren(...lines);
    this.card.hidden = false;
    const place = this.places[host.id]!;
    this.card.style.left = `${Math.max(4, Math.min(place.x + 18, this.surface.width - this.card.offsetWidth - 6))}px`;
    this.card.style.top = `${Math.max(2, Math.min(place.y + 18, this.surface.height - this.card.offsetHeight - 4))}px`;
    if (this.app.hoverHost !== host.id) {
      this.app.hoverHost = host.id;
      this.app.due();
    }
  }

  // Where something is written beside a node.
  private worded: { middle: number; at: number; half: number }[] = [];

  private isLow = false;

  // The largest nodes that do not touch each other.
  private layout(): void {
    const { run } = this.app;
    const { width, height } = this.surface;
    this.places = [];
    const side = Math.max(62, Math.min(92, width * 0.2));
    const [left, right] = [this.producers, this.consumers].map((hosts) => (hosts.length > 0 ? side : 12)) as [number, number];
    // Where the map is low the others stand in its corners.
    const isLow = this.isLow = height < 190 && this.others.length > 0 && this.others.length <= 2;
    const bottom = this.others.length > 0 && !isLow ? 24 : 4;
    // Room for what is written above and below a node.
    const words = height < 120 ? 7 : 18;
    const count = run.brokers.length;
    for (const [radius, small] of [[25, 12], [18, 11], [15, 9], [12, 9], [7, 7]] as const) {
      if (count > (radius > 18 ? 8 : radius > 12 ? 16 : 40) && radius > 7) continue;
      this.ring(left + radius + 4, width - right - radius - 4, radius + words, height - bottom - radius - words, radius, small);
      if (this.isApart([...run.brokers, ...run.controllers])) break;
    }
    // Those at the sides stand above the corners.
    const foot = isLow ? 24 : bottom;
    const middleY = (height - foot) / 2 + 2;
    // Many stand in several columns, so that none covers another.
    const column = (hosts: Host[], x: number, out: number): void => {
      const most = Math.max(1, Math.floor((height - foot - 24) / 11));
      const columns = Math.ceil(hosts.length / most);
      const each = Math.ceil(hosts.length / Math.max(1, columns));
      const gap = Math.min(54, (height - foot - 24) / Math.max(1, each));
      hosts.forEach((host, n) => {
        const inColumn = Math.min(each, hosts.length - Math.floor(n / each) * each);
        const at = columns === 1 ? x : x + out * (Math.floor(n / each) - (columns - 1) / 2) * 12;
        this.places[host.id] = { x: at, y: middleY + ((n % each) - (inColumn - 1) / 2) * gap, radius: gap < 20 ? 4 : gap < 40 ? 6 : 9 };
      });
    };
    column(this.producers, Math.max(30, side * 0.42), -1);
    column(this.consumers, width - Math.max(30, side * 0.42), 1);
    this.others.forEach((host, n) => {
      const gap = Math.min(90, width / (this.others.length + 1));
      const x = isLow ? (n === 0 ? 14 : width - 56) : width / 2 + (n - (this.others.length - 1) / 2) * gap;
      this.places[host.id] = { x, y: height - 12, radius: 5 };
    });
  }

  private isApart(hosts: Host[]): boolean {
    const places = hosts.map((host) => this.places[host.id]!);
    return places.every((a, n) => places.slice(n + 1).every((b) => Math.hypot(a.x - b.x, a.y - b.y) >= a.radius + b.radius + 3));
  }

  // Brokers on a ring whose middles lie between the four edges, controllers on a small one within.
  private ring(left: number, right: number, top: number, bottom: number, radius: number, small: number): void {
    const { brokers, controllers } = this.app.run;
    const angle = (n: number): number => -Math.PI / 2 + (2 * Math.PI * n) / brokers.length + (brokers.length === 2 ? Math.PI / 2 : 0);
    const heights = brokers.map((_, n) => Math.sin(angle(n)));
    const [up, down] = [Math.max(0.5, -Math.min(0, ...heights)), Math.max(0.5, ...heights)];
    const ringX = Math.max(20, (right - left) / 2);
    const ringY = Math.min(Math.max(20, (bottom - top) / (up + down)), ringX * 1.2);
    const even = Math.min(ringX, ringY * 2.1);
    const middleX = (left + right) / 2;
    const middleY = (top + bottom) / 2 + ((up - down) / 2) * ringY;
    brokers.forEach((host, n) => {
      this.places[host.id] = { x: middleX + Math.cos(angle(n)) * even, y: middleY + Math.sin(angle(n)) * ringY, radius };
    });
    const count = controllers.length;
    const inner = count === 1 ? 0 : Math.max((small + 3) / Math.sin(Math.PI / count), Math.min(ringY * 0.36, 36));
    controllers.forEach((host, n) => {
      const turn = Math.PI / 2 + (2 * Math.PI * n) / count;
      this.places[host.id] = { x: middleX + Math.cos(turn) * inner * 1.15, y: middleY + Math.sin(turn) * inner, radius: small };
    });
  }

  draw(): void {
    const { surface, app } = this;
    surface.begin();
    this.layout();
    this.countLed();
    this.worded = [];
    this.faults();
    this.messages();
    for (const host of app.run.hosts) this.node(host);
    surface.label(this.label());
  }

  private label(): string {
    const { app } = this;
    const parts = [...app.run.brokers, ...app.run.controllers].map((host) => `${host.name} ${status(app.state, host.id, app.cursor)}`);
    return `Cluster map: ${parts.join(', ')}`;
  }

  private faults(): void {
    const { app } = this;
    for (const fault of app.state.faultsAt(app.cursor)) {
      const isCut = CUTTING.has(fault.verb);
      if (!isCut && !SLOWING.has(fault.verb)) continue;
      const color = isCut ? app.colors.bad : app.colors.fault;
      const groups = sides(fault.hosts, fault.groups);
      if (groups.length === 1) {
        if (fault.verb === 'isolate') continue;
        for (const host of groups[0]!) this.around(host, color);
        continue;
      }
      for (let a = 0; a < groups.length; a++) {
        for (let b = a + 1; b < groups.length; b++) this.between(groups[a]!, groups[b]!, color);
      }
    }
  }

  private around(host: number, color: string): void {
    const place = this.places[host];
    if (place) this.surface.outline(place.x - place.radius - 8, place.y - place.radius - 8, 2 * place.radius + 16, 2 * place.radius + 16, color, place.radius + 8, [2, 4], 1.5);
  }

  private between(left: number[], right: number[], color: string): void {
    const { surface, app } = this;
    const isNode = (host: number): boolean => app.run.hosts[host]?.role !== 'client';
    const pairs = left.flatMap((a) => right.map((b) => [a, b] as const)).filter(([a, b]) => isNode(a) && isNode(b));
    for (const [a, b] of pairs.slice(0, 60)) {
      const [from, to] = [this.places[a], this.places[b]];
      if (!from || !to) continue;
      surface.line(from.x, from.y, to.x, to.y, alpha(color, 0.7), 1.3, [4, 5]);
      const isBroker = (host: number): boolean => app.run.hosts[host]?.role === 'broker';
      if (pairs.length > 30 || (pairs.length > 3 && !(isBroker(a) && isBroker(b)))) continue;
      const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
      surface.line(x - 5, y - 5, x + 5, y + 5, color, 2.2);
      surface.line(x - 5, y + 5, x + 5, y - 5, color, 2.2);
    }
  }

  private messages(): void {
    const { surface, app } = this;
    const { context } = surface;
    const pace = app.isPlaying ? app.pace() : 0;
    // While time runs fast a flight would be shorter than a frame: then what flew of late is shown.
    const span = Math.max(1500, pace * 450_000);
    const isFast = pace > 0.012;
    const { messages, count } = isFast
      ? this.traffic.between(app.time - span, app.time, 140)
      : this.traffic.between(app.time, app.time, 400);
    this.count.textContent = isFast ? `${many(count)} messages just now` : count === 1 ? '1 message under way' : `${many(count)} messages under way`;
    for (const message of messages) {
      const [from, to] = [this.places[message.from], this.places[message.to]];
      if (!from || !to) continue;
      const held = message.fault >= 0;
      const family = familyOf(app, message);
      const color = held ? app.colors.bad : app.colors.families[family];
      const length = Math.max(1, message.at - message.sent);
      let part = Math.min(1, Math.max(0, (app.time - message.sent) / length));
      let fade = 1;
      if (isFast) {
        const begin = message.at - span * 0.5;
        part = (app.time - begin) / (span * 0.5);
        if (part < 0 || part > 1 || app.isStill) {
          part = Math.min(1, Math.max(0, part));
          fade = 0.25;
        }
      }
      // Requests and answers keep to their sides of the way.
      const [dx, dy] = [to.x - from.x, to.y - from.y];
      const way = Math.hypot(dx, dy) || 1;
      const [sideX, sideY] = [(-dy / way) * 3.2, (dx / way) * 3.2];
      const begin = from.radius / way;
      const done = begin + part * Math.max(0, 1 - begin - to.radius / way);
      const [x, y] = [from.x + dx * done + sideX, from.y + dy * done + sideY];
      const tail = Math.max(begin, done - 30 / way);
      context.globalAlpha = fade;
      surface.line(from.x + dx * begin + sideX, from.y + dy * begin + sideY, to.x - (dx / way) * to.radius + sideX, to.y - (dy / way) * to.radius + sideY, alpha(color, 0.2), 1);
      surface.line(from.x + dx * tail + sideX, from.y + dy * tail + sideY, x, y, alpha(color, 0.7), 1.8);
      const size = 2.4 + Math.min(3, Math.log10(1 + message.bytes / 200) * 1.6);
      outline(context, family, x, y, size);
      if (message.isResponse) {
        context.fillStyle = app.colors.pane;
        context.fill();
        context.strokeStyle = color;
        context.lineWidth = 1.8;
        context.stroke();
      } else {
        context.fillStyle = color;
        context.fill();
      }
      context.globalAlpha = 1;
    }
  }

  private node(host: Host): void {
    const place = this.places[host.id];
    if (!place) return;
    const { surface, app } = this;
    const { colors, state, cursor } = app;
    const { context } = surface;
    const { x, y, radius } = place;
    const member = host.role === 'client' ? memberColor(colors, state, host.id) : null;
    const is = status(state, host.id, cursor);
    const faults = state.faultsAt(cursor).filter((fault) => fault.hosts.includes(host.id));
    const isAlone = faults.some((fault) => fault.verb === 'isolate');
    const isDown = is === 'down' || is === 'new';
    const color = host.role === 'client' ? member ?? colors.dim : host.role === 'broker' ? nodeColor(colors, state, host.node) : colors.families.quorum;
    context.beginPath();
    // Members of groups are squares, in the colours that they have among the groups.
    if (member) context.roundRect(x - radius, y - radius, 2 * radius, 2 * radius, 2);
    else context.arc(x, y, radius, 0, 2 * Math.PI);
    const downColor = is === 'new' ? colors.dim : colors.bad;
    context.fillStyle = isDown ? surface.hatch(alpha(downColor, 0.5), colors.pane) : host.role === 'client' ? colors.inset : colors.pane;
    context.fill();
    if (!isDown && (member || host.role === 'broker')) {
      context.fillStyle = alpha(color, member ? 0.8 : 0.2);
      context.fill();
    }
    context.lineWidth = host.role === 'broker' ? 3 : 2;
    context.strokeStyle = isDown ? downColor : isAlone ? colors.fault : color;
    context.setLineDash(isAlone ? [5, 4] : []);
    context.stroke();
    context.setLineDash([]);
    if (app.hoverHost === host.id) surface.outline(x - radius - 4, y - radius - 4, 2 * radius + 8, 2 * radius + 8, colors.accent, radius + 4, [], 1.5);
    if (host.role === 'client') {
      const isBottom = this.others.includes(host);
      if (isBottom) surface.text(x + 10, y, host.short, colors.dim, { size: 11, max: 70 });
      else if (radius > 4) surface.text(x, y + radius + (radius < 9 ? 7 : 9), host.short, colors.dim, { size: 11, align: 'center', max: Math.min(96, 2 * Math.min(x, surface.width - x) - 6), halo: colors.pane });
      return;
    }
    if (host.role === 'controller') {
      const isActive = state.active.at(cursor)?.node === host.node;
      if (isActive && !isDown) surface.crown(x, y - 1, 13, colors.families.quorum);
      else surface.text(x, y, host.short, isDown ? downColor : colors.dim, { size: 11, bold: true, align: 'center' });
      return;
    }
    const led = this.led.get(host.node) ?? 0;
    if (radius >= 15) {
      surface.text(x, led > 0 && !isDown ? y - 6 : y, host.short, colors.text, { size: radius > 20 ? 15 : 12, bold: true, align: 'center', ...(isDown ? { halo: colors.pane } : {}) });
      if (!isDown && led > 0) {
        const isWide = led > 9;
        // In a small circle it stands higher, and is smaller.
        const below = Math.min(10, radius * 0.42);
        surface.crown(x - (isWide ? 9 : 7), y + below, isWide || radius < 20 ? 9 : 11, color);
        surface.text(x + (isWide ? -2 : 3), y + below + 0.5, String(led), colors.text, { size: isWide ? 10 : 11, bold: true });
      }
    }
    const registration = state.registrations.get(host.node)?.at(cursor);
    const words: [string, string][] = [];
    if (is === 'down') words.push(['down', colors.bad]);
    else if (is === 'paused') words.push(['paused', colors.fault]);
    else if (is === 'new') words.push(['not started', colors.dim]);
    if (isAlone) words.push(['cut off', colors.fault]);
    if (registration?.fenced && is !== 'new') words.push(['fenced', colors.bad]);
    const jump = state.hosts[host.id]!.clock.at(cursor);
    if (jump !== 0) words.push([`clock ${jump > 0 ? '+' : '-'}${(Math.abs(jump) / 1e6).toFixed(1)} s`, colors.fault]);
    for (const fault of faults) {
      if (!CUTTING.has(fault.verb) && fault.verb !== 'crash' && fault.verb !== 'pause') words.push([fault.verb, colors.fault]);
    }
    const isBelow = y >= surface.height / 2 - 10;
    let at = isBelow ? y + radius + 12 : y - radius - 12;
    // Many brokers stand close together: words of those at the sides stand in lines, and not over a neighbour.
    const side = Math.sign(Math.round((x - surface.width / 2) / radius));
    const isCrowded = side !== 0 && this.app.run.brokers.length > 4;
    const lines: string[] = [];
    for (const word of new Set(words.map(([one]) => one))) {
      const last = lines.at(-1);
      if (last !== undefined && (!isCrowded || last.length + word.length < CROWDED)) lines[lines.length - 1] = `${last}, ${word}`;
      else lines.push(word);
    }
    for (const text of isBelow ? lines : lines.reverse()) {
      // Two that stand close say it in two lines.
      const half = text.length * 3.7;
      const edge = this.isLow && at > surface.height - 26 ? 68 : 0;
      const outward = isCrowded ? x + side * Math.max(0, half - radius) : x;
      const middle = Math.max(half + edge, Math.min(surface.width - half - edge, outward));
      while (this.worded.some((one) => Math.abs(one.at - at) < 13 && Math.abs(one.middle - middle) < one.half + half)) at += isBelow ? 13 : -13;
      this.worded.push({ middle, at, half });
      surface.text(middle, at, text, words[0]![1], { size: 12, bold: true, align: 'center', halo: colors.pane });
    }
    if (is === 'paused') {
      surface.rect(x - radius - 1, y - radius + 2, 4, 12, colors.fault);
      surface.rect(x - radius + 6, y - radius + 2, 4, 12, colors.fault);
    }
  }

  // How many partitions each broker leads.
  private readonly led = new Map<number, number>();

  private countLed(): void {
    const { state, cursor } = this.app;
    this.led.clear();
    for (const partition of state.shown) {
      const leader = partition.state.at(cursor)?.leader ?? null;
      if (leader !== null) this.led.set(leader, (this.led.get(leader) ?? 0) + 1);
    }
  }
}

// What a message is for is told by its shape too.
function outline(context: CanvasRenderingContext2D, family: Family, x: number, y: number, size: number): void {
  context.beginPath();
  if (family === 'produce') context.arc(x, y, size, 0, 2 * Math.PI);
  else if (family === 'replicate') context.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
  else if (family === 'control') context.rect(x - size * 1.2, y - 1.2, size * 2.4, 2.4);
  else {
    const corners = family === 'consume' ? [[0, -1.2], [1.15, 0.9], [-1.15, 0.9]] : [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]];
    for (const [n, [dx, dy]] of corners.entries()) {
      if (n === 0) context.moveTo(x + dx! * size, y + dy! * size);
      else context.lineTo(x + dx! * size, y + dy! * size);
    }
    context.closePath();
  }
}

function familyOf(app: App, message: Message): Family {
  const [from, to] = [app.run.hosts[message.from], app.run.hosts[message.to]];
  if (!from || !to) return 'control';
  if (message.api === 'Produce') return 'produce';
  if (/^(Vote|BeginQuorumEpoch|EndQuorumEpoch|FetchSnapshot)$/.test(message.api)) return 'quorum';
  if (message.api === 'Fetch') {
    if (from.role === 'client' || to.role === 'client') return 'consume';
    return from.role === 'broker' && to.role === 'broker' ? 'replicate' : 'quorum';
  }
  return 'control';
}

export function quote(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}
