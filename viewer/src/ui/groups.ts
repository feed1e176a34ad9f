// Consumer groups: who owned which partition when, of one run or of two, and who its members are.

import { epochWord, groupsOf } from '../data/groups';
import type { Explanation } from '../data/run';
import { status } from '../data/text';
import type { App, Pane } from './app';
import { el } from './dom';
import { Owners } from './owners';

// The chart of a run, and what is told of its group.
interface Side { app: App; chart: Owners; facts: HTMLElement }

export class Groups implements Pane {
  readonly root: HTMLElement;
  private readonly sides: Side[];
  private readonly select: HTMLSelectElement;
  private readonly table: HTMLElement;
  private isGathered = false;
  private read: Explanation | null = null;

  constructor(private readonly app: App) {
    const select = el('select', { 'aria-label': 'Group', change: () => {
      this.choose(select.value);
      app.due();
    } });
    this.select = select;
    const apps = (app.peer ? [app, app.peer] : [app]).sort((a, b) => a.place - b.place);
    this.sides = apps.map((one) => ({ app: one, chart: new Owners(one, app), facts: el('p', { class: 'facts' }) }));
    this.table = el('div', { class: 'scroll members', tabindex: '0', role: 'region', 'aria-label': 'Members' });
    const parts = this.sides.flatMap(({ chart, facts }) => (app.peer ? [facts, chart.scroller] : [chart.scroller]));
    this.root = el('div', { class: 'groups' }, el('div', { class: 'quick' }, select, ...(app.peer ? [] : [this.sides[0]!.facts])), ...parts, this.table);
  }

  private choose(name: string): void {
    for (const { app, chart } of this.sides) chart.choose(groupsOf(app.state).find((group) => group.name === name) ?? null);
  }

  // Gathers the groups when they are looked at for the first time.
  private gather(): void {
    this.isGathered = true;
    const names = [...new Set(this.sides.flatMap(({ app }) => groupsOf(app.state).map((group) => group.name)))].sort();
    this.select.append(...names.map((name) => el('option', { value: name }, name)));
    // Two charts need the room more than a choice of one.
    this.select.parentElement!.hidden = this.app.peer !== null && names.length < 2;
    this.choose(names[0] ?? '');
  }

  // The group that the explanation is about, when another one is read.
  private follow(): void {
    const { explanation, run } = this.app;
    if (explanation === this.read) return;
    this.read = explanation;
    const name = run.head.verdicts.find(({ property }) => property === explanation?.property)?.verdict.violation?.subject?.group;
    if (!name || ![...this.select.options].some((option) => option.value === name)) return;
    this.select.value = name;
    this.choose(name);
  }

  draw(): void {
    const { app } = this;
    if (app.tab !== 'groups' || !app.isActive) return;
    if (!this.isGathered) this.gather();
    this.follow();
    for (const side of this.sides) {
      const owners = side.chart.draw();
      this.tell(side, owners);
      if (side.app === app) this.members(side.chart, owners);
    }
  }

  // The group in words; of two runs what may differ.
  private tell({ app, chart, facts }: Side, owners: number[][]): void {
    const { group } = chart;
    const badge = app.peer ? [el('b', { class: 'badge', title: app.name }, app.name)] : [];
    if (group && group.epoch.at(app.cursor) === 0 && !group.state.at(app.cursor)) {
      facts.replaceChildren(...badge, el('span', { class: 'dim' }, 'not there yet'));
      return;
    }
    if (!group) {
      facts.replaceChildren(...badge, el('span', { class: 'dim' }, app.peer ? `has no group ${this.select.value}` : 'no group'));
      return;
    }
    const { cursor, run } = app;
    const coordinator = group.coordinator.at(cursor);
    const protocol = group.protocol.at(cursor);
    const twice = owners.filter((hosts) => hosts.length > 1).length;
    const stands = group.state.at(cursor) || 'no state yet';
    const members = group.members.at(cursor);
    const count = members === 1 ? ' member' : ' members';
    if (app.peer) {
      // In a line: the generation stands in the chart.
      facts.replaceChildren(...badge, el('span', {}, el('b', {}, stands), `, ${members}${count}`),
        ...(twice > 0 ? [el('b', { class: 'bad' }, twice === 1 ? 'two owners' : `${twice} with two owners`)] : []));
      return;
    }
    facts.replaceChildren(
      el('b', {}, stands), el('span', {}, `${protocol}, ${epochWord(protocol)} `, el('b', {}, String(group.epoch.at(cursor)))),
      el('span', {}, el('b', {}, String(members)), count),
      ...(coordinator >= 0 ? [el('span', {}, 'coordinator ', el('b', {}, run.node(coordinator)?.name ?? String(coordinator)))] : []),
      ...(twice > 0 ? [el('b', { class: 'bad' }, twice === 1 ? 'a partition with two owners' : `${twice} partitions with two owners`)] : []));
  }

  // The members and what they own.
  private members(chart: Owners, owners: number[][]): void {
    const { run, state, cursor } = this.app;
    const owns = new Map<number, string[]>();
    for (const [n, row] of chart.rows.entries()) for (const host of owners[n]!) owns.set(host, [...(owns.get(host) ?? []), row.partition.name]);
    const members = [...(chart.group?.membership ?? [])].sort((a, b) => a[0] - b[0]);
    this.table.replaceChildren(el('table', {}, ...members.slice(0, 200).map(([host, steps]) => {
      const dot = el('i', { class: 'dot square', 'aria-hidden': 'true' });
      dot.style.background = chart.color(host);
      const mine = owns.get(host) ?? [];
      const is = status(state, host, cursor);
      const does = is === 'new' ? 'not started' : is === 'down' ? is : `${steps.at(cursor) || '-'}${is === 'paused' ? ', paused' : ''}`;
      return el('tr', {}, el('th', { scope: 'row' }, dot, ` ${run.hostName(host)}`), el('td', { class: is === 'down' ? 'bad' : 'dim' }, does),
        el('td', {}, mine.length > 12 ? `${mine.length} partitions` : mine.join(' ') || '-'));
    })));
  }
}
