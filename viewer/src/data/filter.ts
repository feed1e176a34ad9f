// The filter language of `kafsim events` (docs/VIEWING.md, "Filters"); its examples in
// tests/data/filter_cases.txt hold for both.

// What a filter asks of a run.
export interface Source {
  readonly count: number;
  kindName(event: number): string;
  kindNames(): string[];
  fieldNames(): Set<string>;
  // `world` for none.
  hostOf(event: number): string;
  // What the whole run calls an event, where that is not its place here.
  number?(event: number): number;
  // Microseconds since time zero.
  moment(event: number): number;
  cause(event: number): number;
  about(event: number): number;
  // A field as text: a list in brackets, `none` for nothing; undefined where the kind has none.
  shown(event: number, field: string): string | undefined;
  // Whether a field names partitions, a topic, or hosts.
  names(event: number): { partitions: string[]; topics: string[]; hosts: string[] };
  line(event: number): string;
  readonly hosts: { name: string; role: string; node: number }[];
  partitionNames(): string[];
}

type Test = (event: number) => boolean;
// A term; `kinds` says of each kind's name whether it can pass at all, where that is known.
interface Term { test: Test; kinds: ((kind: string) => boolean) | null; prepare: (() => void) | null }

const OPERATORS = ['!=', '<=', '>=', '=', '<', '>', '~', ':'];
const COMMON = ['kind', 'host', 'partition', 'time', 'index', 'cause', 'about'];
const SHORT = ['kind', 'part', 'node', 'op', 'fault', 'offset', 'epoch', 'before', 'after'];
const KIND_WORDS: Record<string, string> = { 'hw': 'high-watermark-moved', 'isr': 'in-sync-changed', 'ack': 'produce-answered' };
const OFFSETS = [
  'base_offset', 'offset', 'high_watermark', 'log_start_offset', 'log_end_offset', 'durable_end', 'end_offset',
  'position', 'diverged_at', 'first_base', 'low_watermark',
];
const DEPTH_MAX = 16;

export class Filter {
  private constructor(readonly text: string, private readonly terms: Term[], private readonly source: Source) {}

  // Throws a sentence when `text` is no filter.
  static read(text: string, source: Source): Filter {
    return new Filter(text, new Reader(text, source).terms(), source);
  }

  get isEmpty(): boolean {
    return this.terms.length === 0;
  }

  // Whether events of this kind can pass.
  private canPass(kind: string): boolean {
    return this.terms.every((term) => !term.kinds || term.kinds(kind));
  }

  // The events that pass, looked for in pieces of `budget` milliseconds; `null` when `isStale`.
  async find(isStale: () => boolean, budget = 12): Promise<Uint32Array | null> {
    const kinds = new Map(this.source.kindNames().map((kind) => [kind, this.canPass(kind)]));
    for (const term of this.terms) term.prepare?.();
    const found: number[] = [];
    let until = performance.now() + budget;
    for (let event = 0; event < this.source.count; event++) {
      if (kinds.get(this.source.kindName(event)) && this.accepts(event)) found.push(event);
      if ((event & 1023) === 0 && performance.now() > until) {
        await new Promise((resolve) => setTimeout(resolve));
        if (isStale()) return null;
        until = performance.now() + budget;
      }
    }
    return Uint32Array.from(found);
  }

  accepts(event: number): boolean {
    return this.terms.every((term) => term.test(event));
  }
}

class Reader {
  constructor(
    private readonly text: string, private readonly source: Source,
    private readonly offset = 0, private readonly depth = 0,
  ) {}

  terms(): Term[] {
    return this.words().map(({ word, at }) => this.term(word, at));
  }

  private wrong(what: string, at: number): Error {
    return new Error(`${what} (character ${this.place(at) + 1} of the filter)`);
  }

  // Where a letter stands in the whole filter; one outside of the basic plane is one.
  private place(at: number): number {
    return this.offset + [...this.text.slice(0, at)].length;
  }

  // Splits at spaces that stand in no quotation and no parentheses.
  private words(): { word: string; at: number }[] {
    const found: { word: string; at: number }[] = [];
    let [begin, depth, isQuoted] = [-1, 0, false];
    const end = (at: number): void => {
      if (begin >= 0) found.push({ word: this.text.slice(begin, at), at: begin });
      begin = -1;
    };
    for (let at = 0; at < this.text.length; at++) {
      const letter = this.text[at]!;
      if (/\s/.test(letter) && !isQuoted && depth === 0) {
        end(at);
        continue;
      }
      if (begin < 0) begin = at;
      if (letter === '"') isQuoted = !isQuoted;
      else if (!isQuoted && letter === '(' && (depth > 0 || /^[!-]?(?:after|before)$/.test(this.text.slice(begin, at)))) depth++;
      else if (!isQuoted && letter === ')' && depth > 0) depth--;
      else if (!isQuoted && (letter === '(' || letter === ')')) {
        throw this.wrong(`\`${letter}\` stands where none can: only \`after(...)\` and \`before(...)\` hold a filter; put a text with a parenthesis in it in double quotes`, at);
      }
    }
    if (isQuoted) throw this.wrong(`a double quote in \`${this.text.slice(begin)}\` has no partner; close it, or leave it out`, begin);
    if (depth > 0) throw this.wrong(`\`${this.text.slice(begin)}\` has no closing parenthesis`, begin);
    end(this.text.length);
    return found;
  }

  private term(word: string, at: number): Term {
    const hasMinus = word.startsWith('-') && (/[=<>~:("]/.test(word));
    const isNegated = word.startsWith('!') || hasMinus;
    const term = this.positive(isNegated ? word.slice(1) : word, at);
    if (!isNegated) return term;
    // What a denied term cannot pass by its kind, passes.
    return { test: (event) => !term.test(event), kinds: null, prepare: term.prepare };
  }

  private positive(word: string, at: number): Term {
    const nested = /^(after|before)\(([\s\S]*)$/.exec(word);
    if (nested) return this.nested(nested[1]!, nested[2]!, word, at);
    const outside = word.replace(/"[^"]*"/g, (quoted) => '\u0000'.repeat(quoted.length));
    const places = OPERATORS.map((operator) => ({ operator, place: outside.indexOf(operator) }))
      .filter(({ place }) => place >= 0)
      .sort((a, b) => a.place - b.place || b.operator.length - a.operator.length);
    const first = places[0];
    if (!first) {
      const text = word.replace(/"/g, '').toLowerCase();
      return plain((event) => this.source.line(event).toLowerCase().includes(text));
    }
    const key = word.slice(0, first.place);
    const value = word.slice(first.place + first.operator.length).replace(/"/g, '');
    if (key === 'before' || key === 'after') {
      if (first.operator === ':') return this.moment(key, value, word, at);
    }
    if (!key || !value || (first.operator === ':' && value.endsWith(','))) {
      throw this.wrong(`\`${word}\` lacks a key or a value; write \`key=value\` or \`key:value\``, at);
    }
    if (first.operator === ':' && SHORT.includes(key)) return this.short(key, value, at);
    return this.exact(key, first.operator, value, at);
  }

  private nested(which: string, rest: string, word: string, at: number): Term {
    if (!rest.endsWith(')')) throw this.wrong(`\`${word}\` has no closing parenthesis`, at);
    const inner = rest.slice(0, -1);
    if (inner.trim() === '') throw this.wrong(`\`${word}\` lacks a filter between its parentheses`, at);
    if (this.depth >= DEPTH_MAX) throw this.wrong(`\`${word}\` lacks an end: it goes too deep`, at);
    const begin = this.text.indexOf('(', at) + 1;
    const terms = new Reader(inner, this.source, this.place(begin), this.depth + 1).terms();
    let first: number | null = null;
    const prepare = (): void => {
      if (first !== null) return;
      for (const term of terms) term.prepare?.();
      first = -1;
      for (let event = 0; event < this.source.count && first < 0; event++) {
        if (terms.every((term) => term.test(event))) first = event;
      }
    };
    const test = (event: number): boolean => {
      prepare();
      const found = first ?? -1;
      return which === 'after' ? found >= 0 && event > found : found < 0 || event < found;
    };
    return { test, kinds: null, prepare };
  }

  private moment(which: string, value: string, word: string, at: number): Term {
    const event = /^e(\d+)$/.exec(value);
    if (event) {
      const index = Number(event[1]);
      return plain((one) => (which === 'after' ? this.number(one) > index : this.number(one) < index));
    }
    const time = number(value);
    if (time === null) throw this.wrong(`\`${word}\` lacks an event or a time: write \`${which}:e179442\` or \`${which}:19.15\``, at);
    const micros = Math.round(time * 1e6);
    return plain((one) => (which === 'after' ? this.source.moment(one) > micros : this.source.moment(one) < micros));
  }

  private short(key: string, value: string, at: number): Term {
    const none = (one: string, form: string): Error => this.wrong(`\`${one}\` is no value of \`${key}:\`; ${form}`, at);
    const parts = value.split(',');
    const any = (terms: Term[]): Term => ({
      test: (event) => terms.some((term) => term.test(event)), prepare: null,
      kinds: terms.every((term) => term.kinds) ? (kind) => terms.some((term) => term.kinds!(kind)) : null,
    });
    const { source } = this;
    switch (key) {
      case 'kind': return any(parts.map((part) => this.kind(part, none)));
      case 'part': return any(parts.map((part) => this.part(part, at)));
      case 'node': return any(parts.map((part) => this.node(part, at)));
      case 'op': return any(parts.map((part) => {
        if (!/^e?\d+$/.test(part)) throw none(part, 'write the event with which it began, as in op:e178769');
        const begin = Number(part.replace('e', ''));
        return plain((event) => this.number(event) === begin || this.number(source.about(event)) === begin);
      }));
      case 'fault': return any(parts.map((part) => {
        if (!/^[1-9]\d*$/.test(part)) throw none(part, 'write its place in the plan, from 1');
        const place = String(Number(part) - 1);
        return plain((event) => source.shown(event, 'fault') === place);
      }));
      case 'offset': return any(parts.map((part) => {
        const range = readRange(part);
        if (!range) throw none(part, 'write offset:17, offset:10..20 (below 20) or offset:10..');
        return plain((event) => this.touches(event, range));
      }));
      default: return any(parts.map((part) => {
        const range = readRange(part);
        if (!range) throw none(part, `write ${key}:17, ${key}:10..20 (below 20) or ${key}:10..`);
        const lies = (text: string | undefined): boolean => text !== undefined && /^-?\d+$/.test(text) && Number(text) >= range.from && Number(text) < range.below;
        return plain((event) => lies(source.shown(event, 'leader_epoch')) || lies(source.shown(event, 'last_epoch')));
      }));
    }
  }

  private kind(part: string, none: (one: string, form: string) => Error): Term {
    const text = part.toLowerCase();
    const full = KIND_WORDS[text];
    const kinds = this.source.kindNames().filter((kind) => kind === full || kind.startsWith(text) || kind.split('-').some((piece) => piece.startsWith(text)));
    const isApi = (event: number): boolean => this.source.kindName(event) === 'delivered' &&
      (this.source.shown(event, 'api') ?? '').toLowerCase().startsWith(text);
    if (!/^[a-z][a-z0-9-]*$/.test(text)) throw none(part, 'write a kind of event, a part of its name, or a request such as fetch');
    const passing = new Set(kinds);
    const test: Test = (event) => passing.has(this.source.kindName(event)) || isApi(event);
    if (passing.size === 0 && !full) {
      let isThere = false;
      for (let event = 0; event < this.source.count && !isThere; event++) isThere = isApi(event);
      if (!isThere) throw none(part, 'write a kind of event, a part of its name, or a request such as fetch');
    }
    return { test, prepare: null, kinds: (kind) => passing.has(kind) || kind === 'delivered' };
  }

  private part(part: string, at: number): Term {
    const known = this.source.partitionNames();
    const topicOf = (name: string): string => name.slice(0, name.lastIndexOf('-'));
    const wanted = new Set(known.filter((name) => name === part || topicOf(name) === part || (/^\d+$/.test(part) && name.endsWith(`-${part}`))));
    const isTopic = known.some((name) => topicOf(name) === part);
    if (wanted.size === 0) throw this.wrong(`the run has no partition \`${part}\`; it has ${few(known)}`, at);
    return plain((event) => {
      const { partitions, topics } = this.source.names(event);
      return partitions.some((name) => wanted.has(name)) || (isTopic && topics.includes(part));
    });
  }

  private node(part: string, at: number): Term {
    const names = this.source.hosts.filter(({ name, role, node }) => name === part ||
      // As timelines have it, `c1` is controller-1, whose node id may be 3001.
      (role !== 'client' && [String(node), `${role[0]}${node}`, name.replace(/^(.)[a-z]*-(?=\d+$)/, '$1')].includes(part))).map(({ name }) => name);
    if (part === 'world') names.push('world');
    if (names.length === 0) throw this.wrong(`the run has no node \`${part}\`; it has ${few([...this.source.hosts.map(({ name }) => name), 'world'])}`, at);
    return plain((event) => names.includes(this.source.hostOf(event)) || this.source.names(event).hosts.some((host) => names.includes(host)));
  }

  private touches(event: number, { from, below }: Range): boolean {
    const { source } = this;
    const kind = source.kindName(event);
    if (kind === 'partition-decided' || kind === 'partition-committed') return false;
    if (source.names(event).partitions.length === 0) return false;
    const of = (name: string): number | null => {
      const text = source.shown(event, name);
      return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : null;
    };
    const [base, records] = [of('base_offset'), of('records')];
    if (base !== null && records !== null) return base < below && base + records > from;
    if (kind === 'log-truncated') {
      const [to, before] = [of('log_end_offset'), of('from')];
      return to !== null && before !== null && to < below && before > from;
    }
    return OFFSETS.some((name) => {
      const value = of(name);
      return value !== null && value >= from && value < below;
    });
  }

  private exact(key: string, operator: string, value: string, at: number): Term {
    const { source } = this;
    const fields = source.fieldNames();
    if (!COMMON.includes(key) && !fields.has(key)) {
      throw this.wrong(operator === ':'
        ? `no term begins with \`${key}:\`; use ${SHORT.join(', ')}, or a field of docs/TRACE.md, or put what is meant as text in double quotes`
        : `no event has a field \`${key}\`; use ${COMMON.join(', ')}, or a field of docs/TRACE.md`, at);
    }
    const isPlain = operator !== '=' && operator !== '!=' && operator !== ':';
    const texts = isPlain ? [value] : operator === ':' ? value.split(/[,|]/) : value.split('|');
    const wanted = texts.map((text) => this.wanted(key, text, isPlain, at));
    const isUnequal = operator === '!=';
    const passes = (found: string[]): boolean => found.some((one) =>
      wanted.some((want) => want(operator === ':' ? '=' : operator, one)) !== isUnequal);
    const test: Test = (event) => passes(this.values(key, event));
    const kinds = key === 'kind' ? (kind: string) => passes([kind])
      : COMMON.includes(key) ? null : (kind: string) => this.hasField(kind, key);
    return { test, kinds, prepare: null };
  }

  private hasField(kind: string, key: string): boolean {
    const has = (this.source as Partial<{ kindHas(kind: string, field: string): boolean }>).kindHas;
    return has ? has.call(this.source, kind, key) : true;
  }

  private wanted(key: string, text: string, isPlain: boolean, at: number): (operator: string, found: string) => boolean {
    const isNumeric = key === 'time' || key === 'index' || key === 'cause' || key === 'about';
    const check = (one: string): string => {
      const clean = isNumeric && key !== 'time' ? one.replace(/^e(?=\d)/, '') : one;
      if (isNumeric && number(clean) === null) throw this.wrong(`\`${one}\` is no ${key}; write a number, as in \`${key}=10..20\``, at);
      return clean;
    };
    if (!isPlain && text.includes('..')) {
      const place = text.indexOf('..');
      const [from, below] = [text.slice(0, place), text.slice(place + 2)].map((end) => (end === '' ? null : check(end))) as [string | null, string | null];
      if (from !== null && below !== null && compare(from, below) >= 0) {
        throw this.wrong(`nothing lies in \`${key}=${text}\`, which goes from \`${from}\` to below \`${below}\`; write the smaller one first`, at);
      }
      return (_, found) => (from === null || compare(found, from) >= 0) && (below === null || compare(found, below) < 0);
    }
    if (!isPlain && text.endsWith('*')) {
      const begin = text.slice(0, -1);
      return (_, found) => found.startsWith(begin);
    }
    const one = check(text);
    if (!isPlain && key === 'kind' && !this.source.kindNames().includes(one)) {
      throw this.wrong(`no event of this run is of the kind \`${one}\`; \`${one}*\` would be any that begins so`, at);
    }
    if (!isPlain && key === 'host' && one !== 'world' && !this.source.hosts.some(({ name }) => name === one)) {
      throw this.wrong(`the run has no host \`${one}\`; it has ${few([...this.source.hosts.map(({ name }) => name), 'world'])}`, at);
    }
    return (operator, found) => {
      switch (operator) {
        case '<': return compare(found, one) < 0;
        case '<=': return compare(found, one) <= 0;
        case '>': return compare(found, one) > 0;
        case '>=': return compare(found, one) >= 0;
        case '~': return found.includes(one);
        default: return compare(found, one) === 0;
      }
    };
  }

  private number(event: number): number {
    return this.source.number?.(event) ?? event;
  }

  private values(key: string, event: number): string[] {
    const { source } = this;
    const reference = (value: number): string[] => (value < 0 ? [] : [String(this.number(value))]);
    switch (key) {
      case 'kind': return [source.kindName(event)];
      case 'host': return [source.hostOf(event)];
      case 'time': return [String(source.moment(event) / 1e6)];
      case 'index': return reference(event);
      case 'cause': return reference(source.cause(event));
      case 'about': return reference(source.about(event));
    }
    const shown = source.shown(event, key);
    if (shown === undefined) return [];
    return shown.startsWith('[') ? [shown, ...shown.slice(1, -1).split(',')] : [shown];
  }
}

interface Range { from: number; below: number }

function readRange(text: string): Range | null {
  const whole = /^(-?\d{1,15})$/.exec(text);
  if (whole) return { from: Number(text), below: Number(text) + 1 };
  const ends = /^(-?\d{1,15})?\.\.(-?\d{1,15})?$/.exec(text);
  if (!ends || (ends[1] === undefined && ends[2] === undefined)) return null;
  const range = { from: ends[1] === undefined ? -Infinity : Number(ends[1]), below: ends[2] === undefined ? Infinity : Number(ends[2]) };
  return range.from < range.below ? range : null;
}

function plain(test: Test): Term {
  return { test, kinds: null, prepare: null };
}

function few(names: string[]): string {
  return names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;
}

function number(text: string): number | null {
  return /^-?\d+(\.\d*)?s?$/.test(text) ? parseFloat(text) : null;
}

function compare(found: string, wanted: string): number {
  const [a, b] = [number(found), number(wanted)];
  if (a !== null && b !== null) return a - b;
  return found < wanted ? -1 : found > wanted ? 1 : 0;
}
