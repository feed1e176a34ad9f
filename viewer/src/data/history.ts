// What the clients saw of each partition: writes with their outcome and reads, in the order in
// which they ended, and which acknowledged records are gone at the end.

import type { Partition, State } from './state';

export interface Operation {
  event: number; begin: number; host: number; isWrite: boolean;
  // ok, failed, unknown; for writes also lost, when it was acknowledged and is gone.
  outcome: 'ok' | 'failed' | 'unknown' | 'lost';
  base: number; records: number; batch: number; error: string;
}

export interface Totals { acked: number; failed: number; unknown: number; lost: number; read: number }

export class History {
  // By partition of the state, in the order of events.
  readonly of = new Map<Partition, Operation[]>();
  readonly totals = new Map<Partition, Totals>();
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
    this.addReads();
    for (const [partition, operations] of this.of) {
      operations.sort((a, b) => a.event - b.event);
      const totals: Totals = { acked: 0, failed: 0, unknown: 0, lost: 0, read: 0 };
      for (const { isWrite, outcome, records } of operations) {
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
        error: word('error', errors[row]!),
      };
      if (write.outcome === 'ok' && write.base >= 0 && this.isLost(partition, write)) write.outcome = 'lost';
      this.add(partition, write);
      this.writes.push(write);
    }
  }

  private addReads(): void {
    const { run } = this.state;
    const polled = run.columns.kind('polled');
    if (!polled) return;
    const partitions = run.partitionColumn('polled');
    const [batches, bases, counts] = [polled.field('batch').ids!, polled.numbers('base_offset'), polled.numbers('records')];
    for (let row = 0; row < polled.count; row++) {
      const event = polled.events[row]!;
      this.add(this.state.partition(partitions[row]!), {
        event, begin: event, host: run.columns.host[event]!, isWrite: false, outcome: 'ok',
        base: bases[row]!, records: counts[row]!, batch: batches[row]!, error: '',
      });
    }
  }

  // Whether the log that the partition's last leader ends with does not hold `write`.
  private isLost(partition: Partition, write: Operation): boolean {
    const leader = partition.state.last?.leader;
    const replica = leader === null || leader === undefined ? undefined : partition.replicas.get(leader);
    if (!replica || write.base < replica.start.last) return false;
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
