// The metadata quorum: each controller's part, epoch and vote, and its copy of the metadata log.

import { liveMark, status } from '../data/text';
import type { App, Pane } from './app';
import { el } from './dom';
import { drawLog } from './lanes';
import { Surface } from './surface';

export class Quorum implements Pane {
  private readonly surface: Surface;
  private readonly facts: HTMLElement;

  constructor(private readonly app: App, parent: HTMLElement) {
    this.facts = el('p', { class: 'facts' });
    parent.append(el('div', { class: 'bar' }, el('h2', { id: app.id('quorum-title') }, 'Controllers'), this.facts));
    const box = el('div', { class: 'canvas' });
    parent.append(box);
    this.surface = new Surface(box, 'Controller quorum', () => app.due());
  }

  draw(): void {
    const { app, surface } = this;
    const { state, cursor, colors } = app;
    surface.begin();
    const active = state.active.at(cursor);
    const name = active ? state.run.node(active.node)?.short ?? String(active.node) : null;
    this.facts.replaceChildren(name
      ? el('span', {}, 'active ', el('b', {}, name), `, epoch ${active!.epoch}`)
      : el('b', { class: 'bad' }, 'no active controller'));
    const { controllers } = state.run;
    const replicas = controllers.map((host) => state.metadata.replicas.get(host.node));
    const ends = replicas.map((replica) => replica?.end.at(cursor) ?? 0);
    const most = Math.max(1, ...ends);
    const span = Math.max(40, (most - Math.min(...ends)) * 2);
    const window = { from: Math.max(0, most - span), to: Math.max(most * 1.0005, Math.max(0, most - span) + span * 1.05) };
    const behind = this.behind(most);
    // That all brokers are up to date need not be told where room is short.
    const isTight = surface.height < 36 + 18 * controllers.length;
    const observers = state.run.brokers.length === 0 || (isTight && behind.length === 0) ? 0 : isTight ? 14 : 20;
    const each = Math.max(11, Math.min(64, (surface.height - 15 - observers) / Math.max(1, controllers.length)));
    // The logs stand below the words where there is room, and take all of the width.
    const isStacked = each >= 25;
    const left = isStacked ? 12 : 104;
    const columns = [surface.width - 46, surface.width - 12] as const;
    const width = (isStacked ? surface.width - 12 : columns[0] - 34) - left;
    surface.text(columns[0], 7, 'LEO', colors.dim, { size: 10, align: 'right' });
    surface.text(columns[1], 7, 'HW', colors.dim, { size: 10, align: 'right' });
    if (isStacked) surface.text(left, 7, 'metadata log', colors.dim, { size: 10 });
    const said: string[] = [];
    controllers.forEach((host, n) => {
      const y = 15 + n * each;
      if (y + each > surface.height - observers + 4) return;
      const member = state.members.get(host.node);
      const role = member?.role.at(cursor) ?? null;
      const vote = member?.vote.at(cursor) ?? null;
      const up = status(state, host.id, cursor);
      const middle = isStacked ? y + 7 : y + each / 2 - 2;
      const isDown = up === 'down' || up === 'new';
      const leads = role?.role === 'leader';
      if (leads) surface.crown(13, middle, 13, colors.families.quorum, active?.node !== host.node);
      surface.text(26, middle, host.name.replace('controller-', 'controller '), colors.text, { size: 12, ...(isStacked ? {} : { max: left - 28 }) });
      const word = up === 'new' ? 'not started' : isDown ? 'down' : up === 'paused' ? 'paused' : role ? `${role.role} e${role.leaderEpoch}` : 'up';
      const votes = vote && !leads && role && vote.epoch >= role.leaderEpoch ? `, vote ${state.run.node(vote.candidate)?.short ?? vote.candidate}` : '';
      if (isStacked) surface.text(106, middle, word + votes, up === 'down' ? colors.bad : role?.role === 'candidate' || role?.role === 'prospective' ? colors.fault : colors.dim, { size: 11, max: columns[0] - 32 - 106 });
      const replica = replicas[n];
      const [top, height] = isStacked ? [y + 15, Math.min(34, each - 20)] : [middle - Math.min(9, each / 3), Math.min(18, each * 0.62)];
      if (replica && width > 20) drawLog(app, surface, state.metadata, replica, window, left, top, width, height, isDown);
      surface.text(columns[0], middle, String(ends[n]), colors.text, { size: 11, mono: true, align: 'right' });
      surface.text(columns[1], middle, String(liveMark(replica, cursor) ?? '-'), colors.dim, { size: 11, mono: true, align: 'right' });
      said.push(`${host.name} ${word}, log end ${ends[n]}`);
    });
    if (observers > 0) {
      const text = behind.length === 0 ? 'all up to date' : behind.slice(0, 4).join(', ') + (behind.length > 4 ? ` and ${behind.length - 4} more` : '');
      surface.text(14, surface.height - 9, `applied by brokers: ${text}`, behind.length === 0 ? colors.dim : colors.fault, { size: 11, max: surface.width - 24 });
    }
    surface.label(`Controllers: ${said.join('; ')}`);
  }

  // The brokers that have not applied what the controllers have, which has `most` records.
  private behind(most: number): string[] {
    const { state, cursor } = this.app;
    return state.run.brokers.flatMap((host) => {
      const applied = state.members.get(host.node)?.applied.at(cursor) ?? -1;
      const lag = Math.max(0, most - Math.max(0, applied));
      return applied < 0 ? [`${host.short} nothing`] : lag > 3 ? [`${host.short} ${lag} behind`] : [];
    });
  }
}
