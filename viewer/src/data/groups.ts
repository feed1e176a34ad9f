// Consumer groups: who believes when that it owns which partition, and how far the group came.

import type { Raw } from './columns';
import type { Partition, State } from './state';
import { Steps } from './steps';

// A member owned a partition from one event to another; -1 where it still does at the end.
export interface Span { host: number; from: number; to: number; epoch: number }

export interface Owned {
  partition: Partition;
  spans: Span[];
  // Where two members believed at once that they own it.
  overlaps: { from: number; to: number }[];
  committed: Steps<number>;
  // Behind the last record that an application has processed.
  processed: Steps<number>;
}

export interface Group {
  name: string;
  // As a group type: classic or consumer; it may go from one to the other.
  protocol: Steps<string>;
  epoch: Steps<number>;
  state: Steps<string>;
  members: Steps<number>;
  coordinator: Steps<number>;
  // What each host takes itself for.
  membership: Map<number, Steps<string>>;
  // And in which generation or epoch.
  epochs: Map<number, Steps<number>>;
  partitions: Map<Partition, Owned>;
}

// Whether any group has members or offsets: one that only has a coordinator has nothing to show.
export function hasGroups(state: State): boolean {
  const kinds = ['member-state-entered', 'partition-taken', 'partition-given-up', 'offset-committed', 'offset-removed', 'processed'];
  return kinds.some((name) => (state.run.columns.kind(name)?.count ?? 0) > 0);
}

// What a count of its epochs is called.
export function epochWord(protocol: string): string {
  return protocol === 'classic' ? 'generation' : 'epoch';
}

// Where a process stands that does not run, and where those do that are members.
const GONE = ['', 'down'];
const MEMBERS = ['preparing-rebalance', 'completing-rebalance', 'joining', 'reconciling', 'acknowledging', 'stable'];

const gathered = new WeakMap<State, Group[]>();

// All groups, by name; gathered when they are asked for the first time.
export function groupsOf(state: State): Group[] {
  let found = gathered.get(state);
  if (!found) gathered.set(state, found = gather(state));
  return found;
}

function gather(state: State): Group[] {
  const { run } = state;
  const { columns } = run;
  const groups = new Map<string, Group>();
  const open = new Map<number, Span[]>();
  const of = (name: Raw): Group => {
    const text = String(name);
    let found = groups.get(text);
    if (!found) {
      found = {
        name: text, protocol: new Steps(''), epoch: new Steps(0), state: new Steps(''), members: new Steps(0), coordinator: new Steps(-1),
        membership: new Map(), epochs: new Map(), partitions: new Map(),
      };
      groups.set(text, found);
    }
    return found;
  };
  const owned = (group: Group, id: number): Owned => {
    const partition = state.partition(id);
    let found = group.partitions.get(partition);
    if (!found) {
      found = { partition, spans: [], overlaps: [], committed: new Steps(-1), processed: new Steps(-1) };
      group.partitions.set(partition, found);
    }
    return found;
  };
  const end = (event: number, host: number, isOf: (span: Span) => boolean): void => {
    const spans = open.get(host) ?? [];
    for (const span of spans) if (isOf(span)) span.to = event;
    open.set(host, spans.filter((span) => span.to < 0));
  };
  // Kinds in the order of events, each with what it does.
  type Handler = (event: number, get: (field: string) => Raw, id: number, host: number) => void;
  const handlers: Record<string, Handler> = {
    'group-epoch-began': (e, get) => {
      const group = of(get('group'));
      group.epoch.set(e, Number(get('epoch')));
      group.members.set(e, Number(get('members')));
      group.protocol.set(e, run.word('group-epoch-began', 'protocol', get('protocol')));
    },
    'group-state-changed': (e, get) => {
      const group = of(get('group'));
      group.state.set(e, run.word('group-state-changed', 'state', get('state')));
      group.members.set(e, Number(get('members')));
    },
    'coordinator-found': (e, get) => of(get('group')).coordinator.set(e, Number(get('coordinator'))),
    'offset-committed': (e, get, id) => owned(of(get('group')), id).committed.set(e, Number(get('offset'))),
    'offset-removed': (e, get, id) => owned(of(get('group')), id).committed.set(e, -1),
    'member-state-entered': (e, get, _, host) => {
      const { membership, epochs } = of(get('group'));
      let steps = membership.get(host);
      if (!steps) {
        membership.set(host, steps = new Steps(''));
        epochs.set(host, new Steps(0));
      }
      steps.set(e, run.word('member-state-entered', 'state', get('state')));
      epochs.get(host)!.set(e, Number(get('epoch')));
    },
    'partition-taken': (e, get, id, host) => {
      const into = owned(of(get('group')), id);
      const span = { host, from: e, to: -1, epoch: Number(get('epoch')) };
      end(e, host, (one) => into.spans.includes(one));
      into.spans.push(span);
      const spans = open.get(host);
      if (spans) spans.push(span);
      else open.set(host, [span]);
    },
    'partition-given-up': (e, get, id, host) => {
      const { spans } = owned(of(get('group')), id);
      end(e, host, (one) => spans.includes(one));
    },
    'processed': (e, get, id) => owned(of(get('group')), id).processed.set(e, Number(get('base_offset')) + Number(get('records'))),
    'host-stopped': (e, _, __, host) => {
      end(e, host, () => true);
      for (const { membership } of groups.values()) membership.get(host)?.set(e, 'down');
    },
  };
  const events: [number, Handler, (field: string) => Raw, number][] = [];
  for (const [name, handler] of Object.entries(handlers)) {
    const kind = columns.kind(name);
    if (!kind) continue;
    const ids = kind.has('partition') ? run.partitionColumn(name) : null;
    for (let row = 0; row < kind.count; row++) events.push([kind.events[row]!, handler, (field) => kind.field(field).get(row), ids ? ids[row]! : -1]);
  }
  events.sort((a, b) => a[0] - b[0]);
  for (const [event, handler, get, id] of events) handler(event, get, id, columns.host[event]!);
  for (const group of groups.values()) for (const one of group.partitions.values()) one.overlaps = overlapping(one.spans);
  return [...groups.values()].filter((group) => group.partitions.size > 0 || group.membership.size > 0).sort((a, b) => (a.name < b.name ? -1 : 1));
}

// What `kafsim state` has of each group: members, their states and epochs, how many partitions one
// owns, and several.
export function groupRows(state: State, event: number): string[][] {
  const groups = new Map(groupsOf(state).map((group) => [group.name, group]));
  const isThere = (group: Group): boolean => [...group.membership.values()].some((steps) => !GONE.includes(steps.at(event)));
  const names = [...state.run.head.setup.groups.map(({ name }) => name), ...[...groups.values()].filter(isThere).map(({ name }) => name)];
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : 1)).map((name) => {
    const group = groups.get(name);
    const states = [...(group?.membership ?? [])].map(([host, steps]): [string, number] => [steps.at(event), group!.epochs.get(host)!.at(event)])
      .filter(([stands]) => !GONE.includes(stands));
    const members = states.filter(([stands]) => MEMBERS.includes(stands));
    const owners = [...(group?.partitions.values() ?? [])].map(({ spans }) => spans.filter(({ from, to }) => from <= event && (to < 0 || to > event)).length);
    const once = (all: (string | number)[]): string => [...new Set(all)].join(',') || '-';
    return [name, String(members.length), once(states.map(([stands]) => stands).sort()), once(members.map(([, epoch]) => epoch).filter((epoch) => epoch > 0).sort((a, b) => a - b)),
      String(owners.filter((count) => count > 0).length), String(owners.filter((count) => count > 1).length)];
  });
}

function overlapping(spans: Span[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  let last: Span | null = null;
  for (const span of spans) {
    if (last && last.host !== span.host && (last.to < 0 || last.to > span.from)) {
      const to = last.to < 0 ? span.to : span.to < 0 ? last.to : Math.min(last.to, span.to);
      found.push({ from: span.from, to });
    }
    if (!last || last.to >= 0 && (span.to < 0 || span.to > last.to)) last = span;
  }
  return found;
}
