// The state after an event as `kafsim state` prints it, letter by letter (docs/VIEWING.md): what
// a screen reader reads, what a person copies, and what the tests hold against kafsim's own.

import { groupRows } from './groups';
import { seconds } from './run';
import type { DecidedView, Partition, Replica, State } from './state';
import type { Steps } from './steps';

const NOTHING = '-';
// No line is longer, but for words that are.
const COLUMNS_MAX = 80;
// What Kafka keeps for itself.
const OFFSETS_TOPIC = '__consumer_offsets';

// Where a cell of a table that is too wide is broken: behind these; behind a hyphen if nothing else does.
const SOFT = /[^, ]*[, ]|[^, ]+/g;
const HARD = /[^, -]*[, -]|[^, -]+/g;

const length = (text: string): number => [...text].length;
const widest = (cells: string[]): number => Math.max(...cells.map((cell) => length(cell.trimEnd())));
const parts = (cell: string, ends: RegExp): string[] => cell.match(ends) ?? [''];

// A cell in lines of at most so many letters, as far as it can be broken.
function lines(cell: string, width: number): string[] {
  const out = [''];
  for (const part of parts(cell, widest(parts(cell, SOFT)) <= width ? SOFT : HARD)) {
    const line = out.at(-1)!;
    if (line === '' || length(line) + length(part.trimEnd()) <= width) out[out.length - 1] = line + part;
    else out.push(part);
  }
  return out.map((line) => line.trimEnd());
}

// Of what is widest, the last is broken first; a cell goes on below in its column.
function table(indent: string, head: string[], rows: string[][]): string {
  const column = (n: number): string[] => [head[n]!, ...rows.map((row) => row[n]!)];
  const widths = head.map((_, n) => widest(column(n)));
  let over = widths.reduce((sum, width) => sum + width + 2, indent.length - 2) - COLUMNS_MAX;
  for (const ends of [SOFT, HARD]) {
    const least = head.map((name, n) => Math.max(name.length, widest(column(n).slice(1).flatMap((cell) => parts(cell, ends)))));
    for (; over > 0; over--) {
      let n = -1;
      widths.forEach((width, m) => { if (width > least[m]! && (n < 0 || width >= widths[n]!)) n = m; });
      if (n < 0) break;
      widths[n]!--;
    }
  }
  const broken = rows.flatMap((row) => {
    const cells = row.map((cell, n) => lines(cell, widths[n]!));
    return Array.from({ length: Math.max(...cells.map((cell) => cell.length)) }, (_, at) => cells.map((cell) => cell[at] ?? ''));
  });
  const taken = head.map((name, n) => widest([name, ...broken.map((row) => row[n]!)]));
  return [head, ...broken].map((row) => `${(indent + row.map((cell, n) => cell.padEnd(taken[n]! + cell.length - length(cell))).join('  ')).trimEnd()}\n`).join('');
}

// Names with what they are, in a line; what it has no room for goes on below.
function pairs(indent: string, all: [string, string | number][]): string {
  const out: string[] = [];
  for (const [name, value] of all) {
    const pair = `${name}: ${value}`;
    const line = out.at(-1);
    if (line !== undefined && length(line) + 2 + length(pair) <= COLUMNS_MAX - indent.length) out[out.length - 1] = `${line}  ${pair}`;
    else out.push(...lines(pair, COLUMNS_MAX - indent.length));
  }
  return out.map((line) => `${indent}${line}\n`).join('');
}

const orNothing = (value: string | number | null | undefined): string =>
  value === null || value === undefined || value === '' ? NOTHING : String(value);
const list = (nodes: number[]): string => (nodes.length === 0 ? NOTHING : nodes.join(','));

export function status(state: State, host: number, event: number): string {
  const steps = state.hosts[host];
  if (!steps) return 'unknown';
  if (steps.running.at(event)) return steps.paused.at(event) ? 'paused' : 'up';
  return steps.running.index(event) < 0 ? 'new' : 'down';
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function topicAt(partition: Partition, event: number): string {
  return event >= partition.namedAt ? partition.topic : partition.topicKey.replace(/^0+(?=.)/, '');
}

function nodeStatus(state: State, node: number, event: number): string {
  const host = state.run.node(node);
  return host ? status(state, host.id, event) : 'unknown';
}

export function stateText(state: State, event: number): string {
  const phase = orNothing(state.phase.at(event));
  let text = `Event: e${state.run.number(event)}  Time: ${seconds(state.run.moment(event))}  Phase: ${phase}\n`;
  text += `\n${processes(state, event)}\n${faults(state, event)}\n${quorum(state, event)}`;
  const groups = groupRows(state, event);
  if (groups.length > 0) text += `\nGroups as their members see them; --group GROUP tells more.\n${table('', ['GROUP', 'MEMBERS', 'STATE', 'EPOCH', 'OWNED', 'TWICE'], groups)}`;
  const there = state.shown.filter((partition) => partition.state.at(event) !== null ||
    [...partition.replicas.values()].some((replica) => replica.present.at(event)));
  // A topic is named by its id until the event that names it.
  const name = (partition: Partition): string => topicAt(partition, event);
  there.sort((a, b) => order(name(a), name(b)) || order(a.topicKey, b.topicKey) || a.index - b.index);
  const isInternal = (partition: Partition): boolean => name(partition) === OFFSETS_TOPIC;
  for (const partition of there) if (!isInternal(partition)) text += `\n${partitionText(state, partition, event)}`;
  return text + internalText(state, there.filter(isInternal), event);
}

// How many partitions of __consumer_offsets there are and how they fare, then those that hold something.
function internalText(state: State, partitions: Partition[], event: number): string {
  if (partitions.length === 0) return '';
  const isEmpty = (partition: Partition): boolean => state.run.knows(partition, event) &&
    [...partition.replicas.values()].every((replica) => replica.end.at(event) === 0 ||
      !(replica.present.at(event) || partition.state.at(event)?.replicas.includes(replica.node)));
  const held = partitions.filter((partition) => !isEmpty(partition));
  const views = partitions.map((partition) => partition.state.at(event));
  const under = views.filter((view) => view && view.inSync.length < view.replicas.length).length;
  const unavailable = views.filter((view) => orNothing(view?.leader) === NOTHING).length;
  return `\nTopic: ${OFFSETS_TOPIC}  PartitionCount: ${partitions.length}\n  UnderReplicated: ${under}  ` +
    `Unavailable: ${unavailable}  Empty: ${partitions.length - held.length}\n` +
    held.map((partition) => `\n${partitionText(state, partition, event)}`).join('');
}

// The faults in force, by number.
function inForce(state: State, event: number) {
  return state.faultsAt(event).sort((a, b) => a.id - b.id);
}

function processes(state: State, event: number): string {
  const active = inForce(state, event);
  const rows = state.run.hosts.map((host) => {
    const steps = state.hosts[host.id]!;
    const known = host.role === 'broker' ? state.registrations.get(host.node)?.at(event) : null;
    const registration = !known ? null : known.fenced ? 'fenced' : known.shuttingDown ? 'shutting-down' : 'unfenced';
    const hit = active.filter((fault) => fault.hosts.includes(host.id)).map((fault) => fault.id + 1);
    const starts = steps.running.index(event) < 0 ? 0 : steps.incarnation.at(event) + 1;
    return [
      host.name, status(state, host.id, event), String(starts), orNothing(steps.lifecycle.at(event)),
      orNothing(registration), orNothing(known?.brokerEpoch), clock(steps.clock.at(event), steps.drift.at(event)),
      list(hit),
    ];
  });
  return table('', ['PROCESS', 'STATUS', 'STARTS', 'STATE', 'REGISTRATION', 'EPOCH', 'CLOCK', 'FAULTS'], rows);
}

function clock(jumped: number, drift: number): string {
  const parts: string[] = [];
  if (jumped !== 0) parts.push(`${jumped < 0 ? '' : '+'}${seconds(jumped)}s`);
  if (drift !== 0) parts.push(`${drift < 0 ? '' : '+'}${drift}ppm`);
  return parts.length === 0 ? NOTHING : parts.join(',');
}

function faults(state: State, event: number): string {
  const active = inForce(state, event);
  if (active.length === 0) return 'No fault is in force.\n';
  const rows = active.map((fault) => {
    const rest = fault.hosts.map((host) => state.run.hostName(host));
    const groups = fault.groups.map((size) => rest.splice(0, size).join(','));
    const bit = fault.bit >= 0 && fault.bit <= event ? 'yes' : 'no';
    return [String(fault.id + 1), fault.verb, seconds(state.run.moment(fault.begin)), bit, orNothing(fault.detail), groups.join(' | ')];
  });
  return table('', ['FAULT', 'KIND', 'SINCE', 'BIT', 'DETAIL', 'HOSTS'], rows);
}

function quorum(state: State, event: number): string {
  const active = state.active.at(event);
  const rows = [...state.run.controllers, ...state.run.brokers].map(({ node }) => {
    const member = state.members.get(node);
    const role = member?.role.at(event) ?? null;
    const vote = member?.vote.at(event) ?? null;
    const replica = state.metadata.replicas.get(node);
    const durable = member?.durableEnd.at(event) ?? -1;
    const applied = member?.applied.at(event) ?? -1;
    return [
      String(node), orNothing(role?.role), orNothing(role?.leaderEpoch), orNothing(role?.leader),
      vote ? `${vote.candidate}@${vote.epoch}` : NOTHING, String(replica?.start.at(event) ?? 0),
      orNothing(liveMark(replica, event)), String(replica?.end.at(event) ?? 0),
      durable < 0 ? NOTHING : String(durable), applied < 0 ? NOTHING : String(applied),
    ];
  });
  const head = ['NODE', 'ROLE', 'EPOCH', 'LEADER', 'VOTE', 'START', 'HW', 'LEO', 'DURABLE', 'APPLIED'];
  return `ActiveController: ${orNothing(active?.node)}  ControllerEpoch: ${orNothing(active?.epoch)}\n${table('', head, rows)}`;
}

// Whether what a controller wrote can still be committed after `event`: it is in charge as it was, or
// the record stands in a voter's log, who may be elected. What only brokers have they will cut.
function canBeCommitted(state: State, decided: DecidedView, event: number): boolean {
  const role = state.members.get(decided.controller)?.role.at(event);
  if (role?.role === 'leader' && role.leaderEpoch === decided.writtenIn) return true;
  return state.run.controllers.some(({ node }) =>
    state.metadata.replicas.get(node)?.batchAt(decided.offset, event)?.epoch === decided.writtenIn);
}

export function partitionText(state: State, partition: Partition, event: number): string {
  let text = `Topic: ${topicAt(partition, event)}  Partition: ${partition.index}`;
  const now = partition.state.at(event);
  const recovery = now?.recovering ? '  LeaderRecoveryState: RECOVERING' : '';
  const beside = !now ? '  not committed' :
    `  Leader: ${orNothing(now.leader)}  LeaderEpoch: ${now.leaderEpoch}  PartitionEpoch: ${now.partitionEpoch}${recovery}`;
  text += `${length(text + beside) > COLUMNS_MAX ? '\n' : ''}${beside}\n`;
  if (now) {
    text += pairs('  ', [['Replicas', list(now.replicas)], ['Isr', list(now.inSync)], ['Elr', list(now.eligible)],
      ['LastKnownElr', list(now.lastKnown)], ['MinIsr', now.minInSync]]);
  }
  const decided = partition.decided.at(event);
  if (decided && (!now || now.partitionEpoch < decided.partitionEpoch) && canBeCommitted(state, decided, event)) {
    text += `  Written, not committed: Leader: ${orNothing(decided.leader)}  LeaderEpoch: ${decided.leaderEpoch}  ` +
      `PartitionEpoch: ${decided.partitionEpoch}\n${pairs('    ', [['Isr', list(decided.inSync)], ['Elr', list(decided.eligible)]])}`;
  }
  const assigned = now?.replicas ?? [];
  const others = [...partition.replicas.values()]
    .filter((replica) => !assigned.includes(replica.node) && replica.present.at(event))
    .map((replica) => replica.node).sort((a, b) => a - b);
  const rows = [...assigned, ...others].map((node) => replicaRow(state, partition.replicas.get(node), node, event, state.run.knows(partition, event)));
  const head = ['BROKER', 'STATUS', 'ROLE', 'EPOCH', 'LEADER', 'LATEST', 'START', 'HW', 'LEO', 'ISR'];
  return text + table('  ', head, rows);
}

// The high watermark is nowhere but in the memory of a process that runs.
export const liveMark = (replica: Replica | undefined, event: number): number | null => (replica?.loaded.at(event) ? replica.highWatermark.at(event) : null);

// The in-sync set, and behind a plus those that the leader counts on besides.
function isrText(inSync: number[], maximal: number[]): string {
  const more = maximal.filter((node) => !inSync.includes(node));
  return list(inSync) + (more.length > 0 ? `+${list(more)}` : '');
}

function replicaRow(state: State, replica: Replica | undefined, node: number, event: number, isKnown: boolean): string[] {
  const offset = (steps: Steps<number> | undefined): string => (isKnown ? String(steps?.at(event) ?? 0) : '?');
  const role = replica?.role.at(event) ?? null;
  const leads = role?.role === 'leader' ? role : null;
  return [
    String(node), nodeStatus(state, node, event), orNothing(role?.role), orNothing(role?.leaderEpoch),
    orNothing(role?.leader), orNothing(replica?.latestEpoch.at(event)),
    offset(replica?.start), isKnown ? orNothing(liveMark(replica, event)) : '?', offset(replica?.end),
    leads ? isrText(leads.inSync, leads.maximal) : NOTHING,
  ];
}
