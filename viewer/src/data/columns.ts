// The columns of a run, decoded by the schema that travels with them: a kind of event that this
// page has never heard of is read and shown like any other.

import { Bytes } from './bytes';

export type Shape =
  | { type: 'unsigned' | 'signed' | 'fixed64' | 'text' }
  | { type: 'optional' | 'list'; of: Shape }
  | { type: 'tuple'; parts: Shape[] };

// A field's value as read: numbers, texts, hexadecimal words as texts, null for none, lists.
export type Raw = number | string | null | Raw[];

interface FieldSchema { name: string; shape: string; codec: string; column: number; keys?: string[] }
interface KindSchema { number: number; name: string; fields: FieldSchema[]; common: Record<string, number> }
interface Schema { events: number; common: string[]; kinds: KindSchema[]; targets: number[]; numbers?: number }

const EVENTS_MAX = 50_000_000;
const CODECS = [
  'delta', 'deltas', 'dict', 'hash', 'raw', 'cause-host', 'cause-moment', 'keyed', 'recent', 'of-about', 'list-of-about', 'of-batch', 'since-batch',
];

export function readShape(text: string): Shape {
  let at = 0;
  const read = (depth: number): Shape => {
    if (depth > 8) throw new Error('a shape is too deep');
    const word = /^[a-z0-9]+/.exec(text.slice(at))?.[0] ?? '';
    at += word.length;
    if (word === 'unsigned' || word === 'signed' || word === 'fixed64' || word === 'text') {
      return { type: word };
    }
    if (text[at] !== '(') throw new Error(`the shape ${text} is not known`);
    const parts: Shape[] = [];
    do {
      at++;
      parts.push(read(depth + 1));
    } while (text[at] === ',');
    if (text[at] !== ')') throw new Error(`the shape ${text} is not known`);
    at++;
    if (word === 'tuple') return { type: 'tuple', parts };
    if (word === 'optional' || word === 'list') return { type: word, of: parts[0]! };
    throw new Error(`the shape ${text} is not known`);
  };
  const shape = read(0);
  if (at !== text.length) throw new Error(`the shape ${text} is not known`);
  return shape;
}

export function readValue(shape: Shape, from: Bytes): Raw {
  switch (shape.type) {
    case 'unsigned': return from.unsigned();
    case 'signed': return from.signed();
    case 'fixed64': return from.hex();
    case 'text': return from.text();
    case 'optional': return from.byte() === 0 ? null : readValue(shape.of, from);
    case 'tuple': return shape.parts.map((part) => readValue(part, from));
    case 'list': {
      const count = from.unsigned();
      if (count > from.left) throw new Error('a list is longer than its column');
      const items: Raw[] = [];
      for (let n = 0; n < count; n++) items.push(readValue(shape.of, from));
      return items;
    }
  }
}

function skipValue(shape: Shape, from: Bytes): void {
  switch (shape.type) {
    case 'unsigned': case 'signed': from.unsigned(); return;
    case 'fixed64': from.skip(8); return;
    case 'text': from.skip(from.unsigned()); return;
    case 'optional': if (from.byte() !== 0) skipValue(shape.of, from); return;
    case 'tuple': for (const part of shape.parts) skipValue(part, from); return;
    case 'list': {
      const count = from.unsigned();
      if (count > from.left) throw new Error('a list is longer than its column');
      for (let n = 0; n < count; n++) skipValue(shape.of, from);
    }
  }
}

// One field of one kind, for all events of the kind in order.
export interface Column {
  readonly shape: Shape;
  // Numbers as they are; none is NaN. Only for integers and optional integers.
  readonly numbers: Float64Array | null;
  // The number of each event's value, in `values` where these are at hand.
  readonly ids: Int32Array | null;
  readonly values: Raw[] | null;
  get(row: number): Raw;
  // How many items a list has.
  length?(row: number): number;
}

class Numbers implements Column {
  readonly ids = null;
  readonly values = null;
  constructor(readonly shape: Shape, readonly numbers: Float64Array) {}
  get(row: number): Raw {
    const value = this.numbers[row]!;
    return Number.isNaN(value) ? null : value;
  }
}

class Tuples implements Column {
  readonly numbers = null;
  readonly ids = null;
  readonly values = null;
  constructor(readonly shape: Shape, readonly parts: Float64Array[]) {}
  get(row: number): Raw {
    return this.parts.map((part) => part[row]!);
  }
}

class Dictionary implements Column {
  readonly numbers = null;
  constructor(readonly shape: Shape, readonly ids: Int32Array, readonly values: Raw[]) {}
  get(row: number): Raw {
    return this.values[this.ids[row]!]!;
  }
}

// The lists of all events in one row, and where each begins.
class Lists implements Column {
  readonly numbers = null;
  readonly ids = null;
  readonly values = null;
  constructor(readonly shape: Shape, readonly items: Float64Array, readonly starts: Uint32Array) {}
  get(row: number): Raw {
    return [...this.items.subarray(this.starts[row]!, this.starts[row + 1]!)];
  }
  length(row: number): number {
    return this.starts[row + 1]! - this.starts[row]!;
  }
}

// Names of eight bytes, by number.
class Names implements Column {
  readonly numbers = null;
  readonly values = null;
  constructor(readonly shape: Shape, readonly ids: Int32Array, private readonly bytes: Uint8Array) {}
  get(row: number): Raw {
    const from = new Bytes(this.bytes);
    from.at = this.ids[row]! * 8;
    return from.hex();
  }
}

class Indexed implements Column {
  readonly numbers = null;
  readonly ids = null;
  readonly values = null;
  constructor(readonly shape: Shape, readonly bytes: Uint8Array, readonly starts: Uint32Array) {}
  get(row: number): Raw {
    const from = new Bytes(this.bytes);
    from.at = this.starts[row]!;
    return readValue(this.shape, from);
  }
}

export class Kind {
  // The events of this kind, in order.
  readonly events: Uint32Array;
  readonly #fields = new Map<string, Column>();
  constructor(
    readonly number: number, readonly name: string, readonly fields: FieldSchema[],
    private readonly columns: Columns, readonly count: number,
  ) {
    this.events = new Uint32Array(count);
  }

  has(name: string): boolean {
    return this.fields.some((field) => field.name === name);
  }

  field(name: string): Column {
    let column = this.#fields.get(name);
    if (!column) {
      const schema = this.fields.find((field) => field.name === name);
      if (!schema) throw new Error(`events ${this.name} have no field ${name}`);
      column = this.columns.decode(schema, this);
      this.#fields.set(name, column);
    }
    return column;
  }

  // The numbers of an integer field; none is NaN.
  numbers(name: string): Float64Array {
    const { numbers } = this.field(name);
    if (!numbers) throw new Error(`the field ${name} of events ${this.name} is no number`);
    return numbers;
  }
}

export function split(container: Uint8Array): Uint8Array[] {
  const view = new DataView(container.buffer, container.byteOffset, container.byteLength);
  if (container.length < 4) throw new Error('there are no columns');
  const count = view.getUint32(0, true);
  if (4 + 4 * count > container.length) throw new Error('the columns are cut short');
  const columns: Uint8Array[] = [];
  let at = 4 + 4 * count;
  for (let n = 0; n < count; n++) {
    const length = view.getUint32(4 + 4 * n, true);
    if (at + length > container.length) throw new Error('the columns are cut short');
    columns.push(container.subarray(at, at + length));
    at += length;
  }
  if (at !== container.length) throw new Error('there are bytes behind the columns');
  return columns;
}

export class Columns {
  readonly count: number;
  // By number.
  readonly kinds: (Kind | undefined)[] = [];
  readonly kindOf: Uint8Array;
  // Microseconds of the world's time.
  readonly at: Float64Array;
  // -1 for the world.
  readonly host: Int16Array;
  // -1 for none.
  readonly cause: Int32Array;
  readonly about: Int32Array;
  // Each event's place among those of its kind.
  readonly row: Uint32Array;
  // The numbers that events have in the whole run, where some are left out.
  readonly numbers: Uint32Array | null = null;
  readonly #columns: Uint8Array[];
  readonly #hashes: Uint8Array;
  readonly #byName = new Map<string, Kind>();

  constructor(container: Uint8Array) {
    this.#columns = split(container);
    const schema = JSON.parse(new TextDecoder().decode(this.#columns[0])) as Schema;
    const common = (name: string): Uint8Array => this.column(schema.common.indexOf(name) + 1, name);
    const count = schema.events;
    this.kindOf = common('kind');
    if (count !== this.kindOf.length || count > EVENTS_MAX) {
      throw new Error('there are not as many events as the run says');
    }
    this.count = count;
    const rows = new Uint32Array(256);
    this.row = new Uint32Array(count);
    for (let e = 0; e < count; e++) this.row[e] = rows[this.kindOf[e]!]!++;
    const readers: (Bytes[] | undefined)[] = [];
    for (const kind of schema.kinds) {
      for (const field of kind.fields) {
        readShape(field.shape);
        if (!CODECS.includes(field.codec)) throw new Error(`the codec ${field.codec} is newer than this page`);
        this.column(field.column, field.name);
      }
      const made = new Kind(kind.number, kind.name, kind.fields, this, rows[kind.number] ?? 0);
      this.kinds[kind.number] = made;
      this.#byName.set(kind.name, made);
      readers[kind.number] = ['dt', 'host', 'cause', 'about', 'places'].map((name) => new Bytes(this.column(kind.common[name] ?? 0, name)));
    }
    this.at = new Float64Array(count);
    this.host = new Int16Array(count);
    this.cause = new Int32Array(count);
    this.about = new Int32Array(count);
    this.#hashes = common('hashes');
    if (schema.numbers !== undefined) {
      const from = new Bytes(this.column(schema.numbers, 'numbers'));
      this.numbers = new Uint32Array(count);
      for (let e = 0, last = 0; e < count; e++) this.numbers[e] = last += from.unsigned();
    }
    this.readCommon(readers, new Set(schema.targets));
  }

  private column(place: number, name: string): Uint8Array {
    const column = this.#columns[place];
    if (!column || place === 0) throw new Error(`the column ${name} is missing`);
    return column;
  }

  // Moments, hosts and parents: foretold from the event before and from the parents.
  private readCommon(readers: (Bytes[] | undefined)[], targets: Set<number>): void {
    const { at, host, cause, about, row, kindOf, kinds, count } = this;
    const isTarget = kinds.map((_, number) => targets.has(number));
    // What other events are about, by kind and host; and which of them the last one was about.
    const places = new Map<number, number[]>();
    const last = new Map<number, number>();
    let now = 0;
    for (let e = 0; e < count; e++) {
      const number = kindOf[e]!;
      const from = readers[number];
      if (!from) throw new Error('an event is of a kind that the run does not name');
      kinds[number]!.events[row[e]!] = e;
      at[e] = now += from[0]!.unsigned();
      let value = from[2]!.unsigned();
      const parent = value === 0 ? (e > 0 ? cause[e - 1]! : -1) : value === 1 ? e - 1 : value === 2 ? -1 : e - (value - 2);
      cause[e] = parent < -1 ? -1 : parent;
      value = from[1]!.unsigned();
      const own = value === 0 ? (parent >= 0 ? host[parent]! : -1) : value - 2;
      host[e] = own;
      value = from[3]!.unsigned();
      if (value === 0) about[e] = parent >= 0 ? about[parent]! : -1;
      else if (value === 1) about[e] = parent;
      else if (value === 2) about[e] = e > 0 ? about[e - 1]! : -1;
      else if (value === 3) about[e] = -1;
      else {
        const whose = value === 4 ? own : value === 5 ? (parent >= 0 ? host[parent]! : -1) : from[3]!.unsigned() - 1;
        const kind = from[4]!.byte();
        const key = (kind << 16) + whose + 1;
        const before = last.get(key * 256 + number) ?? -1;
        const place = before + 1 + from[4]!.signed();
        last.set(key * 256 + number, place);
        about[e] = places.get(key)?.[place] ?? -1;
      }
      if (isTarget[number]) {
        const key = (number << 16) + own + 1;
        const list = places.get(key);
        if (list) list.push(e);
        else places.set(key, [e]);
      }
    }
  }

  kind(name: string): Kind | undefined {
    return this.#byName.get(name);
  }

  // For each event of the kind one number for the values of the fields that are keys, below `size`.
  private keys(schema: FieldSchema, kind: Kind): { ids: Float64Array; size: number } {
    const names = schema.keys ?? [];
    if (names.includes(schema.name)) throw new Error(`${schema.name} is its own key`);
    const ids = new Float64Array(kind.count);
    let size = 1;
    for (const name of names) {
      const column = name === 'host' ? null : kind.field(name);
      const parts = column ? column.ids ?? column.numbers : kind.events.map((event) => this.host[event]! + 1);
      if (!parts) throw new Error(`${name} is no key`);
      let most = 0;
      for (let n = 0; n < parts.length; n++) if (parts[n]! > most) most = parts[n]!;
      for (let n = 0; n < parts.length; n++) ids[n] = ids[n]! * (most + 2) + (parts[n]! >= 0 ? parts[n]! + 1 : 0);
      size *= most + 2;
    }
    return size <= 1 << 20 ? { ids, size } : numbered(ids);
  }

  // The event that sealed each batch, by the batch's number; -1 for none.
  get sealed(): Int32Array {
    if (this.#sealed) return this.#sealed;
    const found = new Int32Array(this.#hashes.length >> 3).fill(-1);
    const kind = this.kind('batch-sealed');
    const ids = kind?.field('batch').ids;
    if (kind && ids) for (let n = kind.count - 1; n >= 0; n--) found[ids[n]!] = kind.events[n]!;
    this.#sealed = found;
    return found;
  }

  #sealed: Int32Array | null = null;

  decode(schema: FieldSchema, kind: Kind): Column {
    const { count, events } = kind;
    const shape = readShape(schema.shape);
    const from = new Bytes(this.column(schema.column, schema.name));
    switch (schema.codec) {
      case 'delta': return new Numbers(shape, deltas(from, count, 1)[0]!);
      case 'deltas': {
        const parts = shape.type === 'tuple' ? shape.parts.length : 1;
        return new Tuples(shape, deltas(from, count, parts));
      }
      case 'dict': return dictionary(shape, from, count);
      case 'hash': {
        const ids = new Int32Array(count);
        for (let n = 0, last = 0; n < count; n++) {
          last += from.signed();
          if (!(last >= 0 && last * 8 < this.#hashes.length)) throw new Error('a hash is missing');
          ids[n] = last;
        }
        return new Names(shape, ids, this.#hashes);
      }
      case 'raw': return raw(shape, from, count);
      case 'cause-host': {
        const hosts = new Float64Array(count);
        for (let n = 0; n < count; n++) {
          const value = from.unsigned();
          hosts[n] = value > 0 ? value - 1 : this.host[this.cause[events[n]!]!] ?? -1;
        }
        return new Numbers(shape, hosts);
      }
      case 'cause-moment': {
        const moments = new Float64Array(count);
        for (let n = 0; n < count; n++) moments[n] = from.signed() + (this.at[this.cause[events[n]!]!] ?? 0);
        return new Numbers(shape, moments);
      }
      case 'keyed': return keyed(shape, from, this.keys(schema, kind));
      case 'recent': return recent(shape, from, this.keys(schema, kind));
      case 'of-about': return this.ofAbout(shape, from, events);
      case 'list-of-about': return this.listOfAbout(shape, from, events);
      case 'of-batch': return this.ofBatch(shape, from, kind);
      case 'since-batch': {
        const found = new Float64Array(count);
        const batches = kind.field('batch').ids!;
        for (let n = 0; n < count; n++) {
          const sealed = this.sealed[batches[n]!]!;
          found[n] = from.signed() + this.at[events[n]!]! - (sealed >= 0 ? this.at[sealed]! : 0);
        }
        return new Numbers(shape, found);
      }
      default: throw new Error(`the codec ${schema.codec} is newer than this page`);
    }
  }

  // The client and number of the operation that each event invoked.
  private operation(event: number): [number, number] | null {
    const kind = this.kind('operation-invoked');
    if (event < 0 || !kind || this.kindOf[event] !== kind.number) return null;
    const column = kind.field('operation');
    if (!(column instanceof Tuples)) throw new Error('an operation is no pair');
    const row = this.row[event]!;
    return [column.parts[0]![row]!, column.parts[1]![row]!];
  }

  private ofAbout(shape: Shape, from: Bytes, events: Uint32Array): Column {
    const parts = [new Float64Array(events.length), new Float64Array(events.length)] as const;
    for (let n = 0; n < events.length; n++) {
      const value = from.byte() === 0 ? this.operation(this.about[events[n]!]!) : [from.unsigned(), from.unsigned()] as const;
      if (!value) throw new Error('an event is about no operation');
      [parts[0][n], parts[1][n]] = value as [number, number];
    }
    return new Tuples(shape, [...parts]);
  }

  private listOfAbout(shape: Shape, from: Bytes, events: Uint32Array): Column {
    const items: number[] = [];
    const starts = new Uint32Array(events.length + 1);
    for (let n = 0; n < events.length; n++) {
      const length = from.unsigned();
      if (length > from.left) throw new Error('a list is longer than its column');
      let last = this.operation(this.about[events[n]!]!)?.[1] ?? 0;
      for (let k = 0; k < length; k++) items.push(last += from.signed());
      starts[n + 1] = items.length;
    }
    return new Lists(shape, Float64Array.from(items), starts);
  }

  // Partitions of which 0 is that of the event's batch.
  private ofBatch(shape: Shape, from: Bytes, kind: Kind): Column {
    const sealed = this.kind('batch-sealed')?.field('partition');
    const values = [...(sealed?.values ?? [])];
    const known = new Map(values.map((value, id) => [JSON.stringify(value), id]));
    const own: number[] = [];
    const batches = kind.field('batch').ids;
    const ids = new Int32Array(kind.count);
    for (let n = 0; n < ids.length; n++) {
      const number = from.unsigned();
      if (number === 1) {
        const value = readValue(shape, from);
        const text = JSON.stringify(value);
        let id = known.get(text);
        if (id === undefined) {
          id = values.length;
          values.push(value);
          known.set(text, id);
        }
        own.push(id);
      }
      const event = number === 0 ? this.sealed[batches?.[n] ?? -1] ?? -1 : -1;
      const id = number === 0 ? (event >= 0 ? sealed?.ids?.[this.row[event]!] : undefined) : number === 1 ? own[own.length - 1] : own[number - 2];
      if (id === undefined) throw new Error('a column names a value that is not there');
      ids[n] = id;
    }
    return new Dictionary(shape, ids, values);
  }
}

// Ids of which few of many possible ones occur, by number.
function numbered(ids: Float64Array): { ids: Float64Array; size: number } {
  const known = new Map<number, number>();
  const found = ids.map((id) => {
    let number = known.get(id);
    if (number === undefined) known.set(id, number = known.size);
    return number;
  });
  return { ids: found, size: known.size };
}

// Numbers that are differences to the last one with the same key; of optional ones 0 is none.
function keyed(shape: Shape, from: Bytes, { ids, size }: { ids: Float64Array; size: number }): Column {
  const count = shape.type === 'tuple' ? shape.parts.length : 1;
  const parts = Array.from({ length: count }, () => new Float64Array(ids.length));
  const last = parts.map(() => new Float64Array(size));
  const isOptional = shape.type === 'optional';
  for (let n = 0; n < ids.length; n++) {
    for (let part = 0; part < count; part++) {
      let delta = from.unsigned();
      if (isOptional) {
        if (delta === 0) {
          parts[part]![n] = NaN;
          continue;
        }
        delta -= 1;
      }
      parts[part]![n] = last[part]![ids[n]!]! += delta % 2 === 0 ? delta / 2 : -(delta + 1) / 2;
    }
  }
  return count === 1 && shape.type !== 'tuple' ? new Numbers(shape, parts[0]!) : new Tuples(shape, parts);
}

// Values of which 0 is the last one with the same key, 1 a new one, and others are numbers from 2.
function recent(shape: Shape, from: Bytes, keys: { ids: Float64Array; size: number }): Dictionary {
  const ids = new Int32Array(keys.ids.length);
  const values: Raw[] = [];
  const last = new Int32Array(keys.size).fill(-1);
  for (let n = 0; n < ids.length; n++) {
    const number = from.unsigned();
    let id = number === 0 ? last[keys.ids[n]!]! : number - 2;
    if (number === 1) {
      id = values.length;
      values.push(readValue(shape, from));
    }
    if (!(id >= 0 && id < values.length)) throw new Error('a column names a value that is not there');
    ids[n] = id;
    last[keys.ids[n]!] = id;
  }
  return new Dictionary(shape, ids, values);
}

function deltas(from: Bytes, count: number, parts: number): Float64Array[] {
  const found = Array.from({ length: parts }, () => new Float64Array(count));
  const last = new Float64Array(parts);
  for (let n = 0; n < count; n++) {
    for (let part = 0; part < parts; part++) {
      last[part]! += from.signed();
      found[part]![n] = last[part]!;
    }
  }
  return found;
}

function dictionary(shape: Shape, from: Bytes, count: number): Dictionary {
  const ids = new Int32Array(count);
  const values: Raw[] = [];
  for (let n = 0; n < count; n++) {
    const number = from.unsigned();
    if (number > values.length) throw new Error('a column names a value that is not there');
    if (number === 0) {
      ids[n] = values.length;
      values.push(readValue(shape, from));
    } else {
      ids[n] = number - 1;
    }
  }
  return new Dictionary(shape, ids, values);
}

function raw(shape: Shape, from: Bytes, count: number): Column {
  if (shape.type === 'optional' && (shape.of.type === 'signed' || shape.of.type === 'unsigned')) {
    const numbers = new Float64Array(count);
    const isSigned = shape.of.type === 'signed';
    for (let n = 0; n < count; n++) {
      numbers[n] = from.byte() === 0 ? NaN : isSigned ? from.signed() : from.unsigned();
    }
    return new Numbers(shape, numbers);
  }
  const starts = new Uint32Array(count);
  for (let n = 0; n < count; n++) {
    starts[n] = from.at;
    skipValue(shape, from);
  }
  return new Indexed(shape, from.bytes, starts);
}
