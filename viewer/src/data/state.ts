// What is known of the cluster at any event: the same fold of events as kafsim's own model
// (src/trace/model), written down as steps. Everything the panes draw comes from here.

import type { Column, Raw } from './columns';
import { METADATA, Run, topicKey } from './run';
import { Steps, upTo } from './steps';

export interface RoleView {
  event: number; role: string; leader: number | null; leaderEpoch: number; partitionEpoch: number;
  epochStart: number | null; inSync: number[]; maximal: number[]; minInSync: number;
}

export interface StateView {
  event: number; offset: number; replicas: number[]; leader: number | null; leaderEpoch: number;
  partitionEpoch: number; inSync: number[]; eligible: number[]; lastKnown: number[];
  recovering: boolean; minInSync: number;
}

// What the controller wrote last into its log, committed or not.
export interface DecidedView {
  event: number; controller: number; writtenIn: number; offset: number; leader: number | null; leaderEpoch: number; partitionEpoch: number;
  inSync: number[]; eligible: number[]; unclean: boolean;
}

// Consecutive batches of one leader epoch in a log.
export interface EpochRun { epoch: number; start: number }

interface Batch { base: number; end: number; epoch: number; batch: number; event: number }

export class Replica {
  readonly present = new Steps<boolean>(false);
  readonly loaded = new Steps<boolean>(false);
  readonly end = new Steps<number>(0);
  readonly highWatermark = new Steps<number>(0);
  readonly start = new Steps<number>(0);
  readonly role = new Steps<RoleView | null>(null);
  readonly runs = new Steps<readonly EpochRun[]>([]);
  // The newest epoch of its leader-epoch cache.
  readonly latestEpoch = new Steps<number | null>(null);
  // Every batch that was ever appended, in the order of events.
  readonly appended: Batch[] = [];
  // Where the log was cut: event, new end, end before.
  readonly cuts: { event: number; to: number; from: number; isRecovery: boolean }[] = [];
  // The log as it stands while events are folded.
  batches: Batch[] = [];
  origin = 0;
  leftover: Batch | null = null;
  constructor(readonly node: number) {}

  // Where batches begin, sorted, and which begin there; made when first asked for.
  #bases: number[] | null = null;
  readonly #byBase = new Map<number, Batch[]>();

  #log: { end: number; batches: Batch[] } = { end: -1, batches: [] };

  // The log as it stood after `event`; what lies below its start may be in it.
  logAt(event: number): readonly Batch[] {
    const change = this.end.index(event);
    if (this.#log.end === change) return this.#log.batches;
    const batches: Batch[] = [];
    const cut = (to: number): void => {
      while (batches.length > 0 && batches[batches.length - 1]!.end > to) batches.pop();
    };
    for (const batch of this.appended) {
      if (batch.event > event) break;
      cut(batch.base);
      batches.push(batch);
    }
    cut(this.end.at(event));
    this.#log = { end: change, batches };
    return batches;
  }

  // The batch at `offset` as the log stood after `event`.
  batchAt(offset: number, event: number): Batch | null {
    if (offset >= this.end.at(event) || !this.present.at(event)) return null;
    if (!this.#bases) {
      for (const batch of this.appended) {
        const known = this.#byBase.get(batch.base);
        if (known) known.push(batch);
        else this.#byBase.set(batch.base, [batch]);
      }
      this.#bases = [...this.#byBase.keys()].sort((a, b) => a - b);
    }
    let found: Batch | null = null;
    const place = upTo(this.#bases, offset) - 1;
    // Of all that ever stood there, the newest stands there now.
    for (let n = place; n >= 0 && n > place - 64; n--) {
      for (const batch of this.#byBase.get(this.#bases[n]!)!) {
        if (batch.event > event) break;
        if (offset < batch.end && (!found || batch.event > found.event)) found = batch;
      }
    }
    return found;
  }
}

// Where the log of `replica` parts from that of `leader` after `event`: the first offset at which it
// holds what the leader does not. Null where all that it has the leader has.
export function divergence(replica: Replica, leader: Replica, event: number): number | null {
  if (replica === leader || !replica.present.at(event) || !leader.present.at(event)) return null;
  const start = Math.max(replica.start.at(event), leader.start.at(event));
  const [mine, theirs] = [replica.logAt(event), leader.logAt(event)];
  let place = 0;
  // Batch by batch: a replica that lacks Kafka's rules may have the leader's records again behind others.
  for (const { base, end, batch } of mine) {
    if (end <= start) continue;
    while (place < theirs.length && theirs[place]!.end <= base) place++;
    if (theirs[place]?.base !== base || theirs[place]!.batch !== batch) return Math.max(start, base);
  }
  return null;
}

export class Partition {
  readonly state = new Steps<StateView | null>(null);
  readonly decided = new Steps<DecidedView | null>(null);
  readonly leaderEpoch = new Steps<number>(0);
  readonly trueHighWatermark = new Steps<number>(0);
  readonly replicas = new Map<number, Replica>();
  // Who leads in which epoch, as the controller committed it or a broker took it up.
  readonly leaders = new Map<number, number>();
  // The batches that were deleted by rule where they stood.
  readonly deleted = new Set<number>();
  // Events that matter for this partition, for stepping.
  readonly touched: number[] = [];
  constructor(
    readonly id: number, readonly name: string, readonly topic: string, readonly index: number,
    readonly topicKey: string, readonly namedAt: number,
  ) {}

  // Whether it is of a topic of Kafka's own.
  get isOwn(): boolean {
    return this.topic.startsWith('__');
  }

  // Its name where room is short.
  get short(): string {
    return this.name.replace(/^__consumer_/, '\u2026');
  }

  // Its replicas at `event`, in the order of assignment, then whoever else holds a log.
  replicasAt(event: number): Replica[] {
    const assigned = this.state.at(event)?.replicas ?? [];
    const found = assigned.map((node) => this.replicas.get(node) ?? new Replica(node));
    for (const replica of this.replicas.values()) {
      if (!assigned.includes(replica.node) && replica.present.at(event)) found.push(replica);
    }
    return found;
  }
}

export interface HostSteps {
  running: Steps<boolean>; paused: Steps<boolean>; incarnation: Steps<number>; clock: Steps<number>;
  drift: Steps<number>; lifecycle: Steps<string>; startedAs: Steps<string>;
}

export interface Registration {
  event: number; offset: number; brokerEpoch: number; fenced: boolean; shuttingDown: boolean;
}

export interface QuorumRole { event: number; role: string; leaderEpoch: number; leader: number | null }

export interface Vote { candidate: number; epoch: number }

export interface Member {
  role: Steps<QuorumRole | null>; durableEnd: Steps<number>; applied: Steps<number>;
  // Of a process that is down the last vote that is on its disk.
  vote: Steps<Vote | null>; written: Vote | null;
}

export interface Fault {
  id: number; verb: string; hosts: number[]; groups: number[]; detail: string;
  begin: number; end: number; bit: number; changed: number;
}

export class State {
  readonly partitions: Partition[] = [];
  // Those of clients' topics, in order of name and number, and then those of Kafka's own.
  readonly shown: Partition[] = [];
  readonly metadata: Partition;
  readonly hosts: HostSteps[];
  readonly registrations = new Map<number, Steps<Registration | null>>();
  readonly members = new Map<number, Member>();
  readonly active = new Steps<{ node: number; epoch: number } | null>(null);
  readonly phase = new Steps<string>('');
  // Every time that a fault takes hold is one.
  readonly faults: Fault[] = [];
  readonly #ofRun: (Partition | undefined)[] = [];

  constructor(readonly run: Run) {
    this.metadata = new Partition(-1, '__cluster_metadata-0', '__cluster_metadata', 0, METADATA, 0);
    const clocks = new Map(run.head.setup.clocks?.map((clock) => [clock.host, clock]));
    this.hosts = run.hosts.map(({ id }) => ({
      running: new Steps<boolean>(false), paused: new Steps<boolean>(false),
      incarnation: new Steps<number>(0), clock: new Steps<number>(clocks.get(id)?.offset_micros ?? 0), drift: new Steps<number>(clocks.get(id)?.drift_ppm ?? 0),
      lifecycle: new Steps<string>(''), startedAs: new Steps<string>(''),
    }));
    new Fold(this).all();
    this.shown = this.partitions.filter((partition) => !partition.name.startsWith('__cluster_metadata'));
    this.shown.sort((a, b) => Number(a.isOwn) - Number(b.isOwn) || (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.index - b.index));
  }

  named(name: string | undefined): Partition | undefined {
    return [...this.shown, this.metadata].find((one) => one.name === name);
  }

  partition(id: number): Partition {
    let found = this.#ofRun[id];
    if (!found) {
      const name = this.run.partitions[id]!;
      if (name.isMetadata) return this.#ofRun[id] = this.metadata;
      found = new Partition(id, name.name, name.topic, name.index, name.topicKey, this.run.topicNamedAt.get(name.topicKey) ?? Infinity);
      this.#ofRun[id] = found;
      this.partitions.push(found);
    }
    return found;
  }

  member(node: number): Member {
    let found = this.members.get(node);
    if (!found) {
      found = {
        role: new Steps<QuorumRole | null>(null), durableEnd: new Steps<number>(-1),
        applied: new Steps<number>(-1), vote: new Steps<Vote | null>(null), written: null,
      };
      this.members.set(node, found);
    }
    return found;
  }

  registration(node: number): Steps<Registration | null> {
    let found = this.registrations.get(node);
    if (!found) {
      found = new Steps<Registration | null>(null);
      this.registrations.set(node, found);
    }
    return found;
  }

  // Whether `fault` is in force after `event`.
  isActive(fault: Fault, event: number): boolean {
    return fault.begin <= event && (fault.end < 0 || event < fault.end);
  }

  faultsAt(event: number): Fault[] {
    return this.faults.filter((fault) => this.isActive(fault, event));
  }
}

const list = (raw: Raw): number[] => (Array.isArray(raw) ? raw.map(Number) : []);
const some = (raw: Raw): number | null => (raw === null ? null : Number(raw));

type Row = (name: string) => Raw;
type Handler = (event: number, row: Row, partition: Partition, node: number) => void;

const MIN_IN_SYNC = 'min.insync.replicas';

class Fold {
  private readonly configs = new Map<string, { offset: number; value: string | null }>();
  // Topics that were deleted, and what brokers still say of their partitions, who hear of it later.
  private readonly removed = new Set<string>();
  private readonly gone = new Map<Partition, Partition>();

  constructor(private readonly state: State) {}

  all(): void {
    const { run } = this.state;
    const { columns } = run;
    const { host } = columns;
    const nodes = this.nodes();
    const handlers = this.handlers();
    const steps: (((event: number, row: number) => void) | undefined)[] = [];
    for (const kind of columns.kinds) {
      const handler = kind && handlers[kind.name];
      if (!kind || !handler) continue;
      const of = kind.has('partition') ? run.partitionColumn(kind.name) : null;
      const fields: Record<string, Column | null> = {};
      let at = 0;
      const get: Row = (name) => {
        let field = fields[name];
        if (field === undefined) field = fields[name] = kind.has(name) ? kind.field(name) : null;
        return field === null ? null : field.get(at);
      };
      steps[kind.number] = (event, row) => {
        at = row;
        const id = of ? of[row]! : -1;
        handler(event, get, id < 0 ? this.state.metadata : this.partition(id), nodes[host[event]! + 1]!);
      };
    }
    this.often(steps);
    const { kindOf, row } = columns;
    for (let event = 0; event < columns.count; event++) steps[kindOf[event]!]?.(event, row[event]!);
  }

  private partition(id: number): Partition {
    const partition = this.state.partition(id);
    return this.removed.has(partition.topicKey) ? this.goneOf(partition) : partition;
  }

  private goneOf(partition: Partition): Partition {
    let found = this.gone.get(partition);
    if (!found) {
      const { id, name, topic, index, topicKey: key, namedAt, deleted, leaders, touched } = partition;
      found = Object.assign(new Partition(id, name, topic, index, key, namedAt), { deleted, leaders, touched });
      this.gone.set(partition, found);
    }
    return found;
  }

  // The node of each host, behind that of the world; -1 for clients and the world.
  private nodes(): number[] {
    return [-1, ...this.state.run.hosts.map((one) => (one.role === 'client' ? -1 : one.node))];
  }

  // What there is most of, read from the columns directly.
  private often(steps: (((event: number, row: number) => void) | undefined)[]): void {
    const { run } = this.state;
    const { host } = run.columns;
    const nodes = this.nodes();
    const marks = run.columns.kind('high-watermark-moved');
    if (marks && marks.count > 0) {
      const of = run.partitionColumn(marks.name);
      const [moved, leading] = [marks.numbers('high_watermark'), marks.numbers('as_leader')];
      steps[marks.number] = (event, row) => {
        const partition = of[row]! < 0 ? this.state.metadata : this.partition(of[row]!);
        this.moved(event, partition, nodes[host[event]! + 1]!, moved[row]!, leading[row] === 1);
      };
    }
    const kind = run.columns.kind('log-appended');
    if (!kind || kind.count === 0) return;
    const of = run.partitionColumn(kind.name);
    const [bases, counts, epochs, ids] = [kind.numbers('base_offset'), kind.numbers('records'), kind.numbers('leader_epoch'), kind.field('batch').ids];
    steps[kind.number] = (event, row) => {
      const partition = of[row]! < 0 ? this.state.metadata : this.partition(of[row]!);
      const replica = this.replica(event, partition, nodes[host[event]! + 1]!);
      const base = bases[row]!;
      const last = replica.end.last;
      // Of what lies before the window of a part of a run only the last append is there.
      if (last < base && !run.head.logs) reset(replica, event, base);
      else if (last > base) truncate(replica, event, base);
      append(replica, event, { base, end: base + counts[row]!, epoch: epochs[row]!, batch: ids?.[row] ?? -1, event });
      partition.touched.push(event);
    };
  }

  private moved(e: number, partition: Partition, node: number, highWatermark: number, asLeader: boolean): void {
    const replica = this.replica(e, partition, node);
    replica.highWatermark.set(e, highWatermark);
    const role = replica.role.last;
    const leads = role?.role === 'leader' && role.leaderEpoch === partition.leaderEpoch.last;
    const isCurrent = partition === this.state.metadata || leads;
    if (asLeader && isCurrent && highWatermark > partition.trueHighWatermark.last) {
      partition.trueHighWatermark.set(e, highWatermark);
    }
    partition.touched.push(e);
  }

  private replica(event: number, partition: Partition, node: number): Replica {
    let replica = partition.replicas.get(node);
    if (!replica) {
      replica = new Replica(node);
      partition.replicas.set(node, replica);
    }
    replica.present.set(event, true);
    replica.loaded.set(event, true);
    return replica;
  }

  private word(kind: string, field: string, value: Raw): string {
    return this.state.run.word(kind, field, value);
  }

  private handlers(): Record<string, Handler> {
    return {
      'log-truncated': (e, row, partition, node) => {
        this.cut(e, row, partition, node, false);
      },
      'log-recovered': (e, row, partition, node) => {
        this.cut(e, row, partition, node, true);
      },
      // What a failure of the power left.
      'durable-end': (e, row, partition, node) => {
        const replica = partition.replicas.get(node);
        const [from, to] = [Number(row('log_end_offset')), Number(row('durable_end'))];
        if (!replica || to >= from) return;
        truncate(replica, e, to);
        if (this.state.run.head.logs) setEnd(replica, e, to);
        replica.highWatermark.set(e, Math.min(replica.highWatermark.last, to));
        replica.cuts.push({ event: e, to, from, isRecovery: true });
        partition.touched.push(e);
      },
      'storage-failed': (e, row, partition, node) => {
        const replica = this.replica(e, partition, node);
        const base = Number(row('base_offset'));
        replica.leftover ??= {
          base, end: base + Number(row('records')), epoch: Number(row('leader_epoch')),
          batch: this.batchId('storage-failed', e), event: e,
        };
      },
      'log-start-moved': (e, row, partition, node) => {
        const replica = this.replica(e, partition, node);
        const start = Number(row('log_start_offset'));
        if (DELETED_BY_RULE.has(this.word('log-start-moved', 'because', row('because')))) deleteByRule(partition, replica, start);
        replica.start.set(e, start);
        if (replica.end.last < start) reset(replica, e, start);
        partition.touched.push(e);
      },
      'segments-deleted': (e, row, partition, node) => {
        const replica = this.replica(e, partition, node);
        deleteBelow(replica, Number(row('first_base')));
      },
      'role-taken': (e, row, partition, node) => {
        const replica = this.replica(e, partition, node);
        replica.highWatermark.set(e, Number(row('high_watermark')));
        const leaderEpoch = Number(row('leader_epoch'));
        const inSync = list(row('in_sync'));
        const leader = some(row('leader'));
        replica.role.set(e, {
          event: e, role: this.word('role-taken', 'role', row('role')), leader, leaderEpoch,
          partitionEpoch: Number(row('partition_epoch')), epochStart: some(row('epoch_start')),
          inSync, maximal: inSync, minInSync: Number(row('min_in_sync')),
        });
        if (leader !== null) partition.leaders.set(leaderEpoch, leader);
        partition.leaderEpoch.set(e, Math.max(leaderEpoch, partition.leaderEpoch.last));
        partition.touched.push(e);
      },
      'epoch-cache-changed': (e, row, partition, node) => {
        this.replica(e, partition, node).latestEpoch.set(e, some(row('last_epoch')));
      },
      'in-sync-changed': (e, row, partition, node) => {
        const replica = this.replica(e, partition, node);
        const role = replica.role.last;
        if (role && role.leaderEpoch === Number(row('leader_epoch'))) {
          replica.role.set(e, {
            ...role, partitionEpoch: Number(row('partition_epoch')),
            inSync: list(row('committed')), maximal: list(row('maximal')),
          });
        }
        partition.touched.push(e);
      },
      'min-in-sync-applied': (e, row, partition, node) => {
        const replica = this.replica(e, partition, node);
        const role = replica.role.last;
        if (role) replica.role.set(e, { ...role, minInSync: Number(row('min_in_sync')) });
      },
      'replica-removed': (e, _, partition, node) => {
        const replica = partition.replicas.get(node);
        if (replica) forget(replica, e);
      },
      'host-started': (e, row) => {
        const id = this.state.run.columns.host[e]!;
        const host = this.state.hosts[id];
        if (!host) return;
        const as = this.word('host-started', 'after', row('after'));
        host.running.set(e, true);
        host.incarnation.set(e, Number(row('incarnation')));
        host.startedAs.set(e, as);
        host.lifecycle.set(e, '');
        const node = this.state.run.nodeOf(e);
        if (node >= 0 && (as === 'new' || as === 'after-disk-loss')) {
          for (const partition of this.allPartitions()) {
            const replica = partition.replicas.get(node);
            if (replica) forget(replica, e);
          }
          const member = this.state.members.get(node);
          member?.vote.set(e, null);
          member?.durableEnd.set(e, -1);
          if (member) member.written = null;
        }
      },
      'host-stopped': (e) => {
        const host = this.state.hosts[this.state.run.columns.host[e]!];
        if (!host) return;
        host.running.set(e, false);
        host.paused.set(e, false);
        host.lifecycle.set(e, '');
        const node = this.state.run.nodeOf(e);
        if (node < 0) return;
        for (const partition of this.allPartitions()) {
          const replica = partition.replicas.get(node);
          replica?.role.set(e, null);
          replica?.loaded.set(e, false);
        }
        const member = this.state.members.get(node);
        member?.role.set(e, null);
        member?.applied.set(e, -1);
        member?.vote.set(e, member.written);
        if (this.state.active.last?.node === node) this.state.active.set(e, null);
      },
      'host-paused': (e) => this.state.hosts[this.state.run.columns.host[e]!]?.paused.set(e, true),
      'host-resumed': (e) => this.state.hosts[this.state.run.columns.host[e]!]?.paused.set(e, false),
      'broker-state-entered': (e, row) => {
        const state = this.word('broker-state-entered', 'state', row('state'));
        this.state.hosts[this.state.run.columns.host[e]!]?.lifecycle.set(e, state);
      },
      'clock-set': (e, row) => {
        const host = this.state.hosts[this.state.run.columns.host[e]!];
        if (!host) return;
        host.clock.set(e, host.clock.last + Number(row('by')));
        host.drift.set(e, Number(row('drift')));
      },
      'phase-began': (e, row) => {
        this.state.phase.set(e, this.word('phase-began', 'phase', row('phase')));
      },
      'fault-began': (e, row) => {
        this.state.faults.push({
          id: Number(row('fault')), verb: this.word('fault-began', 'verb', row('verb')),
          hosts: list(row('hosts')), groups: list(row('groups')), detail: String(row('detail') ?? ''),
          begin: e, end: -1, bit: -1, changed: 0,
        });
      },
      'fault-bit': (e, row) => {
        const fault = this.fault(Number(row('fault')));
        if (fault && fault.bit < 0) fault.bit = e;
      },
      'fault-ended': (e, row) => {
        const fault = this.fault(Number(row('fault')));
        if (!fault) return;
        fault.end = e;
        fault.changed = Number(row('changed') ?? 0);
      },
      'partition-decided': (e, row, partition, node) => {
        partition.decided.set(e, {
          event: e, controller: node, writtenIn: this.state.members.get(node)?.role.last?.leaderEpoch ?? 0,
          offset: Number(row('offset')), leader: some(row('leader')), leaderEpoch: Number(row('leader_epoch')),
          partitionEpoch: Number(row('partition_epoch')), inSync: list(row('in_sync')),
          eligible: list(row('eligible')), unclean: row('unclean') === 1,
        });
      },
      'partition-committed': (e, row, partition, node) => this.committed(e, row, partition, node),
      'topic-removed': (e, row, _, node) => {
        const topic = topicKey(row('topic'));
        if (this.removed.has(topic)) return;
        this.removed.add(topic);
        this.remember(node, Number(row('offset')), (event) => {
          this.removed.delete(topic);
          for (const [partition, found] of this.gone) {
            if (partition.topicKey !== topic) continue;
            move(event, found, partition);
            this.gone.delete(partition);
          }
        });
        for (const partition of this.state.partitions) {
          if (partition.topicKey !== topic) continue;
          move(e, partition, this.goneOf(partition));
          partition.state.set(e, null);
          partition.decided.set(e, null);
          partition.leaderEpoch.set(e, 0);
          partition.trueHighWatermark.set(e, 0);
          for (const replica of partition.replicas.values()) forget(replica, e);
        }
      },
      'registration-committed': (e, row, _, node) => {
        const steps = this.state.registration(Number(row('broker')));
        const offset = Number(row('offset'));
        if (steps.last && steps.last.offset >= offset) return;
        const before = steps.last;
        this.remember(node, offset, (event) => steps.set(event, before));
        steps.set(e, {
          event: e, offset, brokerEpoch: Number(row('broker_epoch')), fenced: row('fenced') === 1,
          shuttingDown: row('in_controlled_shutdown') === 1,
        });
      },
      'broker-unregistered': (e, row, _, node) => {
        const steps = this.state.registration(Number(row('broker')));
        const before = steps.last;
        if (before?.brokerEpoch !== Number(row('broker_epoch'))) return;
        this.remember(node, Number(row('offset')), (event) => steps.set(event, before));
        steps.set(e, null);
      },
      'config-committed': (e, row, _, node) => {
        const value = row('value');
        const place = `${row('resource')}\n${row('key')}`;
        const offset = Number(row('offset'));
        const known = this.configs.get(place);
        if (known && known.offset >= offset) return;
        this.configs.set(place, { offset, value: value === null ? null : String(value) });
        this.remember(node, offset, () => known ? this.configs.set(place, known) : this.configs.delete(place));
        if (row('key') === MIN_IN_SYNC) this.holdToMinima(e);
      },
      'controller-activated': (e, row, _, node) => {
        const epoch = Number(row('leader_epoch'));
        if (!this.state.active.last || this.state.active.last.epoch < epoch) {
          this.state.active.set(e, { node, epoch });
          this.takeBack(e, node);
        }
      },
      'controller-retired': (e, _, __, node) => {
        if (this.state.active.last?.node === node) this.state.active.set(e, null);
      },
      'quorum-role-taken': (e, row, _, node) => {
        const leaderEpoch = Number(row('leader_epoch'));
        const leader = some(row('leader'));
        const member = this.state.member(node);
        member.role.set(e, {
          event: e, role: this.word('quorum-role-taken', 'role', row('role')), leaderEpoch, leader,
        });
        if (leader !== null && member.vote.last?.epoch === leaderEpoch) member.written = member.vote.last;
        const { metadata } = this.state;
        if (leader !== null) metadata.leaders.set(leaderEpoch, leader);
        metadata.leaderEpoch.set(e, Math.max(metadata.leaderEpoch.last, leaderEpoch));
      },
      'vote-granted': (e, row, _, node) => {
        if (row('pre_vote') === 1) return;
        const member = this.state.member(node);
        const vote = { candidate: Number(row('candidate')), epoch: Number(row('leader_epoch')) };
        member.vote.set(e, vote);
        // With a leader's name a vote is written even by those who else forget it.
        const namesLeader = (member.role.last?.leader ?? null) !== null;
        if (!this.state.run.head.setup.forgets_votes || namesLeader) member.written = vote;
      },
      'quorum-durable': (e, row, _, node) => {
        this.state.member(node).durableEnd.set(e, Number(row('durable_end')));
      },
      'metadata-applied': (e, row, _, node) => {
        this.state.member(node).applied.set(e, Number(row('offset')));
      },
    };
  }

  // The configuration changes what the controller asks of a partition, and no epoch of it.
  private holdToMinima(e: number): void {
    for (const partition of this.state.partitions) {
      const now = partition.state.last;
      if (!now) continue;
      const of = (resource: string) => this.configs.get(`${resource}\n${MIN_IN_SYNC}`)?.value;
      const value = Number(of(`topic ${partition.topic}`) ?? of('all brokers') ?? 1);
      const minInSync = Math.min(Number.isInteger(value) ? value : 1, now.replicas.length);
      if (minInSync !== now.minInSync) partition.state.set(e, { ...now, minInSync });
    }
  }

  private *allPartitions(): Iterable<Partition> {
    yield* this.state.partitions;
    yield* this.gone.values();
    yield this.state.metadata;
  }

  private fault(id: number): Fault | undefined {
    return this.state.faults.findLast((fault) => fault.id === id && fault.end < 0);
  }

  private batchId(kind: string, event: number): number {
    const { columns } = this.state.run;
    return columns.kind(kind)!.field('batch').ids?.[columns.row[event]!] ?? -1;
  }

  // What controllers told of committed metadata, to be taken back when the quorum loses it.
  private readonly told: { offset: number; batch: number; undo: (event: number) => unknown }[] = [];

  private metadataBatch(node: number, offset: number): number | undefined {
    const batches = this.state.metadata.replicas.get(node)?.batches ?? [];
    return batches.findLast(({ base, end }) => base <= offset && offset < end)?.batch;
  }

  private remember(node: number, offset: number, undo: (event: number) => unknown): void {
    const batch = this.metadataBatch(node, offset);
    if (batch !== undefined) this.told.push({ offset, batch, undo });
  }

  // What is not in the log of the controller that takes charge.
  private takeBack(e: number, node: number): void {
    for (let last = this.told.at(-1); last; last = this.told.at(-1)) {
      const batch = this.metadataBatch(node, last.offset);
      if (batch === last.batch || (batch === undefined && this.state.run.head.logs)) break;
      this.told.pop()!.undo(e);
    }
    this.holdToMinima(e);
  }

  private committed(e: number, row: Row, partition: Partition, node: number): void {
    const offset = Number(row('offset'));
    const before = partition.state.last;
    if (before && before.offset >= offset) return;
    this.remember(node, offset, (event) => {
      partition.state.set(event, before);
      partition.leaderEpoch.set(event, before?.leaderEpoch ?? 0);
      partition.touched.push(event);
    });
    const leader = some(row('leader'));
    const leaderEpoch = Number(row('leader_epoch'));
    partition.state.set(e, {
      event: e, offset, replicas: list(row('replicas')), leader, leaderEpoch,
      partitionEpoch: Number(row('partition_epoch')), inSync: list(row('in_sync')),
      eligible: list(row('eligible')), lastKnown: list(row('last_known')),
      recovering: row('recovering') === 1, minInSync: Number(row('min_in_sync')),
    });
    if (leader !== null) partition.leaders.set(leaderEpoch, leader);
    partition.leaderEpoch.set(e, Math.max(partition.leaderEpoch.last, leaderEpoch));
    partition.touched.push(e);
  }

  private cut(e: number, row: Row, partition: Partition, node: number, isRecovery: boolean): void {
    const replica = this.replica(e, partition, node);
    const to = Number(row('log_end_offset'));
    const from = isRecovery ? replica.end.last : Number(row('from'));
    const leftover = isRecovery ? replica.leftover : null;
    truncate(replica, e, to);
    if (this.state.run.head.logs) setEnd(replica, e, to);
    // Where nothing is left, the log may begin anew somewhere else than before.
    if ((replica.batches.length === 0 && replica.origin !== to) || (!isRecovery && to > from)) reset(replica, e, to);
    if (leftover) {
      replica.leftover = null;
      // What a failing disk refused may stand in the file all the same.
      if (leftover.end === to && replica.end.last === leftover.base) append(replica, e, leftover);
    }
    if (isRecovery) replica.start.set(e, Number(row('log_start_offset')));
    const highWatermark = isRecovery ? Number(row('high_watermark')) : replica.highWatermark.last;
    replica.highWatermark.set(e, Math.min(highWatermark, to));
    if (!isRecovery || this.state.run.knows(partition, e)) replica.cuts.push({ event: e, to, from, isRecovery });
    partition.touched.push(e);
  }
}

// Has `to` be what `from` was last.
function move(event: number, from: Partition, to: Partition): void {
  const take = (into: Steps<unknown>[], out: Steps<unknown>[]) => into.forEach((steps, n) => steps.set(event, out[n]!.last));
  const steps = (it: Partition): Steps<unknown>[] => [it.state, it.decided, it.leaderEpoch, it.trueHighWatermark];
  const stepsOf = (it: Replica): Steps<unknown>[] =>
    [it.present, it.loaded, it.end, it.highWatermark, it.start, it.role, it.runs, it.latestEpoch];
  take(steps(to), steps(from));
  for (const its of from.replicas.values()) {
    const replica = to.replicas.get(its.node) ?? new Replica(its.node);
    to.replicas.set(its.node, replica);
    take(stepsOf(replica), stepsOf(its));
    const known = replica.appended.at(-1)?.event ?? -1;
    for (const batch of its.appended) if (batch.event > known) replica.appended.push(batch);
    replica.batches = its.batches;
    replica.origin = its.origin;
    replica.leftover = its.leftover;
  }
}

function append(replica: Replica, event: number, batch: Batch): void {
  replica.batches.push(batch);
  replica.appended.push(batch.event === event ? batch : { ...batch, event });
  replica.end.set(event, batch.end);
  const runs = replica.runs.last;
  if (runs.length === 0 || runs[runs.length - 1]!.epoch !== batch.epoch) {
    replica.runs.set(event, [...runs, { epoch: batch.epoch, start: batch.base }]);
  }
}

// Cuts whole batches; one that reaches beyond `to` goes as a whole.
function truncate(replica: Replica, event: number, to: number): void {
  const { batches } = replica;
  while (batches.length > 0 && batches[batches.length - 1]!.end > to) batches.pop();
  const end = batches.length > 0 ? batches[batches.length - 1]!.end : Math.min(replica.origin, to);
  setEnd(replica, event, end);
  replica.start.set(event, Math.min(replica.start.last, end));
}

function reset(replica: Replica, event: number, origin: number): void {
  replica.batches = [];
  replica.origin = origin;
  replica.end.set(event, origin);
  replica.start.set(event, origin);
  replica.runs.set(event, []);
}

function setEnd(replica: Replica, event: number, end: number): void {
  replica.end.set(event, end);
  const runs = replica.runs.last;
  const kept = runs.filter((run) => run.start < end);
  if (kept.length !== runs.length) replica.runs.set(event, kept);
}

const DELETED_BY_RULE = new Set(['retention-bytes', 'retention-ms', 'delete-records']);

// What a follower deletes counts where the leader has it.
function deleteByRule(partition: Partition, replica: Replica, start: number): void {
  const epoch = partition.leaderEpoch.last;
  const leads = ({ role }: Replica): boolean => role.last?.role === 'leader' && role.last.leaderEpoch === epoch;
  const leader = [...partition.replicas.values()].find(leads) ?? replica;
  const stands = leader === replica ? null : new Map(leader.batches.map(({ base, batch }) => [base, batch]));
  for (const { base, end, batch } of replica.batches) {
    if (base >= start) break;
    if (end > replica.start.last && (!stands || stands.get(base) === batch)) partition.deleted.add(batch);
  }
}

function deleteBelow(replica: Replica, origin: number): void {
  if (origin <= replica.origin) return;
  replica.batches = replica.batches.filter((batch) => batch.base >= origin);
  replica.origin = origin;
}

function forget(replica: Replica, event: number): void {
  replica.present.set(event, false);
  replica.loaded.set(event, false);
  replica.role.set(event, null);
  reset(replica, event, 0);
  replica.highWatermark.set(event, 0);
  replica.latestEpoch.set(event, null);
  replica.leftover = null;
}
