// Time: where the cursor is, what just happened, and how to move.

import { seconds } from '../data/run';
import { upTo } from '../data/steps';
import { SPEEDS, type App, type Pane } from './app';
import { button, byId, el, icon } from './dom';

export class Controls implements Pane {
  private readonly clock: HTMLElement;
  private readonly event: HTMLElement;
  private readonly said: HTMLElement;
  private readonly when: HTMLElement;
  private readonly playButton: HTMLButtonElement;
  private readonly slider: HTMLInputElement;
  private readonly phase: HTMLElement;
  private lastSaid = '';
  private isShownPlaying = false;

  constructor(private readonly app: App, parent: HTMLElement) {
    this.clock = el('output', { class: 'clock', 'aria-label': 'Time' });
    this.event = el('span', { class: 'dim mono' });
    this.phase = el('span', { class: 'phase' });
    this.said = el('span', { class: 'said' });
    this.when = el('span', { class: 'dim when' });
    this.playButton = button('Play', 'play', () => app.play(), 'space');
    const speed = el('select', { 'aria-label': 'Speed', title: 'Virtual seconds for each second', change: () => {
      app.speed = Number(speed.value);
    } });
    for (const [name, value] of SPEEDS) speed.append(el('option', { value }, name));
    this.slider = el('input', { type: 'range', min: 0, max: 10_000, step: 1, 'aria-label': 'Time in the run', input: () => {
      app.goTime(app.begin + (Number(this.slider.value) / 10_000) * (app.end - app.begin));
    } });
    parent.append(
      el('div', { class: 'buttons', role: 'group', 'aria-label': 'Step and play' },
        button('Incident before', 'backIncident', () => app.stepIncident(-1), 'p'),
        button('Event before', 'back', () => app.step(-1), ','),
        this.playButton,
        button('Next event', 'next', () => app.step(1), '.'),
        button('Next incident', 'nextIncident', () => app.stepIncident(1), 'n'),
        speed),
      el('div', { class: 'now' }, this.clock, el('div', { class: 'small' }, this.event, this.phase)),
      el('div', { class: 'happened' }, el('div', {}, this.said), this.when),
      this.slider,
    );
  }

  draw(): void {
    const { app } = this;
    if (app.isPlaying !== this.isShownPlaying) {
      this.isShownPlaying = app.isPlaying;
      this.playButton.replaceChildren(icon(app.isPlaying ? 'pause' : 'play'));
      this.playButton.setAttribute('aria-label', app.isPlaying ? 'Pause' : 'Play');
    }
    this.clock.textContent = `${seconds(Math.round(app.time))} s`;
    this.event.textContent = `e${app.run.number(app.cursor)}`;
    this.phase.textContent = phaseName(app.state.phase.at(app.cursor));
    if (document.activeElement !== this.slider) {
      this.slider.value = String(Math.round(((app.time - app.begin) / (app.end - app.begin || 1)) * 10_000));
    }
    this.slider.setAttribute('aria-valuetext', `${seconds(Math.round(app.time))} seconds`);
    const place = upTo(app.incidentEvents, app.cursor) - 1;
    const at = app.incidentEvents[place];
    const now = app.told.filter((one) => one.event === at);
    // Of several properties that break at once the first is told, and how many there are.
    const broken = now.filter((one) => one.incidents[0]!.isVerdict);
    const texts = now.filter((one) => broken.indexOf(one) <= 0).map((one) => one.text);
    if (broken.length > 1) texts.unshift(`${broken.length} properties break here`);
    const text = texts.join('. ') || 'Nothing has happened yet.';
    if (app.isActive && text !== this.lastSaid) {
      this.lastSaid = text;
      this.said.textContent = text;
      this.said.title = text;
      this.said.className = `said ${now[now.length - 1]?.tone ?? ''}`;
      if (!app.isPlaying) byId('live').textContent = text;
    }
    const ago = at === undefined ? 0 : app.time - app.run.moment(at);
    this.when.textContent = at === undefined ? '' : app.cursor === at ? 'now' : ago < 1 ? 'at this moment' : `${duration(ago)} ago`;
  }
}

export function phaseName(phase: string): string {
  const names: Record<string, string> = {
    form: 'forming', act: 'clients and faults', heal: 'healing', settle: 'settling', audit: 'audit',
  };
  return names[phase] ?? phase;
}

export function duration(micros: number): string {
  if (micros < 1000) return `${Math.round(micros)} \u00b5s`;
  if (micros < 1_000_000) return `${(micros / 1000).toFixed(micros < 10_000 ? 1 : 0)} ms`;
  return `${(micros / 1e6).toFixed(micros < 1e7 ? 2 : 1)} s`;
}
