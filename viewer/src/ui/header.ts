// Who this run is, and how it ended.

import { many } from '../data/steps';
import type { App } from './app';
import { button, copyButton, el } from './dom';

export function buildHeader(apps: App[], parent: HTMLElement, help: () => void): void {
  const app = apps[0]!;
  const { head } = app.run;
  const isOne = apps.length === 1;
  parent.append(logo());
  parent.append(el('div', { class: 'titles' },
    el('h1', { title: head.title }, head.title || head.file),
    el('p', { class: 'dim' }, isOne ? facts(app) : apps.map((one) => `${one.run.head.file}, seed ${one.run.head.seed}, ${many(one.run.count)} events`).join('  |  '))));
  if (isOne) {
    parent.append(...chips(app));
  } else {
    const buttons = apps.map((one) => el('button', { class: 'switch', click: () => one.activate() }, el('b', {}, one.name), ' ', el('span', {}, figures(one))));
    const show = (): void => buttons.forEach((button, n) => button.setAttribute('aria-pressed', String(apps[n]!.isActive)));
    for (const one of apps) one.listeners.push(show);
    show();
    parent.append(el('div', { class: 'switches', role: 'group', 'aria-label': 'Which run to work with', title: 'Which run to work with (x)' }, ...buttons));
  }
  for (const one of apps) if (one.run.head.left_out) parent.append(el('p', { class: 'left-out', role: 'note' }, one.run.head.left_out));
  const { again } = head;
  parent.append(el('div', { class: 'tools' }, copyButton('wide', 'copy command', () => again, `copy command: ${again}`),
    button('Light or dark', 'theme', () => {
      const active = apps.find((one) => one.isActive) ?? app;
      active.setTheme(active.theme === 'dark' ? 'light' : 'dark');
    }, 'd'),
    button('Keys and help', 'help', help, '?')));
}

function facts(app: App): string {
  const { run } = app;
  return [
    run.head.file, `seed ${run.head.seed}`, `${many(run.count)} events`,
    `${Math.round((app.end - Math.max(0, app.begin)) / 1e6)} s`,
    `${counted(run.brokers.length, 'broker')}, ${counted(run.controllers.length, 'controller')}, ${counted(app.state.shown.length, 'partition')}`,
    `kafsim ${run.head.tool_version}`,
  ].join('  \u00b7  ');
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const violated = (many: number): string => (many === 1 ? '1 property violated' : `${many} properties violated`);

// What became of one of two runs: also how many properties broke, for both may have lost the same.
function figures(app: App): string {
  const { lost } = app.history;
  const broken = app.run.head.verdicts.filter((one) => one.verdict.violations > 0).length;
  return [...(lost > 0 ? [lost === 1 ? '1 record lost' : `${many(lost)} records lost`] : []), ...(broken > 0 ? [violated(broken)] : [])].join(', ') || (app.run.head.verdicts.length > 0 ? 'every property holds' : '');
}

function chips(app: App): HTMLElement[] {
  const found: HTMLElement[] = [];
  const { lost } = app.history;
  const verdicts = app.run.head.verdicts;
  const broken = verdicts.filter((one) => one.verdict.violations > 0);
  if (lost > 0) {
    const text = lost === 1 ? '1 acknowledged record lost' : `${many(lost)} acknowledged records lost`;
    found.push(el('span', { class: 'chip bad' }, text));
  } else if (broken.length > 0) {
    found.push(el('span', { class: 'chip bad' }, violated(broken.length)));
  } else if (verdicts.length > 0) {
    found.push(el('span', { class: 'chip good' }, 'every property holds'));
  }
  const judged = judgement(app, broken.length > 0);
  if (judged) found.push(el('span', { class: 'chip plain', title: judged[1] }, judged[0]));
  return found;
}

// What `kafsim run` judges of it, in its words: the same run ends with 0 where this is as expected.
const JUDGED: Record<string, [string, string]> = {
  unexpected: ['a claim was not met', ''],
  crashed: ['simulated code crashed', 'What the run has are its events up to the crash.'],
  'not-live': ['the cluster does not serve', 'It never formed, or did not serve again once it was healed.'],
  vacuous: ['nothing was put to the test', 'No fault changed anything, or nothing happened that could have broken a claim.'],
};

function judgement(app: App, isBroken: boolean): [string, string] | null {
  const { outcome, verdicts } = app.run.head;
  const names = (of: 'unmet' | 'gave_way'): string => verdicts.filter((one) => one[of]).map((one) => one.property).join(', ');
  if (outcome === 'unexpected') return [JUDGED[outcome]![0], `Not met: ${names('unmet')}`];
  if (outcome !== 'as-expected') return JUDGED[outcome ?? ''] ?? null;
  const gave = names('gave_way');
  if (gave) return ['not as without the change', `The change took from this what it stands on: ${gave}`];
  const isOutside = verdicts.every((one) => one.verdict.violations === 0 || one.verdict.because !== undefined);
  if (isBroken && isOutside) return ['Kafka does not promise it here', 'What the properties presuppose did not hold.'];
  return isBroken ? ['as the scenario says', 'The scenario claims these violations, or allows them.'] : null;
}

function logo(): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('class', 'logo');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'kafsim');
  const add = (d: string, className: string): void => {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', d);
    path.setAttribute('class', className);
    svg.append(path);
  };
  add('M3 7h16v5H3z', 'one');
  add('M3 14h22v5H3z', 'two');
  add('M3 21h11v5H3z', 'three');
  add('M21 4v24', 'mark');
  return svg;
}
