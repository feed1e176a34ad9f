// Messages under way: those that were delivered, by when they were delivered.

import type { Run } from './run';
import { TIME_ZERO } from './run';
import { upTo } from './steps';

export interface Message {
  event: number; from: number; to: number; sent: number; at: number; api: string;
  isResponse: boolean; bytes: number; fault: number;
}

// Longer flights are few and looked through one by one.
const SHORT = 60_000;

export class Traffic {
  readonly #events: Uint32Array;
  readonly #sent: Float64Array;
  readonly #long: number[] = [];
  readonly count: number;

  constructor(private readonly run: Run) {
    const kind = run.columns.kind('delivered');
    this.#events = kind?.events ?? new Uint32Array(0);
    this.#sent = kind?.count ? kind.numbers('sent') : new Float64Array(0);
    this.count = this.#events.length;
    for (let row = 0; row < this.count; row++) {
      if (run.columns.at[this.#events[row]!]! - this.#sent[row]! > SHORT) this.#long.push(row);
    }
  }

  private message(row: number): Message {
    const kind = this.run.columns.kind('delivered')!;
    const event = this.#events[row]!;
    const fault = kind.has('fault') ? kind.field('fault').get(row) : null;
    return {
      event, from: Number(kind.field('from').get(row)), to: this.run.columns.host[event]!,
      sent: this.#sent[row]! - TIME_ZERO, at: this.run.moment(event),
      api: this.run.word('delivered', 'api', kind.field('api').get(row)),
      isResponse: kind.field('is_response').get(row) === 1,
      bytes: Number(kind.field('bytes').get(row)), fault: fault === null ? -1 : Number(fault),
    };
  }

  // At most `most` messages that were under way at some time between `from` and `to`
  // (microseconds since time zero); where there are more, evenly some of them.
  between(from: number, to: number, most: number): { messages: Message[]; count: number } {
    const rows: number[] = [];
    const first = upTo(this.#events, this.run.eventAt(from - 1));
    const last = upTo(this.#events, this.run.eventAt(to + SHORT));
    for (let row = first; row < last; row++) {
      if (this.#sent[row]! - TIME_ZERO <= to && this.run.moment(this.#events[row]!) >= from) rows.push(row);
    }
    for (const row of this.#long) {
      if (row >= last && this.#sent[row]! - TIME_ZERO <= to) rows.push(row);
    }
    const every = Math.max(1, Math.ceil(rows.length / most));
    return { messages: rows.filter((row) => row % every === 0 || rows.length <= most).map((row) => this.message(row)), count: rows.length };
  }
}
