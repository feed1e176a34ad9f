// The page: reads the run that stands in it, or the two, and builds the panes.

import './style.css';
import { readRun } from './data/load';
import { App } from './ui/app';
import { Cluster } from './ui/cluster';
import { Controls } from './ui/controls';
import { byId, el, enlarge } from './ui/dom';
import { Explain } from './ui/explain';
import { fail } from './ui/fail';
import { buildHeader } from './ui/header';
import { bindKeys, buildHelp, type Parts } from './ui/keys';
import { Lanes } from './ui/lanes';
import { LessonPlayer } from './ui/lesson';
import { keepLink, readLink } from './ui/links';
import { Partitions } from './ui/partitions';
import { Quorum } from './ui/quorum';
import { Surface } from './ui/surface';
import { buildTabs } from './ui/tabs';
import { Timeline } from './ui/timeline';

const SECTIONS: [string, string][] = [
  ['cluster', 'the cluster'], ['quorum', 'the controllers'], ['lanes', 'the replicas'], ['partitions', 'the partitions'],
  ['explain', 'the explanation'], ['tabs', 'the details'], ['timeline', 'the timeline'],
];

async function readApps(): Promise<App[]> {
  const apps: App[] = [];
  for (const [place, suffix] of ['', '-2'].entries()) {
    const [head, columns] = ['run-head', 'run-columns'].map((id) => document.getElementById(id + suffix));
    if (head && columns) apps.push(new App(await readRun(head.textContent, columns.textContent), place));
  }
  if (apps.length === 0) throw new Error('there is no run in this page; `kafsim view FILE` makes one that has');
  return apps;
}

// The panes of one run; those of a second one get elements of their own.
function build(app: App, isLesson: boolean): Parts {
  for (const [id] of [...SECTIONS, ['controls', '']] as const) {
    const first = byId(id);
    if (app.place === 0) continue;
    const copy = first.cloneNode(false) as HTMLElement;
    copy.id = app.id(id);
    copy.classList.add(`of-${id}`);
    copy.classList.remove('only-0');
    if (copy.hasAttribute('aria-labelledby')) copy.setAttribute('aria-labelledby', app.id(`${id}-title`));
    first.after(copy);
  }
  const section = (id: string): HTMLElement => byId(app.id(id));
  for (const id of ['controls', 'tabs', ...(isLesson ? [] : ['explain'])]) section(id).classList.add(`only-${app.place}`);
  const why = new Explain(app);
  if (!isLesson) section('explain').append(why.root);
  const lanes = new Lanes(app, section('lanes'));
  const timeline = new Timeline(app, section('timeline'));
  app.panes.push(new Controls(app, section('controls')), new Cluster(app, section('cluster')), new Quorum(app, section('quorum')),
    lanes, new Partitions(app, section('partitions')), why, timeline);
  return { app, lanes, timeline, tabs: buildTabs(app, section('tabs'), isLesson ? why : null) };
}

async function start(): Promise<void> {
  const source = `<!doctype html>\n${document.documentElement.outerHTML}`;
  const apps = await readApps();
  const [first, second] = [apps[0]!, apps[1]];
  const { head } = first.run;
  document.title = `${head.lesson?.title || head.title || head.file}, seed ${head.seed} - kafsim`;
  if (second) {
    const parting = head.difference?.first;
    // The event may come later in the one than in the other; before the earlier all is the same.
    first.join(second, parting ? Math.min(...parting.map((told) => told?.event ?? Infinity)) : Infinity);
    byId('main').classList.add('compare');
  }
  first.setTheme(matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
  const help = buildHelp(first, byId('help') as HTMLDialogElement);
  buildHeader(apps, byId('head'), help);
  const lesson = head.lesson ?? null;
  if (first.state.shown.length < 2) byId('main').classList.add('few');
  const sides = apps.map((app) => build(app, lesson !== null));
  let player: LessonPlayer | null = null;
  if (lesson) {
    byId('main').classList.add('has-lesson');
    player = new LessonPlayer(apps, lesson, byId('explain'));
    if (second) byId(second.id('explain')).remove();
  }
  if ((head.explanations?.length ?? 0) > 0 || second) byId('main').classList.add('has-why');
  if (first.firstTab === 'groups') byId('main').classList.add('has-groups');
  for (const { app, tabs } of sides) {
    tabs.notes.source = source;
    tabs.notes.lesson = player;
    for (const [id, name] of SECTIONS) {
      const pane = document.getElementById(app.id(id));
      if (pane) enlarge(pane, name);
      if (second && ['cluster', 'lanes', 'timeline'].includes(id)) pane?.querySelector('.bar')?.prepend(el('b', { class: 'badge', title: app.name }, app.name));
    }
  }
  bindKeys(() => sides.find(({ app }) => app.isActive) ?? sides[0]!, help);
  readLink(first, location.hash, player);
  keepLink(apps, player);
  byId('veil').remove();
  Surface.measureFresh();
  for (const app of apps) app.draw();
  document.documentElement.dataset['ready'] = String(Math.round(performance.now()));
  // For the page's own tests, and for whoever looks with the browser's tools.
  Object.assign(globalThis, { kafsim: first, kafsims: apps });
}

start().catch(fail);
