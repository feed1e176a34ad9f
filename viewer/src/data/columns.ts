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
interface KindSchema { number: number; name: string; fields: FieldSchema[] }
interface Schema { events: number; common: string[]; kinds: KindSchema[] }

const EVENTS_MAX = 50_000_000;
const CODECS = ['delta', 'deltas', 'dict', 'hash', 'raw', 'cause-host', 'cause-moment', 'keyed', 'recent'];

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
  // For `dict` and `hash`: the number of each event's value in `values`.
  readonly ids: Int32Array | null;
  readonly values: Raw[] | null;
  get(row: number): Raw;
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
  count = 0;
  // The events of this kind, in order.
  events = new Uint32Array(0);
  readonly #fields = new Map<string, Column>();
  constructor(
    readonly number: number, readonly name: string, readonly fields: FieldSchema[],
    private readonly columns: Columns,
  ) {}

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
  readonly #columns: Uint8Array[];
  #hashes: { values: string[]; ids: Int32Array } | undefined;
  readonly #hashBytes: Uint8Array;

  constructor(container: Uint8Array) {
    this.#columns = split(container);
    const schema = JSON.parse(new TextDecoder().decode(this.#columns[0])) as Schema;
    const common = (name: string): Uint8Array => {
      const place = schema.common.indexOf(name);
      const column = place < 0 ? undefined : this.#columns[place + 1];
      if (!column) throw new Error(`the column ${name} is missing`);
      return column;
    };
    const count = schema.events;
    this.kindOf = common('kind');
    if (count !== this.kindOf.length || count > EVENTS_MAX) {
      throw new Error('there are not as many events as the run says');
    }
    this.count = count;
    for (const kind of schema.kinds) {
      for (const field of kind.fields) {
        readShape(field.shape);
        if (!CODECS.includes(field.codec)) throw new Error(`the codec ${field.codec} is newer than this page`);
        if (!this.#columns[field.column]) throw new Error(`the column of ${field.name} is missing`);
      }
      this.kinds[kind.number] = new Kind(kind.number, kind.name, kind.fields, this);
    }
    this.at = new Float64Array(count);
    this.host = new Int16Array(count);
    this.row = new Uint32Array(count);
    const [dt, host] = [new Bytes(common('dt')), new Bytes(common('host'))];
    let now = 0;
    for (let e = 0; e < count; e++) {
      now += dt.unsigned();
      this.at[e] = now;
      this.host[e] = host.unsigned() - 1;
      const kind = this.kinds[this.kindOf[e]!];
      if (!kind) throw new Error('an event is of a kind that the run does not name');
      this.row[e] = kind.count++;
    }
    for (const kind of this.kinds) if (kind) kind.events = new Uint32Array(kind.count);
    for (let e = 0; e < count; e++) {
      this.kinds[this.kindOf[e]!]!.events[this.row[e]!] = e;
    }
    this.cause = backReferences(new Bytes(common('cause')), count);
    this.about = backReferences(new Bytes(common('about')), count);
    this.#hashBytes = common('hashes');
  }

  kind(name: string): Kind | undefined {
    return this.kinds.find((kind) => kind?.name === name);
  }

  // Hashes may stand in the column more than once; equal ones get one number here.
  hashes(): { values: string[]; ids: Int32Array } {
    if (this.#hashes) return this.#hashes;
    const count = Math.floor(this.#hashBytes.length / 8);
    const ids = new Int32Array(count);
    const values: string[] = [];
    const known = new Map<string, number>();
    const from = new Bytes(this.#hashBytes);
    for (let n = 0; n < count; n++) {
      const hash = from.hex();
      let id = known.get(hash);
      if (id === undefined) {
        id = values.length;
        values.push(hash);
        known.set(hash, id);
      }
      ids[n] = id;
    }
    this.#hashes = { values, ids };
    return this.#hashes;
  }

  // For each event of the kind one number for the values of the fields that are keys.
  private keys(schema: FieldSchema, kind: Kind): Float64Array {
    const names = schema.keys ?? [];
    if (names.includes(schema.name)) throw new Error(`${schema.name} is its own key`);
    const keys = new Float64Array(kind.count);
    for (const name of names) {
      const column = name === 'host' ? null : kind.field(name);
      const parts = column ? column.ids ?? column.numbers : null;
      if (column && !parts) throw new Error(`${name} is no key`);
      for (let n = 0; n < kind.count; n++) {
        const part = parts ? parts[n]! : this.host[kind.events[n]!]!;
        keys[n] = keys[n]! * 1_048_576 + (part + 1);
      }
    }
    return keys;
  }

  decode(schema: FieldSchema, kind: Kind): Column {
    const { count, events } = kind;
    const bytes = this.#columns[schema.column];
    if (!bytes) throw new Error(`the column of ${schema.name} is missing`);
    const shape = readShape(schema.shape);
    const from = new Bytes(bytes);
    switch (schema.codec) {
      case 'delta': return new Numbers(shape, deltas(from, count, 1)[0]!);
      case 'deltas': {
        const parts = shape.type === 'tuple' ? shape.parts.length : 1;
        return new Tuples(shape, deltas(from, count, parts));
      }
      case 'dict': return dictionary(shape, from, count);
      case 'hash': {
        const [numbers] = deltas(from, count, 1);
        const { values, ids } = this.hashes();
        const found = new Int32Array(count);
        for (let n = 0; n < count; n++) {
          const id = ids[numbers![n]!];
          if (id === undefined) throw new Error('a hash is missing');
          found[n] = id;
        }
        return new Dictionary(shape, found, values);
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
      default: throw new Error(`the codec ${schema.codec} is newer than this page`);
    }
  }
}

// Numbers that are differences to the last one with the same key; of optional ones 0 is none.
function keyed(shape: Shape, from: Bytes, keys: Float64Array): Numbers {
  const found = new Float64Array(keys.length);
  const last = new Map<number, number>();
  const isOptional = shape.type === 'optional';
  for (let n = 0; n < keys.length; n++) {
    let delta = from.unsigned();
    if (isOptional) {
      if (delta === 0) {
        found[n] = NaN;
        continue;
      }
      delta -= 1;
    }
    const value = (last.get(keys[n]!) ?? 0) + (delta % 2 === 0 ? delta / 2 : -(delta + 1) / 2);
    found[n] = value;
    last.set(keys[n]!, value);
  }
  return new Numbers(shape, found);
}

// Values of which 0 is the last one with the same key, 1 a new one, and others are numbers from 2.
function recent(shape: Shape, from: Bytes, keys: Float64Array): Dictionary {
  const ids = new Int32Array(keys.length);
  const values: Raw[] = [];
  const last = new Map<number, number>();
  for (let n = 0; n < keys.length; n++) {
    const number = from.unsigned();
    let id = number === 0 ? last.get(keys[n]!) ?? -1 : number - 2;
    if (number === 1) {
      id = values.length;
      values.push(readValue(shape, from));
    }
    if (!(id >= 0 && id < values.length)) throw new Error('a column names a value that is not there');
    ids[n] = id;
    last.set(keys[n]!, id);
  }
  return new Dictionary(shape, ids, values);
}

function backReferences(from: Bytes, count: number): Int32Array {
  const found = new Int32Array(count);
  for (let e = 0; e < count; e++) {
    const back = from.unsigned();
    found[e] = back === 0 ? -1 : Math.max(-1, e - (back - 1));
  }
  return found;
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
