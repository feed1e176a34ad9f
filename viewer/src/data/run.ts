// A run: its head, its events, and the names of all that occurs in it.

import { Columns, type Column, type Raw } from './columns';
import type { Source } from './filter';
import { upTo } from './steps';

// The newest form of the head that this page reads.
export const VIEW_FORMAT = 2;
// The scenario's time zero, in microseconds of the world's time.
export const TIME_ZERO = 10_000_000;
export const METADATA = '00000000000000000000000000000001';

export interface Verdict {
  expect: string;
  property: string;
  // The claim is not met; or a change took from it what it stands on.
  unmet?: boolean; gave_way?: boolean;
  verdict: {
    exercised: number; property: string; result: string; violations: number;
    violation?: { evidence: number[]; sentence: string; subject?: { kind: string; group?: string | null } };
    // Outside its premise: why, and the event that left it.
    because?: string; event?: number;
  };
}

// What `kafsim explain --format json` prints (docs/VIEWING.md, "Explanations").
export interface Explanation {
  number: number; of: number; title: string; seed: string; property: string; statement: string; outcome: string;
  expected: string; sentence: string; event: number | null; moment_us: number | null;
  picture: Picture | null;
  steps: { event: number; moment_us: number; kind: string; host: string | null; text: string; because: string | null }[];
  why_not: { replica: string; text: string; event: number | null }[];
  not_the_cause: { text: string; event: number | null }[];
  // `another`: violated, but by another breach; older files do not say.
  saved_by: { change: string; set: string[]; helped: boolean; untried: boolean; another?: boolean; outcome: string; nearby: { violated: number; seeds: number; without: number } | null }[];
  // For what there was no time; older files do not say.
  not_tried?: string[];
  again: string[];
  others: { number: number; property: string; sentence: string }[];
  // What may be copied, by what its button says: as `kafsim explain` writes it.
  copies?: Record<string, string>;
}

export interface Picture {
  partition: string; event: number; offsets: number[]; from: number | null; to: number | null; committed: number;
  rows: {
    replica: string; note: string; is_running: boolean; in_sync: boolean; log_start: number; log_end: number;
    high_watermark: number; cells: { epoch: number | null; committed: boolean; variant: string | null }[];
  }[];
}

// A bookmark: an event with a text.
export interface Note { event: number; text: string; partition?: string }

// What a lesson tells at one moment (docs/VIEWING.md, "Lessons").
export interface LessonNote {
  event: number; run?: number; title: string; text: string; question?: string; answer?: string;
  partition?: string; pane?: string; select?: number;
}

export interface Lesson {
  title: string; summary: string; notes: LessonNote[];
  // What two compared runs are called.
  runs?: [string, string];
  // The reader shall find out why: what explains it opens with the last note.
  is_riddle?: boolean;
}

interface Told { event: number; line: string; words?: string | null }

// What `kafsim diff --format json` prints.
export interface Difference {
  scenario: string[];
  steps: { equal: number; changed: number; only: [number, number] };
  first: [Told | null, Told | null] | null;
  outcomes: { what: string; is: [string[], string[]] }[];
}

// How a field's numbers are meant: what kinds of words they stand for.
export interface FieldWords { as?: 'host' | 'bool'; words?: Record<string, string> }

type Part = { Broker: number } | { Controller: number } | { Client: { id: number } };

export interface Head {
  view_format: number;
  file: string; title: string; scenario: string; seed: string; tool_version: string;
  build_id: string; until_micros?: number;
  setup: { hosts: { name: string; part: Part }[]; groups: { name: string }[]; forgets_votes?: boolean; clocks?: { host: number; offset_micros: number; drift_ppm: number }[] };
  verdicts: Verdict[];
  // What `kafsim run` judged it; older files do not say.
  outcome?: string;
  fingerprint: { events: number; hash: string };
  vocabulary: Record<string, Record<string, FieldWords>>;
  kinds: Record<string, string>;
  expanded: number;
  left_out?: string | null;
  // Where it has what logs hold; everywhere if this is not given.
  logs?: { from: number; to: number; partitions: string[] | null } | null;
  again: string;
  // What each fault did, by the event that began it, and what is so from its end on, by that event.
  faults?: Record<string, string>;
  explanations?: Explanation[];
  notes?: Note[];
  lesson?: Lesson | null;
  // How this run differs from the second one of the page.
  difference?: Difference;
}

export type Role = 'broker' | 'controller' | 'client';
export interface Host { id: number; name: string; role: Role; node: number; short: string }

// A partition as it is named in a run: the place in `Run.partitions`.
export interface PartitionName { topic: string; topicKey: string; index: number; name: string; isMetadata: boolean }

export class Run implements Source {
  readonly hosts: Host[];
  readonly brokers: Host[];
  readonly controllers: Host[];
  readonly clients: Host[];
  readonly topicNames = new Map<string, string>();
  // The event that told a topic's name.
  readonly topicNamedAt = new Map<string, number>();
  readonly partitions: PartitionName[] = [];
  readonly #partitionIds = new Map<string, number>();
  readonly #partitionColumns = new Map<string, Int32Array>();
  readonly #byNode = new Map<number, Host>();
  readonly begin: number;
  readonly end: number;

  constructor(readonly head: Head, readonly columns: Columns) {
    if (columns.numbers) this.placeHead();
    this.hosts = head.setup.hosts.map(({ name, part }, id) => hostOf(id, name, part));
    this.brokers = this.hosts.filter((host) => host.role === 'broker');
    this.controllers = this.hosts.filter((host) => host.role === 'controller');
    this.clients = this.hosts.filter((host) => host.role === 'client');
    for (const host of this.hosts) {
      if (host.role !== 'client') this.#byNode.set(host.node, host);
    }
    this.topicNames.set(METADATA, '__cluster_metadata');
    const topics = columns.kind('topic-committed');
    if (topics) {
      for (let row = 0; row < topics.count; row++) {
        const key = topicKey(topics.field('topic').get(row));
        this.topicNames.set(key, String(topics.field('name').get(row)));
        if (!this.topicNamedAt.has(key)) this.topicNamedAt.set(key, topics.events[row]!);
      }
    }
    this.begin = columns.count > 0 ? columns.at[0]! : 0;
    this.end = columns.count > 0 ? columns.at[columns.count - 1]! : 0;
  }

  get count(): number {
    return this.columns.count;
  }

  // What the whole run calls the event at a place of this page, which may leave some out.
  number(event: number): number {
    return event < 0 ? event : this.columns.numbers?.[event] ?? event;
  }

  // The place here of the event that the whole run calls so, or of the last one before it.
  place(number: number): number {
    const { numbers } = this.columns;
    return numbers ? Math.max(0, upTo(numbers, number) - 1) : number;
  }

  // The head speaks of events of the whole run.
  private placeHead(): void {
    const to = (number: number): number => this.place(number);
    const some = (number: number | null): number | null => (number === null ? null : to(number));
    for (const one of this.head.explanations ?? []) {
      one.event = some(one.event);
      if (one.picture) one.picture.event = to(one.picture.event);
      for (const step of one.steps) step.event = to(step.event);
      for (const remark of [...one.why_not, ...one.not_the_cause]) remark.event = some(remark.event);
    }
    for (const { verdict } of this.head.verdicts) {
      if (verdict.violation) verdict.violation.evidence = verdict.violation.evidence.map(to);
    }
    for (const note of this.head.notes ?? []) note.event = to(note.event);
    const { logs } = this.head;
    if (logs) [logs.from, logs.to] = [to(logs.from), to(logs.to)];
  }

  // Whether the page has what the logs of a partition hold after `event`.
  knows(partition: { name: string; topic: string }, event: number): boolean {
    const { logs } = this.head;
    return !logs || partition.topic === '__cluster_metadata' || (event >= logs.from && event <= logs.to && (logs.partitions?.includes(partition.name) ?? true));
  }

  // Microseconds since the scenario's time zero.
  moment(event: number): number {
    return this.columns.at[event]! - TIME_ZERO;
  }

  kindName(event: number): string {
    return this.columns.kinds[this.columns.kindOf[event]!]!.name;
  }

  hostName(id: number): string {
    return id < 0 ? 'world' : this.hosts[id]?.name ?? '?';
  }

  node(id: number): Host | undefined {
    return this.#byNode.get(id);
  }

  // The node id of the broker or controller that recorded `event`; -1 for clients and the world.
  nodeOf(event: number): number {
    const host = this.hosts[this.columns.host[event]!];
    return host && host.role !== 'client' ? host.node : -1;
  }

  topicName(key: string): string {
    return this.topicNames.get(key) ?? (key.replace(/^0+/, '') || '0');
  }

  partitionId(raw: Raw): number {
    if (!Array.isArray(raw)) return -1;
    const key = `${topicKey(raw)}-${String(raw[2])}`;
    let id = this.#partitionIds.get(key);
    if (id === undefined) {
      id = this.partitions.length;
      const topic = this.topicName(topicKey(raw));
      const isMetadata = topicKey(raw) === METADATA;
      this.partitions.push({ topic, topicKey: topicKey(raw), index: Number(raw[2]), name: `${topic}-${String(raw[2])}`, isMetadata });
      this.#partitionIds.set(key, id);
    }
    return id;
  }

  // The partition of each event of a kind, -1 for none.
  partitionColumn(kindName: string, field = 'partition'): Int32Array {
    const key = `${kindName} ${field}`;
    let found = this.#partitionColumns.get(key);
    if (!found) {
      const column = this.columns.kind(kindName)!.field(field);
      const ids = (column.values ?? []).map((value) => this.partitionId(value));
      found = Int32Array.from(column.ids ?? [], (id) => ids[id]!);
      this.#partitionColumns.set(key, found);
    }
    return found;
  }

  // The partition that `event` is about, -1 for none.
  partitionOf(event: number): number {
    const kind = this.columns.kinds[this.columns.kindOf[event]!]!;
    const field = kind.fields.find((field) => field.name === 'partition');
    if (!field || field.codec !== 'dict') return -1;
    return this.partitionColumn(kind.name)[this.columns.row[event]!]!;
  }

  // The value of `event`'s field, as a word where the number stands for one.
  word(kindName: string, field: string, value: Raw): string {
    return this.head.vocabulary[kindName]?.[field]?.words?.[String(value)] ?? String(value);
  }

  // A field's value as `kafsim events` has it.
  show(kindName: string, field: string, column: Column, row: number): string {
    const value = column.get(row);
    const shape = column.shape;
    if (value === null) return 'none';
    if (isPartition(shape)) return this.partitions[this.partitionId(value)]!.name;
    if (isTopic(shape)) return this.topicName(topicKey(value));
    const words = this.head.vocabulary[kindName]?.[field];
    const one = (item: Raw, place: number): string => {
      if (item === null) return 'none';
      if (Array.isArray(item)) return `[${item.map(one).join(',')}]`;
      if (words?.as === 'bool') return item === 0 ? 'false' : 'true';
      if (words?.as === 'host' && (shape.type !== 'tuple' || place === 0)) {
        return this.hostName(Number(item));
      }
      return words?.words?.[String(item)] ?? String(item);
    };
    return one(value, 0);
  }

  // The fields of `event` in order, as text.
  fields(event: number): [string, string][] {
    const kind = this.columns.kinds[this.columns.kindOf[event]!]!;
    const row = this.columns.row[event]!;
    return kind.fields.map((field) => [
      field.name, this.show(kind.name, field.name, kind.field(field.name), row),
    ]);
  }

  // What filters ask, beside the above.
  kindNames(): string[] {
    return this.columns.kinds.flatMap((kind) => (kind ? [kind.name] : []));
  }

  fieldNames(): Set<string> {
    return new Set(this.columns.kinds.flatMap((kind) => kind?.fields.map((field) => field.name) ?? []));
  }

  kindHas(kind: string, field: string): boolean {
    return this.columns.kind(kind)?.has(field) ?? false;
  }

  hostOf(event: number): string {
    return this.hostName(this.columns.host[event]!);
  }

  cause(event: number): number {
    return this.columns.cause[event]!;
  }

  about(event: number): number {
    return this.columns.about[event]!;
  }

  shown(event: number, name: string): string | undefined {
    const kind = this.columns.kinds[this.columns.kindOf[event]!]!;
    return kind.has(name) ? this.show(kind.name, name, kind.field(name), this.columns.row[event]!) : undefined;
  }

  names(event: number): { partitions: string[]; topics: string[]; hosts: string[] } {
    const kind = this.columns.kinds[this.columns.kindOf[event]!]!;
    const found = { partitions: [] as string[], topics: [] as string[], hosts: [] as string[] };
    for (const { name } of kind.fields) {
      const column = kind.field(name);
      const isHost = this.head.vocabulary[kind.name]?.[name]?.as === 'host';
      const [partition, topic] = [isPartition(column.shape), isTopic(column.shape)];
      if (!isHost && !partition && !topic) continue;
      const text = this.show(kind.name, name, column, this.columns.row[event]!);
      if (partition) found.partitions.push(text);
      else if (topic) found.topics.push(text);
      // Of a connection the host is the first of two.
      else if (column.shape.type === 'tuple') found.hosts.push(text.slice(1).split(',')[0]!);
      else found.hosts.push(...text.replace(/[[\]]/g, '').split(','));
    }
    return found;
  }

  partitionNames(): string[] {
    for (const kind of this.columns.kinds) {
      if (kind?.fields.some((field) => field.name === 'partition' && field.codec === 'dict')) this.partitionColumn(kind.name);
    }
    return this.partitions.map(({ name }) => name);
  }

  // What a list shows of `event`: its fields, or a sentence for what is most of a run.
  brief(event: number): string {
    const fields = this.fields(event);
    if (this.kindName(event) === 'delivered') {
      const of = new Map(fields);
      const flight = this.columns.at[event]! - Number(of.get('sent'));
      const fault = of.get('fault');
      return `${of.get('api')} ${of.get('is_response') === 'true' ? 'answer' : 'request'} from ${of.get('from')}, ` +
        `${of.get('bytes')} bytes, ${(flight / 1000).toFixed(1)} ms under way` +
        `${fault !== undefined && fault !== 'none' ? `, held by fault ${Number(fault) + 1}` : ''}`;
    }
    return fields.filter(([name]) => name !== 'chain' && name !== 'digest').map(([name, value]) => `${name}=${value}`).join(' ');
  }

  // The value of one field of `event`; undefined where its kind has none.
  value(event: number, name: string): Raw | undefined {
    const kind = this.columns.kinds[this.columns.kindOf[event]!]!;
    return kind.has(name) ? kind.field(name).get(this.columns.row[event]!) : undefined;
  }

  // The event in one line, as `kafsim events` prints it.
  line(event: number): string {
    const fields = this.fields(event).map(([name, value]) => ` ${name}=${value}`);
    return `e${this.number(event)} ${seconds(this.moment(event))} ${this.hostName(this.columns.host[event]!)} ` +
      `${this.kindName(event)}${fields.join('')}`;
  }

  // The event nearest before `moment` (microseconds since time zero).
  eventAt(moment: number): number {
    const at = this.columns.at;
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (at[middle]! <= moment + TIME_ZERO) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function hostOf(id: number, name: string, part: Part): Host {
  if ('Broker' in part) {
    return { id, name, role: 'broker', node: part.Broker, short: `b${part.Broker}` };
  }
  if ('Controller' in part) {
    return { id, name, role: 'controller', node: part.Controller, short: name.replace(/^controller-/, 'c') };
  }
  return { id, name, role: 'client', node: -1, short: name };
}

export function topicKey(raw: Raw): string {
  return Array.isArray(raw) ? `${String(raw[0])}${String(raw[1])}` : '';
}

function isPartition(shape: import('./columns').Shape): boolean {
  if (shape.type === 'optional') return isPartition(shape.of);
  return shape.type === 'tuple' && shape.parts.length === 3 && shape.parts[0]!.type === 'fixed64';
}

function isTopic(shape: import('./columns').Shape): boolean {
  return shape.type === 'tuple' && shape.parts.length === 2 && shape.parts[0]!.type === 'fixed64';
}

// Microseconds as `kafsim events` prints a moment: seconds with six digits.
export function seconds(micros: number): string {
  const whole = Math.abs(micros);
  return `${micros < 0 ? '-' : ''}${Math.floor(whole / 1e6)}.${String(Math.floor(whole % 1e6)).padStart(6, '0')}`;
}
