// What the clients saw of each partition: writes with their outcome and reads, in the order in
// which they ended, and which acknowledged records are gone at the end.

import type { Partition, State } from './state';

export interface Operation {
  event: number; begin: number; host: number; isWrite: boolean;
  // ok, failed, unknown; for writes also lost, when it was acknowledged and is gone.
  outcome: 'ok' | 'failed' | 'unknown' | 'lost';
  base: number; records: number; batch: number; error: string; first: number;
  // Of a write: its batch stands twice in the log, or behind one that its producer sealed later. Of a
  // read: the client had these records before.
  isTwice: boolean; isLate: boolean;
}

export interface Totals { acked: number; failed: number; unknown: number; lost: number; read: number; twice: number; late: number }

// They serve the run itself, and no figure counts them.
const SERVANTS = new Set(['admin', 'probe']);

export class History {
  // By partition of the state, in the order of events.
  readonly of = new Map<Partition, Operation[]>();
  readonly totals = new Map<Partition, Totals>();
  // By topic, where it has several partitions: writes that were given up before they had one.
  readonly unplaced = new Map<string, Operation[]>();
  // All writes, in the order in which they ended: for the timeline.
  readonly writes: Operation[] = [];

  constructor(readonly state: State) {
    const { run } = state;
    const sealed = new Map<number, { event: number; records: number }>();
    const seals = run.columns.kind('batch-sealed');
    if (seals) {
      const [batches, counts] = [seals.field('batch'), seals.field('operations')];
      for (let row = 0; row < seals.count; row++) {
        sealed.set(batches.ids![row]!, { event: seals.events[row]!, records: counts.length?.(row) ?? 0 });
      }
    }
    this.addWrites(sealed);
    this.addUnsent(sealed);
    this.addReads();
    for (const [partition, operations] of this.of) {
      operations.sort((a, b) => a.event - b.event);
      this.mark(partition, operations);
      const totals: Totals = { acked: 0, failed: 0, unknown: 0, lost: 0, read: 0, twice: 0, late: 0 };
      for (const { isWrite, outcome, records, host, isTwice, isLate } of operations) {
        if (SERVANTS.has(run.hostName(host))) continue;
        if (isTwice && isWrite) totals.twice += records;
        if (isLate) totals.late += records;
        if (!isWrite) totals.read += records;
        else if (outcome === 'failed') totals.failed += records;
        else if (outcome === 'unknown') totals.unknown += records;
        else totals.acked += records;
        if (outcome === 'lost') totals.lost += records;
      }
      this.totals.set(partition, totals);
    }
    this.writes.sort((a, b) => a.event - b.event);
  }

  // Marks what stands twice, or in another order than its producer's, and what was read again.
  private mark(partition: Partition, operations: Operation[]): void {
    const places = new Map<number, Set<number>>();
    for (const replica of partition.replicas.values()) {
      for (const { batch, base } of replica.appended) {
        const known = places.get(batch);
        if (known) known.add(base);
        else places.set(batch, new Set([base]));
      }
    }
    const read = new Set<string>();
    for (const one of operations) {
      if (one.isWrite) {
        one.isTwice = (places.get(one.batch)?.size ?? 0) > 1;
        continue;
      }
      const key = `${one.host} ${one.batch} ${one.first}`;
      one.isTwice = read.has(key);
      read.add(key);
    }
    // From the batch sealed last back to the first: what stands behind one of them came late.
    const least = new Map<number, number>();
    for (const one of operations.filter(({ isWrite, base }) => isWrite && base >= 0).sort((a, b) => b.begin - a.begin)) {
      const before = least.get(one.host) ?? Infinity;
      one.isLate = one.base > before;
      least.set(one.host, Math.min(before, one.base));
    }
  }

  readonly #lost = new Map<Partition, Operation[]>();

  // The writes that were acknowledged and are gone in the end.
  lostOf(partition: Partition): Operation[] {
    let found = this.#lost.get(partition);
    if (!found) {
      found = (this.of.get(partition) ?? []).filter((operation) => operation.outcome === 'lost');
      this.#lost.set(partition, found);
    }
    return found;
  }

  get lost(): number {
    return [...this.totals.values()].reduce((sum, totals) => sum + totals.lost, 0);
  }

  private add(partition: Partition, operation: Operation): void {
    const known = this.of.get(partition);
    if (known) known.push(operation);
    else this.of.set(partition, [operation]);
  }

  private addWrites(sealed: Map<number, { event: number; records: number }>): void {
    const { run } = this.state;
    const done = run.columns.kind('batch-done');
    if (!done) return;
    const partitions = run.partitionColumn('batch-done');
    const [batches, bases] = [done.field('batch').ids!, done.numbers('base_offset')];
    const [results, errors] = [done.numbers('result'), done.numbers('error')];
    // Few numbers stand for words, and each is looked up once.
    const words = new Map<string, string[]>([['result', []], ['error', []]]);
    const word = (field: string, value: number): string => words.get(field)![value] ??= run.word('batch-done', field, value);
    for (let row = 0; row < done.count; row++) {
      const event = done.events[row]!;
      const partition = this.state.partition(partitions[row]!);
      const result = word('result', results[row]!);
      const seal = sealed.get(batches[row]!);
      const base = bases[row]!;
      const records = seal?.records ?? 0;
      const write: Operation = {
        event, begin: seal?.event ?? event, host: run.columns.host[event]!, isWrite: true,
        outcome: result === 'failed' || result === 'unknown' ? result : 'ok',
        base: Number.isNaN(base) ? -1 : base, records, batch: batches[row]!,
        error: word('error', errors[row]!), first: 0, isTwice: false, isLate: false,
      };
      if (write.outcome === 'ok' && write.base >= 0 && this.isLost(partition, write)) write.outcome = 'lost';
      this.add(partition, write);
      this.writes.push(write);
    }
  }

  // Records that were given up before they had a batch: of a topic, and perhaps of no partition.
  private addUnsent(sealed: Map<number, { records: number }>): void {
    const { run, partitions } = this.state;
    const { kindOf, row: rowOf, host } = run.columns;
    const batches = run.columns.kind('batch-done');
    const ids = batches?.field('batch').ids;
    // What becomes of a batch is told first, and then of each of its records.
    const isOfBatch = (event: number, number: number): boolean => {
      let before = event;
      while (kindOf[before] === number && host[before] === host[event]) before -= 1;
      if (!batches || kindOf[before] !== batches.number || host[before] !== host[event]) return false;
      return event - before <= (sealed.get(ids![rowOf[before]!]!)?.records ?? 0);
    };
    const [asked, done] = [run.columns.kind('operation-invoked'), run.columns.kind('operation-returned')];
    if (!asked || !done) return;
    const [verbs, topics, results, errors] = [asked.numbers('verb'), asked.field('topic'), done.numbers('result'), done.numbers('error')];
    const placed = done.field('partition');
    for (let row = 0; row < done.count; row++) {
      const event: number = done.events[row]!;
      const about = run.columns.about[event]!;
      const outcome = run.word('operation-returned', 'result', results[row]!);
      if (outcome !== 'failed' && outcome !== 'unknown' || placed.get(row) !== null || about < 0 || kindOf[about] !== asked.number || isOfBatch(event, done.number)) continue;
      const from = rowOf[about]!;
      if (run.word('operation-invoked', 'verb', verbs[from]!) !== 'send') continue;
      const topic = String(topics.get(from));
      const write: Operation = {
        event, begin: about, host: host[event]!, isWrite: true, outcome, base: -1, records: 1, batch: -1,
        error: run.word('operation-returned', 'error', errors[row]!), first: 0, isTwice: false, isLate: false,
      };
      this.writes.push(write);
      const own = partitions.filter((one) => one.topic === topic);
      if (own.length === 1) this.add(own[0]!, write);
      else if (!this.unplaced.get(topic)?.push(write)) this.unplaced.set(topic, [write]);
    }
  }

  private addReads(): void {
    const { run } = this.state;
    const polled = run.columns.kind('polled');
    if (!polled) return;
    const partitions = run.partitionColumn('polled');
    const [batches, bases, counts, firsts] = [polled.field('batch').ids!, polled.numbers('base_offset'), polled.numbers('records'), polled.numbers('first')];
    for (let row = 0; row < polled.count; row++) {
      const event = polled.events[row]!;
      this.add(this.state.partition(partitions[row]!), {
        event, begin: event, host: run.columns.host[event]!, isWrite: false, outcome: 'ok',
        base: bases[row]!, records: counts[row]!, batch: batches[row]!, error: '', first: firsts[row]!, isTwice: false, isLate: false,
      });
    }
  }

  // Whether the log that the partition's last leader ends with does not hold `write`.
  private isLost(partition: Partition, write: Operation): boolean {
    const leader = partition.state.last?.leader;
    const replica = leader === null || leader === undefined ? undefined : partition.replicas.get(leader);
    if (!replica || this.state.run.head.logs || partition.deleted.has(write.batch)) return false;
    return finalBatches(replica).get(write.base) !== write.batch;
  }
}

const memo = new WeakMap<object, Map<number, number>>();

// The batches of a log as it stands at the end of the run, by offset.
function finalBatches(replica: { batches: { base: number; batch: number }[] }): Map<number, number> {
  let found = memo.get(replica);
  if (!found) {
    found = new Map(replica.batches.map(({ base, batch }) => [base, batch]));
    memo.set(replica, found);
  }
  return found;
}
