// What all panes share: the run, the cursor, the selection, and when to draw.
//
// The cursor is an event, not a time: tens of events share one microsecond.

import { Filter } from '../data/filter';
import { History } from '../data/history';
import { TIME_ZERO, type Explanation, type Note, type Picture, type Run } from '../data/run';
import { State, type Partition } from '../data/state';
import { upTo } from '../data/steps';
import { isAboutGroups, story, told, violations, type Incident, type Told, type Violation } from '../data/story';
import { colorsOf, type Colors } from './colors';
import { fail } from './fail';

export interface Pane {
  // Draws what the app says now.
  draw(): void;
}

export interface Seen { event: number; time: number; text: string }

export type Change = 'cursor' | 'selection' | 'window' | 'filter' | 'theme' | 'notes' | 'tab';

export const SPEEDS: [string, number][] = [
  ['adaptive', 0], ['0.001x', 0.001], ['0.01x', 0.01], ['0.1x', 0.1], ['0.5x', 0.5], ['1x', 1], ['2x', 2], ['5x', 5],
];

export class App {
  readonly state: State;
  readonly history: History;
  readonly incidents: Incident[];
  told: Told[] = [];
  violations: Violation[] = [];
  incidentEvents: number[] = [];
  // While the reader of a lesson is to find out why.
  isRiddle = false;
  readonly panes: Pane[] = [];
  readonly listeners: ((change: Change) => void)[] = [];
  cursor = 0;
  // Microseconds of the scenario's time; within a run of the player between two events.
  time = 0;
  partition: Partition | null = null;
  // What the timeline shows.
  from: number;
  to: number;
  filter: Filter;
  // The events that pass the filter; null for all.
  filtered: Uint32Array | null = null;
  colors: Colors = colorsOf('dark');
  theme = 'dark';
  // The tab that is open, and the one with which the page opens.
  tab: string;
  readonly firstTab: string;
  notes: Note[];
  isPlaying = false;
  speed = 0;
  hoverHost = -1;
  readonly isStill: boolean;
  // The run beside this one, which goes along with the one that is worked with.
  peer: App | null = null;
  isActive = true;
  // What this run of two is called.
  name = '';
  // Up to this event both runs are the same, event for event.
  split = -1;
  // The explanation that is read, and its logs.
  explanation: Explanation | null = null;
  picture: Picture | null = null;
  // An event that is shown in the list though the cursor is elsewhere.
  picked = -1;
  // Where the two runs are first seen to differ.
  seen: Seen | null = null;
  // Where the timeline begins and ends.
  begin: number;
  end: number;
  // Sets the filter and shows the list.
  showFilter: (text: string) => void = () => {};
  #isDue = false;
  #lastFrame = 0;
  frames: number[] = [];

  constructor(readonly run: Run, readonly place = 0) {
    this.begin = run.begin - TIME_ZERO;
    this.end = run.end - TIME_ZERO;
    this.state = new State(run);
    this.history = new History(this.state);
    this.incidents = story(this.state);
    this.setRiddle(run.head.lesson?.is_riddle === true);
    this.tab = this.firstTab = isAboutGroups(this.state) ? 'groups' : 'events';
    this.filter = Filter.read('', run);
    this.notes = [...(run.head.notes ?? [])];
    this.from = Math.min(run.begin - TIME_ZERO, 0);
    this.to = Math.max(run.end - TIME_ZERO, this.from + 1000);
    // Forming is ten seconds in which nothing is tried; the eye should not have to pass it.
    const act = this.state.phase.values.indexOf('act');
    if (act >= 0) this.from = Math.max(this.from, run.moment(this.state.phase.events[act]!) - 400_000);
    this.isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.explain(run.head.explanations?.[0] ?? null);
    this.partition = this.firstPartition();
    this.cursor = this.firstEvent();
    this.time = run.count > 0 ? run.moment(this.cursor) : 0;
  }

  setRiddle(isRiddle: boolean): void {
    this.isRiddle = isRiddle;
    this.told = told(this.run, this.incidents.filter((one) => !isRiddle || !one.isVerdict));
    this.violations = isRiddle ? [] : violations(this.run);
    this.incidentEvents = [...new Set(this.told.map((one) => one.event))];
  }

  get last(): number {
    return Math.max(0, this.run.count - 1);
  }

  // The id of an element: a second run has its own.
  id(name: string): string {
    return this.place === 0 ? name : `${name}-${this.place + 1}`;
  }

  // Sets a second run beside this one, on the same clock; they part at the event `split`.
  join(peer: App, split: number): void {
    for (const [one, other] of [[this, peer], [peer, this]] as const) {
      one.peer = other;
      one.split = split;
    }
    const [begin, end] = [Math.min(this.begin, peer.begin), Math.max(this.end, peer.end)];
    // The first line of the two stories that is not the same.
    const most = Math.max(this.told.length, peer.told.length);
    for (let n = 0; n < most && !this.seen; n++) {
      const [a, b] = [this.tell(n), peer.tell(n)];
      if (a.time !== b.time || a.text !== b.text) [this.seen, peer.seen] = [a, b];
    }
    for (const one of [this, peer]) {
      [one.begin, one.end] = [begin, end];
      one.name = this.run.head.lesson?.runs?.[one.place] ?? `run ${one.place + 1}`;
    }
    this.activate();
  }

  private tell(n: number): Seen {
    const event = this.told[n]?.event ?? this.last;
    return { event, time: this.run.count > 0 ? this.run.moment(event) : 0, text: this.told[n]?.text ?? 'the end of the run' };
  }

  // From here on this run is the one that is worked with.
  activate(): void {
    this.isActive = true;
    if (!this.peer) return;
    this.peer.isActive = false;
    this.peer.isPlaying = false;
    document.documentElement.dataset['run'] = String(this.place);
    this.setTab(this.peer.tab);
    this.emit('cursor');
  }

  // Goes where the other run is: to the same event while they are the same, else to its moment.
  private follow(lead: App, change: Change): void {
    this.time = lead.time;
    this.cursor = lead.cursor < lead.split ? Math.min(this.last, lead.cursor) : this.twin(lead) ?? this.run.eventAt(lead.time);
    [this.from, this.to] = [lead.from, lead.to];
    const { partition } = lead;
    this.partition = this.state.named(partition?.name) ?? this.partition;
    if (change === 'theme') [this.theme, this.colors] = [lead.theme, lead.colors];
    if (change === 'cursor' || change === 'theme') for (const listener of this.listeners) listener(change);
    this.due();
  }

  // The event here that is like the one at which the other run stands: of its moment, kind and host,
  // and the same one of several.
  private twin(lead: App): number | null {
    const [theirs, ours] = [lead.run.columns, this.run.columns];
    const { cursor } = lead;
    const at = theirs.at[cursor]!;
    if (lead.run.moment(cursor) !== lead.time) return null;
    let nth = 0;
    for (let e = cursor - 1; e >= 0 && theirs.at[e] === at; e--) {
      if (theirs.kindOf[e] === theirs.kindOf[cursor] && theirs.host[e] === theirs.host[cursor]) nth++;
    }
    for (let e = this.run.eventAt(lead.time); e >= 0 && ours.at[e] === at; e--) {
      let rank = 0;
      if (ours.kindOf[e] !== theirs.kindOf[cursor] || ours.host[e] !== theirs.host[cursor]) continue;
      for (let k = e - 1; k >= 0 && ours.at[k] === at; k--) if (ours.kindOf[k] === ours.kindOf[e] && ours.host[k] === ours.host[e]) rank++;
      if (rank === nth) return e;
    }
    return null;
  }

  private explain(explanation: Explanation | null): void {
    this.explanation = explanation;
    this.picture = explanation?.picture ?? null;
  }

  // Reads another explanation, at its moment and with its partition. The other run has that of the same
  // property, if it violates it too.
  read(explanation: Explanation): void {
    this.lead();
    this.explain(explanation);
    const same = this.peer?.run.head.explanations?.find(({ property }) => property === explanation.property);
    if (same) this.peer!.explain(same);
    this.partition = this.aboutOf(explanation.property, explanation.picture) ?? this.partition;
    if (explanation.event !== null && explanation.event < this.run.count) this.go(explanation.event);
    else this.emit('selection');
  }

  // The partition that a violation is about.
  private aboutOf(property: string, picture: Picture | null): Partition | null {
    const pictured = this.state.named(picture?.partition);
    if (pictured) return pictured;
    const violation = this.violations.find((one) => one.property === property);
    if (!violation) return null;
    return this.state.shown.find((partition) => new RegExp(`\\b${escape(partition.name)}\\b`).test(violation.sentence)) ??
      violation.evidence.map((event) => this.partitionOf(event)).find((partition) => partition !== null) ?? null;
  }

  // The partition that the first violation is about, or the one whose leader and in-sync set changed
  // most, as `kafsim timeline` chooses.
  private firstPartition(): Partition | null {
    const { shown } = this.state;
    const first = this.run.head.explanations?.[0];
    const about = [...(first ? [{ property: first.property, picture: first.picture }] : []), ...this.violations.map(({ property }) => ({ property, picture: null }))];
    for (const { property, picture } of about) {
      const partition = this.aboutOf(property, picture);
      if (partition) return partition;
    }
    const changes = ({ state: { values } }: Partition): number => values.reduce((sum, now, n) => {
      const before = values[n - 1];
      return now && before ? sum + (now.leader === before.leader ? 0 : 1e6) + (String(now.inSync) === String(before.inSync) ? 0 : 1) : sum;
    }, 0);
    return shown.reduce<Partition | null>((best, one) => (best === null || changes(one) > changes(best) ? one : best), null);
  }

  private firstEvent(): number {
    // A lesson begins with its first note, and not with its end.
    const first = this.run.head.lesson?.notes[0]?.event ?? this.run.head.explanations?.[0]?.event ?? this.violations[0]?.event ?? this.state.faults[0]?.begin;
    if (first !== undefined && first >= 0 && first < this.run.count) return first;
    const act = this.state.phase.values.indexOf('act');
    return act >= 0 ? this.state.phase.events[act]! : 0;
  }

  partitionOf(event: number): Partition | null {
    const id = this.run.partitionOf(event);
    if (id < 0 || this.run.partitions[id]!.isMetadata) return null;
    return this.state.partition(id);
  }

  emit(change: Change): void {
    for (const listener of this.listeners) listener(change);
    this.due();
    if (this.isActive) this.peer?.follow(this, change);
  }

  // Asks for a frame.
  due(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame((now) => {
      this.#isDue = false;
      try {
        this.advance(now);
        this.draw();
      } catch (error) {
        // A column that nobody looked at before may turn out not to read.
        fail(error);
        return;
      }
      if (this.isPlaying) this.due();
    });
  }

  // Draws everything now; says how many milliseconds it took.
  draw(): number {
    const begin = performance.now();
    for (const pane of this.panes) pane.draw();
    return performance.now() - begin;
  }

  go(event: number, options: { follow?: boolean; keepPlaying?: boolean } = {}): void {
    this.lead();
    const to = Math.min(this.last, Math.max(0, Math.round(event) || 0));
    if (!options.keepPlaying) this.isPlaying = false;
    this.cursor = to;
    this.picked = -1;
    this.time = this.run.count > 0 ? this.run.moment(to) : 0;
    if (options.follow) {
      const partition = this.partitionOf(to);
      if (partition) this.partition = partition;
    }
    this.reveal();
    this.emit('cursor');
  }

  // Whatever is done to one of two runs makes it the one that is worked with.
  private lead(): void {
    if (!this.isActive) this.activate();
  }

  // Shows `event` in the list, without going there.
  pick(event: number): void {
    this.picked = Math.min(this.last, Math.max(0, Math.round(event) || 0));
    this.emit('selection');
  }

  goTime(time: number): void {
    this.lead();
    this.picked = -1;
    this.isPlaying = false;
    this.time = Math.min(this.end, Math.max(this.begin, time));
    this.cursor = this.run.eventAt(this.time);
    this.reveal();
    this.emit('cursor');
  }

  select(partition: Partition | null): void {
    this.lead();
    this.partition = partition;
    this.emit('selection');
  }

  // Moves the timeline's window so that the cursor is in it.
  private reveal(): void {
    const span = this.to - this.from;
    if (this.time >= this.from && this.time <= this.to) return;
    this.zoom(this.time - span / 2, this.time + span / 2);
  }

  zoom(from: number, to: number): void {
    this.lead();
    const [least, most] = [50, this.end - this.begin];
    const span = Math.min(Math.max(to - from, least), Math.max(most, least));
    const middle = (from + to) / 2;
    this.from = Math.max(this.begin, Math.min(middle - span / 2, this.end - span));
    this.to = this.from + span;
    this.emit('window');
  }

  // Event by event within what the list shows.
  step(by: 1 | -1): void {
    const list = this.filtered;
    if (!list) {
      this.go(this.cursor + by);
      return;
    }
    const place = by > 0 ? upTo(list, this.cursor) : upTo(list, this.cursor - 1) - 1;
    if (place >= 0 && place < list.length) this.go(list[place]!);
  }

  stepIn(list: ArrayLike<number>, by: 1 | -1, follow = false): boolean {
    const place = by > 0 ? upTo(list, this.cursor) : upTo(list, this.cursor - 1) - 1;
    if (place < 0 || place >= list.length) return false;
    this.go(list[place]!, { follow });
    return true;
  }

  stepIncident(by: 1 | -1): void {
    if (!this.stepIn(this.incidentEvents, by, true)) this.go(by > 0 ? this.last : 0);
  }

  stepCause(by: 1 | -1): void {
    const { cause } = this.run.columns;
    if (by < 0) {
      if (cause[this.cursor]! >= 0) this.go(cause[this.cursor]!);
      return;
    }
    const children = this.children(this.cursor, 1);
    if (children.length > 0) this.go(children[0]!);
  }

  // The first events that `event` caused.
  children(event: number, most: number): number[] {
    const { cause, count } = this.run.columns;
    if (!this.#first) {
      this.#first = new Int32Array(count).fill(-1);
      this.#next = new Int32Array(count).fill(-1);
      for (let e = count - 1; e >= 0; e--) {
        const parent = cause[e]!;
        if (parent < 0) continue;
        this.#next[e] = this.#first[parent]!;
        this.#first[parent] = e;
      }
    }
    const found: number[] = [];
    for (let e = this.#first[event]!; e >= 0 && found.length < most; e = this.#next[e]!) found.push(e);
    return found;
  }

  // The first event that each caused, and the next one of the same cause; made when first asked.
  #first: Int32Array | null = null;
  #next = new Int32Array(0);

  play(isPlaying = !this.isPlaying): void {
    this.isPlaying = isPlaying;
    if (isPlaying && this.cursor >= this.last) this.go(this.run.eventAt(Math.max(0, this.from)), { keepPlaying: true });
    this.#lastFrame = 0;
    this.emit('cursor');
  }

  // Virtual seconds for each second of the wall, now.
  pace(): number {
    if (this.speed > 0) return this.speed;
    // Idle stretches pass quickly, what matters slowly.
    const events = this.incidentEvents;
    const place = upTo(events, this.cursor);
    const ahead = place < events.length ? this.run.moment(events[place]!) - this.time : Infinity;
    const behind = place > 0 ? this.time - this.run.moment(events[place - 1]!) : Infinity;
    const near = Math.min(ahead, behind * 2);
    return Math.min(2, Math.max(0.004, near / 600_000));
  }

  private advance(now: number): void {
    if (!this.isPlaying) return;
    if (this.#lastFrame > 0) {
      const wall = Math.min(now - this.#lastFrame, 100);
      this.frames.push(now - this.#lastFrame);
      if (this.frames.length > 600) this.frames.shift();
      this.time += wall * 1000 * this.pace();
      if (this.time >= this.end) {
        this.time = this.end;
        this.isPlaying = false;
      }
      this.cursor = this.run.eventAt(this.time);
      if (this.time > this.to) this.reveal();
      for (const listener of this.listeners) listener('cursor');
      this.peer?.follow(this, 'cursor');
    }
    this.#lastFrame = now;
  }

  setTheme(theme: string): void {
    this.theme = theme === 'light' ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = this.theme;
    this.colors = colorsOf(this.theme);
    this.emit('theme');
  }

  setTab(tab: string): void {
    this.tab = tab;
    this.emit('tab');
  }

  #search = 0;

  // Takes over a filter; says what is wrong with it, or nothing.
  setFilter(text: string): string {
    let filter: Filter;
    try {
      filter = Filter.read(text, this.run);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    this.filter = filter;
    const search = ++this.#search;
    if (filter.isEmpty) {
      this.filtered = null;
      this.emit('filter');
    } else {
      void filter.find(() => search !== this.#search).then((found) => {
        if (!found) return;
        this.filtered = found;
        this.emit('filter');
      });
    }
    return '';
  }
}

export function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
