// What a newcomer should see of a run: the events at which something changed that matters, each
// with a sentence.

import { epochWord, hasGroups } from './groups';
import { many } from './steps';
import { seconds, type Explanation, type Run } from './run';
import type { Partition, State } from './state';

export type Tone = 'bad' | 'fault' | 'good' | 'change' | 'phase';

export interface Incident {
  event: number;
  tone: Tone;
  text: string;
  // The partition that it is about, if it is about one.
  partition: Partition | null;
  host: number;
  // It says that a property is violated.
  isVerdict?: boolean;
}

export interface Violation {
  event: number; property: string; sentence: string; expect: string; evidence: number[]; count: number;
  // Why it was not to be expected to hold.
  excuse: string | null;
}

export function names(run: Run, hosts: number[]): string {
  const named = hosts.map((host) => run.hostName(host));
  if (named.length <= 3) return named.join(', ');
  return `${named.slice(0, 2).join(', ')} and ${named.length - 2} more`;
}

const set = (nodes: number[]): string => `[${nodes.join(',')}]`;

// The sides that a fault makes of its hosts.
export function sides(hosts: number[], groups: number[]): number[][] {
  const rest = [...hosts];
  const found = groups.map((size) => rest.splice(0, size)).filter((side) => side.length > 0);
  return found.length > 0 ? found : [hosts];
}

// What the fault did, as kafsim says it, else its kind and its sides.
export function faultText(run: Run, fault: { verb: string; hosts: number[]; groups: number[]; begin: number }): string {
  return run.head.faults?.[String(fault.begin)] ??
    `${fault.verb} of ${sides(fault.hosts, fault.groups).map((side) => names(run, side)).join(' | ') || 'the cluster'}`;
}

// What is so from its end on, as kafsim says it.
function endText(run: Run, fault: { end: number }): string {
  const told = run.head.faults?.[String(fault.end)];
  return told ? `: ${told}` : '';
}

export function violations(run: Run): Violation[] {
  const found: Violation[] = [];
  for (const { property, expect, verdict } of run.head.verdicts) {
    const { violation } = verdict;
    if (!violation) continue;
    const evidence = violation.evidence.filter((event) => event >= 0 && event < run.count);
    found.push({
      event: evidence[evidence.length - 1] ?? run.count - 1, property, expect,
      sentence: violation.sentence, evidence, count: verdict.violations,
      excuse: verdict.result === 'outside-premise' ? verdict.because ?? null : null,
    });
  }
  // Of several at once the one that is explained first leads.
  const explained = (one: Violation): number => (run.head.explanations?.findIndex((other) => other.property === one.property) ?? 0) >>> 0;
  return found.sort((a, b) => a.event - b.event || explained(a) - explained(b));
}

// Whether what is to be seen first is a group: the first violation is about one, or nothing is
// violated and there is one.
export function isAboutGroups(state: State): boolean {
  const { run } = state;
  const first = run.head.explanations?.[0]?.property || violations(run)[0]?.property;
  if (!first) return hasGroups(state);
  return run.head.verdicts.find(({ property }) => property === first)?.verdict.violation?.subject?.kind === 'group' && hasGroups(state);
}

export function story(state: State): Incident[] {
  const { run } = state;
  const found: Incident[] = [];
  const add = (event: number, tone: Tone, text: string, partition: Partition | null = null, host = -1) => {
    found.push({ event, tone, text, partition, host });
  };
  const zero = run.eventAt(-1) + 1;
  for (const [n, event] of state.phase.events.entries()) {
    const phase = state.phase.values[n];
    const text = phase === 'form' ? 'The cluster forms'
      : phase === 'act' ? 'Time zero: clients and faults begin'
      : phase === 'heal' ? 'Healing begins: all faults end'
      : phase === 'settle' ? 'Everything must converge and serve' : 'The audit: what is real is compared with the record';
    add(event, 'phase', text);
  }
  for (const fault of state.faults) {
    add(fault.begin, 'fault', `Fault ${fault.id + 1}: ${faultText(run, fault)}`, null, fault.hosts[0] ?? -1);
    if (fault.end > fault.begin) add(fault.end, 'good', `Fault ${fault.id + 1} ends${endText(run, fault)}`, null, fault.hosts[0] ?? -1);
  }
  for (const host of run.hosts) {
    const steps = state.hosts[host.id]!;
    for (const [n, event] of steps.running.events.entries()) {
      if (event < zero || n === 0) continue;
      // A fault that ends a process says so itself.
      const isTold = state.faults.some((fault) => fault.hosts.includes(host.id) && run.moment(fault.begin) === run.moment(event));
      if (isTold && !steps.running.values[n]) continue;
      if (steps.running.values[n]) add(event, 'good', `${host.name} starts again`, null, host.id);
      else add(event, 'fault', `The process of ${host.name} ends`, null, host.id);
    }
  }
  for (const [node, steps] of state.registrations) {
    for (const [n, event] of steps.events.entries()) {
      if (event < zero) continue;
      const [before, now] = [steps.values[n - 1] ?? null, steps.values[n]];
      const host = run.node(node)?.id ?? -1;
      if (!now) add(event, 'bad', `broker ${node} is unregistered`, null, host);
      else if (now.fenced && before && !before.fenced) add(event, 'bad', `broker ${node} is fenced`, null, host);
      else if (!now.fenced && before?.fenced) add(event, 'good', `broker ${node} is unfenced`, null, host);
    }
  }
  for (const [n, event] of state.active.events.entries()) {
    const active = state.active.values[n];
    if (event < zero) continue;
    const host = active ? run.node(active.node)?.id ?? -1 : -1;
    if (active) add(event, 'change', `${run.hostName(host)} becomes the active controller, epoch ${active.epoch}`, null, host);
    else add(event, 'bad', 'There is no active controller', null, -1);
  }
  for (const partition of state.shown) {
    const { events, values } = partition.state;
    for (const [n, event] of events.entries()) {
      const [before, now] = [values[n - 1], values[n]!];
      if (!now || !before || event < zero) continue;
      if (now.leader !== before.leader || now.leaderEpoch !== before.leaderEpoch) {
        const unclean = partition.decided.at(event);
        const isUnclean = now.leader !== null && !before.inSync.includes(now.leader) && !before.eligible.includes(now.leader);
        const after = before.leader === null ? '' : ` after broker ${before.leader}`;
        if (now.leader === null) add(event, 'bad', `${partition.name} has no leader`, partition);
        else if (isUnclean || (unclean?.unclean && unclean.leaderEpoch === now.leaderEpoch)) {
          add(event, 'bad', `${partition.name}: broker ${now.leader} is elected, uncleanly${after}, epoch ${now.leaderEpoch}`, partition);
        } else if (now.leader !== before.leader) {
          add(event, 'change', `${partition.name}: broker ${now.leader} is elected${after}, epoch ${now.leaderEpoch}`, partition);
        }
      }
      if (set(now.inSync) !== set(before.inSync)) {
        const tone = now.inSync.length < before.inSync.length ? 'bad' : 'good';
        add(event, tone, `${partition.name}: in-sync set ${set(before.inSync)} becomes ${set(now.inSync)}`, partition);
      }
    }
    for (const replica of partition.replicas.values()) {
      for (const cut of replica.cuts) {
        if (cut.event < zero || cut.to >= cut.from) continue;
        const lost = cut.from - cut.to;
        const what = lost === 1 ? 'a record' : `${many(lost)} records`;
        const how = run.kindName(cut.event) === 'durable-end' ? 'loses, with its power, ' : 'throws away ';
        add(cut.event, 'bad', `broker ${replica.node} ${how}${what} of ${partition.name}: its log ends at ${cut.to} instead of ${cut.from}`, partition, run.node(replica.node)?.id ?? -1);
      }
    }
  }
  groups(run, zero, add);
  for (const violation of violations(run)) {
    add(violation.event, 'bad', `${violation.property} is violated: ${violation.sentence}`);
    found[found.length - 1]!.isVerdict = true;
  }
  return found.sort((a, b) => a.event - b.event);
}

// Incidents of one moment and one kind told together: "orders-0, orders-1 and 4 more: ...".
export interface Told { incidents: Incident[]; event: number; tone: Tone; text: string; time: string }

export function told(run: Run, incidents: Incident[]): Told[] {
  const found: Told[] = [];
  for (const incident of incidents) {
    const rest = (one: Incident): string => (one.partition ? one.text.replace(one.partition.name, '').replace(/, epoch \d+$/, '') : one.text);
    let last: Told | undefined;
    for (let n = found.length - 1; n >= Math.max(0, found.length - 12) && incident.partition; n--) {
      const one = found[n]!;
      if (run.moment(incident.event) - run.moment(one.event) >= 60_000) break;
      if (one.incidents[0]!.partition && one.tone === incident.tone && rest(incident) === rest(one.incidents[0]!)) last = one;
    }
    if (last) {
      last.incidents.push(incident);
      const partitions = [...new Set(last.incidents.map((one) => one.partition!.name))];
      const who = partitions.length <= 2 ? partitions.join(', ') : `${partitions.slice(0, 2).join(', ')} and ${partitions.length - 2} more`;
      last.text = `${who}${rest(incident)}`;
    } else {
      found.push({ incidents: [incident], event: incident.event, tone: incident.tone, text: incident.text, time: seconds(run.moment(incident.event)) });
    }
  }
  return found;
}

type Add = (event: number, tone: Tone, text: string, partition?: Partition | null, host?: number) => void;

// Generations that began, and members that are no longer counted. Of many, as when sixty members
// come one by one, each is no news.
function groups(run: Run, zero: number, add: Add): void {
  const began = run.columns.kind('group-epoch-began');
  if (began && began.count <= 40) {
    const was = new Map<string, string>();
    for (let row = 0; row < began.count; row++) {
      const event = began.events[row]!;
      const get = (field: string): string => String(began.field(field).get(row));
      const [group, members, protocol] = [get('group'), Number(get('members')), run.word('group-epoch-began', 'protocol', began.field('protocol').get(row))];
      const before = was.get(group) ?? protocol;
      was.set(group, protocol);
      const turned = before === protocol ? '' : ` turns from the ${before} protocol to the ${protocol} protocol,`;
      if (event >= zero) add(event, 'change', `${group}:${turned} ${epochWord(protocol)} ${get('epoch')} begins with ${members === 1 ? 'a member' : `${members} members`}`);
    }
  }
  const left = run.columns.kind('member-left');
  if (left && left.count <= 40) {
    for (let row = 0; row < left.count; row++) {
      const event = left.events[row]!;
      if (event >= zero) add(event, 'fault', `${String(left.field('group').get(row))} loses a member: ${run.word('member-left', 'because', left.field('because').get(row))}`);
    }
  }
}

// What stands over what is said of each replica: the words of `kafsim explain`.
export function whyHeading({ property, picture, why_not }: Explanation): string {
  if (['log-matching', 'raft-log-matching', 'epoch-offset-unique'].includes(property)) return 'Who has what';
  const isLack = typeof picture?.from === 'number' && why_not.every(({ text }) => /^it (had |never had)/.test(text));
  return isLack ? 'Why they do not have it' : 'Where they stand';
}
