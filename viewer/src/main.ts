// The page: reads the run that stands in it, and builds the panes.

import './style.css';
import { readRun } from './data/load';
import { App } from './ui/app';
import { Cluster } from './ui/cluster';
import { Controls } from './ui/controls';
import { byId } from './ui/dom';
import { Explain } from './ui/explain';
import { fail } from './ui/fail';
import { buildHeader } from './ui/header';
import { bindKeys, buildHelp } from './ui/keys';
import { Lanes } from './ui/lanes';
import { keepLink, readLink } from './ui/links';
import { Partitions } from './ui/partitions';
import { Quorum } from './ui/quorum';
import { buildTabs } from './ui/tabs';
import { Timeline } from './ui/timeline';

async function start(): Promise<void> {
  const source = `<!doctype html>\n${document.documentElement.outerHTML}`;
  const [head, columns] = [document.getElementById('run-head'), document.getElementById('run-columns')];
  if (!head || !columns) throw new Error('there is no run in this page; `kafsim view FILE` makes one that has');
  const run = await readRun(head.textContent, columns.textContent);
  const app = new App(run);
  document.title = `${run.head.title || run.head.file}, seed ${run.head.seed} - kafsim`;
  const prefersLight = matchMedia('(prefers-color-scheme: light)').matches;
  app.setTheme(prefersLight ? 'light' : 'dark');

  const help = buildHelp(app, byId('help') as HTMLDialogElement);
  buildHeader(app, byId('head'), help);
  const controls = new Controls(app, byId('controls'));
  const cluster = new Cluster(app, byId('cluster'));
  const quorum = new Quorum(app, byId('quorum'));
  const lanes = new Lanes(app, byId('lanes'));
  const partitions = new Partitions(app, byId('partitions'));
  const explain = new Explain(app, byId('explain'));
  const timeline = new Timeline(app, byId('timeline'));
  app.panes.push(controls, cluster, quorum, lanes, partitions, explain, timeline);
  const tabs = buildTabs(app, byId('tabs'));
  tabs.notes.source = source;
  bindKeys(app, { lanes, timeline, tabs, help });
  readLink(app, location.hash);
  keepLink(app);
  byId('veil').remove();
  app.draw();
  document.documentElement.dataset['ready'] = String(Math.round(performance.now()));
  // For the page's own tests, and for whoever looks with the browser's tools.
  Object.assign(globalThis, { kafsim: app });
}

start().catch(fail);
