// The page's data layer against kafsim itself: the same events, the same state, the same filter.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Filter, History, State, readRun, stateText } from '../dist/data/data.mjs';
import { blocks, kafsim, pageOf, random, runOf, scenarioOf } from './support.mjs';

const SCENARIOS = [
  'scenarios/replication/acks_1_isolated_leader.toml',
  'scenarios/controller/failover.toml',
  'scenarios/operations/drifting_clocks.toml',
  'scenarios/operations/replaced_disk.toml',
  'scenarios/operations/min_insync_replicas_changes.toml',
  'scenarios/replication/retention_overtakes_follower.toml',
  'scenarios/museum/unclean_election.toml',
  'scenarios/museum/vote_not_persisted.toml',
  'scenarios/museum/simultaneous_power_loss.toml',
  'scenarios/museum/kafka_15021.toml',
  'scenarios/museum/kafka_7415.toml',
  'scenarios/museum/kafka_16147.toml',
  'scenarios/lessons/two_owners.toml',
  'scenarios/clients/admin_tour.toml',
  'tests/data/viewing/lost_decision.txt', 'tests/data/stories/committed_metadata_lost.toml', 'tests/data/stories/replaced_and_deleted.toml',
  'tests/data/viewing/members_come_and_go.txt', 'tests/data/viewing/quorum_forgets.txt',
];

// A page has no hashes but the names of batches.
const withoutHashes = (line) => line.replace(/ (?:chain|digest|incarnation)=[0-9a-f]{16}| keys=\[[0-9a-f,]*\]/g, '');

async function load(scenario, ...changes) {
  const file = runOf(scenario.endsWith('.txt') ? scenarioOf(scenario) : scenario, ...changes);
  const { head, columns } = blocks(pageOf(file));
  return { file, run: await readRun(head, columns) };
}

test('every event reads as kafsim events prints it', async () => {
  const { file, run } = await load(SCENARIOS[0]);
  const lines = kafsim('events', file).trimEnd().split('\n');
  assert.equal(run.count, lines.length);
  for (let event = 0; event < run.count; event++) assert.equal(run.line(event), withoutHashes(lines[event]));
});

test('causes are those that kafsim events gives as JSON', async () => {
  const { file, run } = await load('scenarios/museum/unclean_election.toml');
  const lines = kafsim('events', file, '--format', 'json').trimEnd().split('\n');
  const back = (value) => (value < 0 ? null : value);
  lines.forEach((line, event) => {
    const told = JSON.parse(line);
    assert.equal(run.moment(event), told.at_us);
    assert.equal(back(run.columns.cause[event]), told.cause);
    assert.equal(back(run.columns.about[event]), told.about);
  });
});

for (const scenario of SCENARIOS) {
  test(`the state is what kafsim state prints: ${scenario}`, async () => {
    const { file, run } = await load(scenario);
    const state = new State(run);
    const draw = random(scenario.length);
    const events = [0, run.count - 1];
    for (let n = 0; n < 24; n++) events.push(Math.floor(draw.next().value * run.count));
    // Where things change is where a fold goes wrong.
    const steps = state.shown.flatMap((partition) => partition.state.events);
    for (let n = 0; n < 6 && steps.length > 0; n++) events.push(steps[Math.floor(draw.next().value * steps.length)]);
    const cuts = state.shown.flatMap((partition) => [...partition.replicas.values()].flatMap((replica) => replica.cuts.map((cut) => cut.event)));
    for (let n = 0; n < 6 && cuts.length > 0; n++) events.push(cuts[Math.floor(draw.next().value * cuts.length)]);
    // What a process forgets when it ends or begins anew.
    for (const kind of ['controller-activated', 'topic-removed', 'host-started', 'host-stopped', 'fault-began', 'broker-state-entered', 'member-state-entered', 'partition-taken']) {
      for (const event of run.columns.kind(kind)?.events?.slice(-4) ?? []) events.push(event);
    }
    for (const event of events) {
      assert.equal(stateText(state, event), kafsim('state', file, '--at', `e${event}`), `after e${event}`);
    }
  });
}

test('a filter passes what kafsim events passes', async () => {
  const { file, run } = await load(SCENARIOS[0]);
  const served = run.columns.about.findLast((about) => about >= 0);
  for (const text of [
    'kind=role-taken', 'kind=fault-*|log-truncated', 'partition=orders-0 time=18..19', 'host=broker-1 !kind=delivered',
    'base_offset>=1800 records=1', 'fenced=true', 'in_sync=3', 'e45209', 'index=100..103', '"role=leader leader="', 'hosts~broker-2',
    'kind!=delivered time<-9', `about=${served}`, 'latency>15000',
  ]) {
    const expected = kafsim('events', file, text).split('\n').filter(Boolean);
    assert.notEqual(expected.length, 0, text);
    const found = await Filter.read(text, run).find(() => false);
    assert.deepEqual([...found].map((event) => run.line(event)), expected.map(withoutHashes), text);
  }
});

test('filters pass what the examples of docs/VIEWING.md say', async () => {
  const text = readFileSync(new URL('../../tests/data/filter_cases.txt', import.meta.url), 'utf8');
  const [head, cases] = text.split('---- cases\n');
  const lines = head.split('\n').filter((line) => /^e\d+ /.test(line));
  const events = head.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const shown = (value) => (value === null ? 'none' : Array.isArray(value) ? `[${value.map(shown).join(',')}]` : String(value));
  const known = [...new Set(events.map((event) => event.kind))];
  const source = {
    count: events.length,
    kindName: (e) => events[e].kind, kindNames: () => known,
    fieldNames: () => new Set(events.flatMap((event) => Object.keys(event.fields))),
    hostOf: (e) => events[e].host ?? 'world', moment: (e) => events[e].at_us,
    cause: (e) => events[e].cause ?? -1, about: (e) => events[e].about ?? -1,
    shown: (e, field) => (field in events[e].fields ? shown(events[e].fields[field]) : undefined),
    names: (e) => {
      const { partition, topic, from, hosts, connection } = events[e].fields;
      const isHost = (value) => typeof value === 'string';
      return {
        partitions: partition ? [partition] : [], topics: topic ? [topic] : [],
        hosts: [...(isHost(from) ? [from] : []), ...(hosts ?? []), ...(connection ? [connection[0]] : [])],
      };
    },
    line: (e) => lines[e],
    hosts: [
      { name: 'broker-1', role: 'broker', node: 1 }, { name: 'broker-2', role: 'broker', node: 2 },
      { name: 'controller-1', role: 'controller', node: 3001 }, { name: 'shop', role: 'client', node: -1 },
    ],
    partitionNames: () => ['orders-0', 'payments-3'],
  };
  let count = 0;
  const examples = cases.split(/^filter /m).slice(1);
  for (const example of examples) {
    const [filter, rest] = [example.slice(0, example.indexOf('\n')), example.split('\n')[1].trim()];
    count++;
    if (rest.startsWith('!')) {
      // Words that no event of any run can have are told by kafsim alone.
      if (/^(role=lead|kind:apend)/.test(filter)) continue;
      // It alone guesses what was meant, and knows kinds that the run does not have; the place is the same.
      const whole = /did you mean/.test(rest) ? / \(character \d+ of the filter\)$/.exec(rest)[0] : rest.slice(2);
      assert.throws(() => Filter.read(filter, source), (error) => error.message.endsWith(whole) || assert.fail(`${filter}: ${error.message}, not ${whole}`), filter);
    } else {
      const expected = rest === 'nothing' ? [] : rest.split(' ').map((event) => Number(event.slice(1)));
      assert.deepEqual([...await Filter.read(filter, source).find(() => false)], expected, filter);
    }
  }
  assert.ok(count > 100, `${count} examples`);
});

test('a filter that is none says what is wrong', async () => {
  const { run } = await load(SCENARIOS[0]);
  for (const text of ['kind=', 'nosuchfield=1', 'kind=role-taken "open', 'kind=nosuchkind', '=5']) {
    assert.throws(() => Filter.read(text, run), /\S/, text);
  }
});

// Sizes are the same on every computer; times are not, and figures.mjs measures those.
test('a page of half a million events takes at most 2.5 MB', async () => {
  const file = runOf('scenarios/replication/leader_crash.toml', '--set', 'duration=69500ms');
  const path = `${file}.html`;
  kafsim('view', file, '--whole', '--no-rerun', '-o', path);
  const { head, columns } = blocks(path);
  const { count } = await readRun(head, columns);
  assert.ok(count >= 500_000, `${count} events`);
  const size = statSync(path).size;
  assert.ok(size <= 2_500_000, `${size} bytes for ${count} events`);
});

test('writes that failed, or of which nobody knows, are counted as kafsim run counts them', async () => {
  const off = ['--set', 'topic.orders.config.unclean.leader.election.enable=false'];
  for (const [scenario, ...changes] of [['scenarios/lessons/unclean_election.toml', ...off], ['scenarios/clients/delivery_timeout.toml'], ['scenarios/lessons/min_insync_replicas.toml']]) {
    const { run } = await load(scenario, ...changes);
    const history = new History(new State(run));
    const told = JSON.parse(kafsim('run', scenario, ...changes, '--no-record', '--format', 'json'));
    const unplaced = [...history.unplaced.values()].flat();
    const count = (outcome) => [...history.totals.values()].reduce((sum, one) => sum + one[outcome], 0) + unplaced.filter((one) => one.outcome === outcome).length;
    assert.ok(told.figures.failed + told.figures.unknown > 0, scenario);
    assert.deepEqual({ failed: count('failed'), unknown: count('unknown') }, { failed: told.figures.failed, unknown: told.figures.unknown }, scenario);
  }
});

test('what was lost is counted as kafsim run counts it', async () => {
  for (const scenario of [SCENARIOS[0], 'scenarios/museum/unclean_election.toml', 'scenarios/controller/failover.toml', 'tests/data/stories/replaced_and_deleted.toml', 'scenarios/operations/retention_by_time.toml']) {
    const { file, run } = await load(scenario);
    const history = new History(new State(run));
    const told = JSON.parse(kafsim('run', scenario, '--no-record', '--format', 'json'));
    const sum = (name) => [...history.totals.values()].reduce((total, one) => total + one[name], 0);
    assert.equal(history.lost, told.figures.lost, file);
    assert.ok(sum('acked') >= told.figures.acked, file);
  }
});
