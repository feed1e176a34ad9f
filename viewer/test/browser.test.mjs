// The page in a real browser, from disk, without a network.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BROKEN, context, cursor, launch, LOST, lostPage, open, quit, settle, written } from './page.mjs';
import { judged, kafsim, pageOf, pageOfTwo, random, runOf, tampered } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HELD = 'scenarios/controller/failover.toml';
const GROUPS = 'scenarios/groups/zombie_commits_after_expulsion.toml';
// Together more than two hundred events.
const ORACLE_EVENTS = 50;
const POWER = 'scenarios/lessons/min_insync_replicas.toml';
const ORACLE = [LOST, HELD, BROKEN, 'scenarios/operations/replaced_disk.toml', GROUPS, POWER];

before(launch);
after(quit);

test('a page opens from disk, asks for nothing, and has all events', async () => {
  for (const scheme of ['dark', 'light']) {
    const { page, troubles, close } = await open(lostPage(), { scheme });
    const told = JSON.parse(kafsim('run', LOST, '--no-record', '--format', 'json'));
    assert.equal(await page.evaluate(() => globalThis.kafsim.run.count), told.fingerprint.events);
    assert.match(await page.locator('#head').innerText(), new RegExp(`${told.figures.lost.toLocaleString('en')} acknowledged records lost`));
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
    for (const tab of ['history', 'state', 'notes', 'scenario', 'events']) await page.click(`#tab-${tab}`);
    await settle(page);
    assert.deepEqual(troubles, []);
    await close();
  }
});

// What a reader sees, not what the code behind it thinks.
for (const scenario of ORACLE) {
  test(`the state at ${ORACLE_EVENTS} random events is what kafsim state prints: ${scenario}`, async () => {
    const run = runOf(scenario);
    const { page, troubles, close } = await open(pageOf(run), { hash: '#tab=state' });
    const draw = random(scenario.length);
    const count = await page.evaluate(() => globalThis.kafsim.run.count);
    for (let n = 0; n < ORACLE_EVENTS; n++) {
      const event = Math.floor(draw.next().value * count);
      await page.evaluate((to) => {
        globalThis.kafsim.go(to);
        globalThis.kafsim.draw();
      }, event);
      assert.equal(await page.locator('pre.state').textContent(), kafsim('state', run, '--at', `e${event}`), `after e${event}`);
    }
    assert.deepEqual(troubles, []);
    await close();
  });
}

test('what is said of each replica stands below the words of kafsim explain', async () => {
  const headings = ['Why they do not have it', 'Who has what', 'Where they stand'];
  for (const [n, name] of ['unclean_election', 'kip_101_divergence', 'kafka_10706'].entries()) {
    const run = runOf(`scenarios/museum/${name}.toml`);
    const text = kafsim('explain', run, '--no-rerun');
    assert.deepEqual(headings.filter((heading) => text.includes(`\n  ${heading}\n`)), [headings[n]], name);
    const { page, troubles, close } = await open(pageOf(run));
    const shown = await page.locator('.explanation h3').allTextContents();
    assert.deepEqual(shown.filter((heading) => headings.includes(heading)), [headings[n]], name);
    assert.deepEqual(troubles, []);
    await close();
  }
});

// A page whose explanation says what other runs came to.
function pageOfReruns(name, more) {
  return tampered(pageOf(runOf(BROKEN)), name, { head: (head) => ({ ...head, explanations: [{ ...head.explanations[0], ...more }] }) });
}

test('what would have saved it is marked as far as it is known', async () => {
  const change = (of, more) => ({ change: of, set: [`${of}=1`], helped: false, outcome: `what became of ${of}`, nearby: null, ...more });
  const { page, troubles, close } = await open(pageOfReruns('reruns', {
    saved_by: [
      change('helping', { helped: true, untried: false, another: false }), change('vain', { untried: false, another: false }),
      change('elsewhere', { untried: false, another: true }), change('idle', { untried: true, another: false }), change('old'),
    ],
    not_tried: ['fault 3 left out', 'other seeds'],
  }));
  const rows = await page.locator('.saved tr').evaluateAll((all) => all.map((row) => {
    const [mark] = row.cells;
    return [row.cells[1].textContent, mark.className, mark.textContent, mark.title.split(',')[0].split(' in ')[0]];
  }));
  assert.deepEqual(rows, [
    ['helping', 'good', '', ''], ['vain', 'bad', '', ''], ['elsewhere', 'dim', '?', 'Violated'],
    ['idle', 'dim', '?', 'Nothing tried the property'], ['old', 'bad', '', ''],
  ]);
  assert.equal(await page.locator('.saved + .not-tried').textContent(), 'Not tried, for the run is long: fault 3 left out; other seeds.');
  assert.deepEqual(troubles, []);
  await close();
});

test('what was not tried is told alone too, and files that do not say open as well', async () => {
  for (const [n, [not_tried, wanted]] of [[['other seeds'], ['Not tried, for the run is long: other seeds.']], [[], []], [undefined, []], [null, []], ['<b>', []]].entries()) {
    const { page, troubles, close } = await open(pageOfReruns(`not-tried-${n}`, { not_tried, saved_by: [] }));
    assert.deepEqual(await page.locator('.not-tried').allTextContents(), wanted);
    assert.equal((await page.locator('.explanation h3').allTextContents()).includes('What would have saved it'), wanted.length > 0);
    assert.deepEqual(troubles, []);
    await close();
  }
});

test('an explanation is that of kafsim explain, and its steps lead to their events', async () => {
  const run = runOf(BROKEN);
  const { page, troubles, close } = await open(pageOf(run));
  const told = JSON.parse(kafsim('explain', run, '--format', 'json', '--no-rerun'));
  assert.equal(await cursor(page), told.event);
  const text = await page.locator('.explanation').innerText();
  for (const part of [told.property, told.sentence, ...told.steps.map((step) => step.text), ...told.why_not.map((one) => one.text)]) assert.ok(text.includes(part), part);
  const steps = page.locator('.steps button');
  assert.equal(await steps.count(), told.steps.length);
  for (const [n, step] of told.steps.entries()) {
    await steps.nth(n).click();
    await settle(page);
    assert.equal(await cursor(page), step.event);
    assert.equal(await steps.nth(n).getAttribute('aria-current') !== null || told.steps.some((one, k) => k > n && one.event === step.event), true);
  }
  assert.equal(await page.locator('.picture tr').count(), told.picture.rows.length + 1);
  assert.equal(await page.locator('.not-tried, .saved').count(), 0);
  // What is copied is what the command writes.
  for (const format of ['text', 'markdown', 'mermaid']) {
    await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { globalThis.taken = text; }; });
    await page.locator('.explanation .quick button').filter({ hasText: new RegExp(`as ${format}`, 'i') }).click();
    await page.waitForSelector('.explanation .quick >> text=copied');
    assert.equal(await page.evaluate(() => globalThis.taken), kafsim('explain', run, '--format', format, '--no-rerun'));
    await page.waitForSelector('.explanation .quick >> text=copied', { state: 'detached' });
  }
  // Of several properties that break in one event the one explained here leads.
  await steps.first().click();
  await page.evaluate((event) => globalThis.kafsim.go(event), told.event);
  await settle(page);
  assert.match(await page.locator('.said').innerText(), new RegExp(`^\\d properties break here. ${told.property} is violated`));
  // The last violation of the run stands behind the first.
  await page.selectOption('select[aria-label="Which violation"]', String(told.of - 1));
  const last = JSON.parse(kafsim('explain', run, '--format', 'json', '--no-rerun', '--violation', String(told.of)));
  assert.ok((await page.locator('.explanation').innerText()).includes(last.sentence));
  await page.click('text=What happened');
  assert.ok(await page.locator('.story').isVisible());
  assert.deepEqual(troubles, []);
  await close();
});

test('a run that holds opens at the partition that the timeline of kafsim chooses', async () => {
  for (const scenario of [HELD, POWER, 'scenarios/operations/rolling_restart.toml']) {
    const run = runOf(scenario);
    const { page, close } = await open(pageOf(run));
    assert.equal(await page.evaluate(() => globalThis.kafsim.partition.name), JSON.parse(kafsim('timeline', run, '--format', 'json')).partition);
    await close();
  }
});

test('a lesson is stepped through, and keeps its answers to itself until asked', async () => {
  const path = tampered(pageOf(runOf(BROKEN)), 'lesson', {
    head: (head) => ({
      ...head, lesson: {
        title: 'A lesson', summary: 'What it is about.\n\nAnd more.', notes: [
          { event: 900, title: 'First', text: 'One.\n\nTwo.', pane: 'state' },
          { event: 1200, title: 'Second', text: 'Look.', question: 'Why?', answer: 'Because it is so.', pane: 'events', select: 1100 },
          { event: 1e12, title: 'Third', text: 'End.', pane: 'quorum', partition: 'nobody-7' },
        ],
      },
    }),
  });
  const { page, troubles, close } = await open(path);
  const pane = page.locator('#explain');
  assert.match(await pane.innerText(), /A lesson[^]*What it is about\.[^]*And more\.[^]*3 notes/);
  await page.click('text=Begin');
  assert.equal(await cursor(page), 900);
  assert.ok(await page.locator('pre.state').isVisible());
  await page.keyboard.press('j');
  assert.equal(await cursor(page), 1200);
  await settle(page);
  assert.match(await page.locator('.detail').innerText(), /e1100/);
  assert.ok(!(await pane.innerText()).includes('Because it is so.'));
  await page.click('text=Show the answer');
  assert.ok((await pane.innerText()).includes('Because it is so.'));
  await page.keyboard.press('j');
  assert.equal(await cursor(page), await page.evaluate(() => globalThis.kafsim.last));
  assert.ok(await page.locator('#quorum.shown').isVisible());
  await page.keyboard.press('k');
  assert.ok(!(await pane.innerText()).includes('Because it is so.'));
  assert.deepEqual(troubles, []);
  await close();
  const linked = await open(path, { hash: '#n=2' });
  assert.equal(await cursor(linked.page), 1200);
  await linked.close();
});

test('lines of a note that stand in stay lines, and can be read', async () => {
  const commands = ['kafsim run a.toml --out find.run', 'kafsim timeline find.run -p orders-0', `kafsim events find.run '${'part:orders-0 '.repeat(8)}'`, '<b>kafsim</b>'];
  const text = ['In a terminal:', '', ...commands.map((line) => `  ${line}`), '', 'After', 'it.'].join('\n');
  const path = tampered(pageOf(runOf(BROKEN)), 'verbatim', { head: (head) => ({ ...head, lesson: { title: 'A', summary: 'B', notes: [{ event: 900, title: 'C', text, question: '  kafsim', answer: 'D' }] } }) });
  for (const scheme of ['dark', 'light']) {
    const { page, troubles, close } = await open(path, { scheme, width: 1024, height: 768 });
    await page.click('text=Begin');
    assert.deepEqual(await page.locator('.lesson > pre code').allTextContents(), commands);
    assert.deepEqual(await page.locator('.lesson > p').allTextContents(), ['In a terminal:', 'After it.']);
    assert.deepEqual((await page.locator('.lesson > pre').innerText()).split('\n'), commands);
    // Nothing is cut at the side, and ink stands out from its ground.
    const found = await page.locator('.lesson pre').evaluateAll((all) => all.map((pre) => [pre.scrollWidth - pre.clientWidth, getComputedStyle(pre).color !== getComputedStyle(pre).backgroundColor]));
    assert.deepEqual(found, [[0, true], [0, true]]);
    await page.evaluate(axe);
    const wrong = await page.evaluate(() => globalThis.axe.run('.lesson', { runOnly: ['color-contrast', 'scrollable-region-focusable'] }).then(({ violations }) => violations.map(({ id }) => id)));
    assert.deepEqual(wrong, []);
    assert.deepEqual(troubles, []);
    await close();
  }
});

// Runs of which `kafsim run` says different things, by its word for them.
const JUDGED = [
  [BROKEN, [], 'as-expected', 'as the scenario says'], [HELD, [], 'as-expected', null],
  ['scenarios/lessons/acked_and_gone.toml', ['--set', 'producer.checkout.config.acks=all'], 'as-expected', 'not as without the change'],
  ['scenarios/lessons/acked_and_gone.toml', ['--set', 'claim.acks-one-durability.expect=holds'], 'unexpected', 'a claim was not met'],
  ['scenarios/lessons/acked_and_gone.toml', ['--set', 'producer.checkout.config.acks=all', '--set', 'claim.acks-one-durability.expect=violated'], 'unexpected', 'a claim was not met'],
  ['scenarios/lessons/acked_and_gone.toml', ['--set', 'producer.checkout.config.acks=all', '--set', 'claim.acks-one-durability.expect=holds'], 'vacuous', 'nothing was put to the test'],
];

test('the head judges a run as kafsim run does', async () => {
  for (const [scenario, changes, outcome, said] of JUDGED) {
    const run = runOf(scenario, ...changes);
    assert.equal(judged(scenario, ...changes).outcome, outcome, `${scenario} ${changes}`);
    const { page, close } = await open(pageOf(run));
    assert.deepEqual(await page.locator('#head .chip.plain').allTextContents(), said === null ? [] : [said], `${scenario} ${changes}`);
    await close();
  }
  for (const [outcome, said] of [['crashed', 'simulated code crashed'], ['not-live', 'the cluster does not serve'], [undefined, null], ['<b>', null]]) {
    const { page, troubles, close } = await open(tampered(pageOf(runOf(BROKEN)), `judged-${outcome === '<b>' ? 'else' : outcome}`, { head: (head) => ({ ...head, outcome }) }));
    assert.deepEqual(await page.locator('#head .chip.plain').allTextContents(), said === null ? [] : [said]);
    assert.deepEqual(troubles, []);
    await close();
  }
});

test('the story ends a fault in the words of kafsim run', async () => {
  for (const scenario of [LOST, GROUPS, POWER]) {
    const lines = kafsim('run', scenario, '--no-record').split('\n').flatMap((line) => /fault \d+ ends: .*$/.exec(line) ?? []);
    const { page, close } = await open(pageOf(runOf(scenario)));
    const told = await page.evaluate(() => globalThis.kafsim.incidents.map(({ text }) => text).filter((text) => /^Fault \d+ ends/.test(text)));
    assert.ok(told.length > 0);
    for (const [n, line] of lines.entries()) assert.ok(told[n].toLowerCase().startsWith(line.toLowerCase()), `${told[n]} | ${line}`);
    assert.equal(told.length, lines.length);
    await close();
  }
});

test('two runs stand side by side on one clock', async () => {
  const [one, other] = [runOf(BROKEN), runOf(BROKEN, '--set', 'defects=[]')];
  const difference = JSON.parse(kafsim('diff', one, other, '--format', 'json'));
  const { page, troubles, close } = await open(pageOfTwo(one, other), { hash: '#tab=state' });
  const both = (what) => page.evaluate((name) => globalThis.kafsims.map((app) => app[name]), what);
  assert.match(await page.locator('.difference').first().innerText(), /Where they part[^]*run 1[^]*run 2[^]*A is “run 1”, B “run 2”[^]*defects = \["unclean-leader-election"\] in A, \[\] in B/);
  for (const told of difference.first) assert.ok((await page.locator('.difference').first().innerText()).includes(told?.words ?? told?.line ?? 'has no such event'));
  // Before they part they are at the same event, later at the same moment.
  const parting = Math.min(...difference.first.map((told) => told?.event ?? Infinity));
  await page.evaluate((to) => globalThis.kafsim.go(to), parting - 5);
  assert.deepEqual(await both('cursor'), [parting - 5, parting - 5]);
  await page.evaluate(() => globalThis.kafsim.goTime(20e6));
  assert.deepEqual(await both('time'), [20e6, 20e6]);
  assert.deepEqual(await page.evaluate(() => globalThis.kafsims.map((app) => app.run.moment(app.cursor) <= 20e6 && app.run.moment(app.cursor + 1) > 20e6)), [true, true]);
  await page.evaluate(() => globalThis.kafsim.draw());
  assert.equal(await page.locator('#panel-state pre').textContent(), kafsim('state', one, '--at', `e${await cursor(page)}`));
  const room = await page.locator('#controls').boundingBox();
  await page.keyboard.press('x');
  await settle(page);
  const second = await page.evaluate(() => globalThis.kafsims[1].cursor);
  assert.equal(await page.locator('#panel-state-2 pre').textContent(), kafsim('state', other, '--at', `e${second}`));
  assert.ok(await page.locator('#panel-state').isHidden());
  // The second run has controls and details of its own, in the same place.
  assert.ok(await page.locator('#panel-state-2').isVisible());
  assert.deepEqual(await page.locator('#controls-2').boundingBox(), room);
  await page.waitForFunction(() => location.hash.includes('run=2'));
  await page.keyboard.press('Space');
  await page.waitForFunction((from) => globalThis.kafsims[0].cursor > from, await cursor(page));
  await page.keyboard.press('Space');
  assert.deepEqual(troubles, []);
  await close();
});

test('a replica says in any size whether it is in sync, and how far it is behind', async () => {
  for (const [width, height] of [[1600, 950], [1024, 768]]) {
    const { page, close } = await open(pageOfTwo(runOf(BROKEN), runOf(BROKEN, '--set', 'defects=[]')), { width, height });
    for (const place of ['', '-2']) {
      const texts = (await written(page, `lanes${place}`)).map(({ text }) => text);
      const lanes = await page.locator(`#lanes${place} canvas`).getAttribute('aria-label');
      const replicas = lanes.match(/broker \d+: log end/g).length;
      assert.equal(texts.filter((text) => /^(in sync|out of sync|down|paused|not started|stale leader|believes)/.test(text)).length, replicas, `${width} ${texts.join()}`);
      assert.ok(!texts.some((text) => /^-\d/.test(text)), texts.join());
      assert.match(await page.locator(`#lanes${place} .facts`).innerText(), /ISR/);
      assert.ok((await page.locator(`#cluster${place} canvas`).boundingBox()).height > 60, `the map at ${width}`);
    }
    await close();
  }
});

test('a lesson begins at its first note, names its runs, and keeps a riddle until its last', async () => {
  const notes = [{ event: 900, title: 'First', text: 'One.' }, { event: 1200, title: 'Second', text: 'Two.' }];
  const riddle = tampered(pageOf(runOf(BROKEN)), 'riddle', { head: (head) => ({ ...head, lesson: { title: 'A', summary: 'B', notes, is_riddle: true } }) });
  const one = await open(riddle, { hash: '#tab=why' });
  assert.equal(await cursor(one.page), 900);
  const told = JSON.parse(kafsim('explain', runOf(BROKEN), '--format', 'json', '--no-rerun'));
  const isTold = async () => (await one.page.locator('body').innerText()).includes(told.sentence);
  const violations = () => one.page.evaluate(() => globalThis.kafsim.violations.length);
  await one.page.click('text=Begin');
  assert.deepEqual([await isTold(), await violations()], [false, 0]);
  await one.page.click('text=Next');
  await settle(one.page);
  assert.equal(await isTold(), true);
  assert.ok(await violations() > 0);
  assert.deepEqual(one.troubles, []);
  await one.close();
  const runs = ['rule of then', 'rule of now'];
  const compared = tampered(pageOfTwo(runOf(BROKEN), runOf(BROKEN, '--set', 'defects=[]')), 'named', { head: (head) => ({ ...head, lesson: { title: 'A', summary: 'B', notes, runs } }) });
  const two = await open(compared, { hash: '#tab=why' });
  for (const place of ['#head', '#lanes', '#cluster', '#timeline']) assert.match(await two.page.locator(place).innerText(), /rule of then/, place);
  assert.match(await two.page.locator('#lanes-2').innerText(), /rule of now/);
  assert.match(await two.page.locator('.difference').first().innerText(), /rule of then[^]*rule of now/);
  assert.doesNotMatch(await two.page.locator('body').innerText(), /\brun [12]\b/);
  await two.close();
});

test('records that stand twice, or late, or are read again, are shown as such', async () => {
  const { page, close } = await open(pageOf(runOf('scenarios/lessons/ack_that_never_came.toml')), { hash: '#tab=history' });
  await page.check('#only-bad');
  await settle(page);
  const text = await page.locator('#panel-history').innerText();
  assert.match(text, /\d+ duplicated/);
  assert.match(text, /\d+ out of order/);
  for (const row of [/\bw \d+[^\n]* twice/, /\br \d+[^\n]* twice/, /\bw \d+[^\n]* late/]) assert.match(text, row);
  await close();
});

test('what a failure of the power took is gone from the lanes, and the story says so', async () => {
  const run = runOf(POWER);
  const ends = kafsim('events', run, 'kind=durable-end part:orders', '--format', 'json').trim().split('\n').map((line) => JSON.parse(line));
  const end = ends.find(({ fields }) => fields.durable_end < fields.log_end_offset);
  const { page, close } = await open(pageOf(run), { hash: `#e=${end.index}&p=orders-0&tab=state` });
  const node = end.host.split('-')[1];
  assert.match(await page.locator('#lanes canvas').getAttribute('aria-label'), new RegExp(`broker ${node}: log end ${end.fields.durable_end}, high watermark gone with its process`));
  assert.equal(await page.locator('pre.state').textContent(), kafsim('state', run, '--at', `e${end.index}`));
  assert.match(await page.locator('#controls').innerText(), /loses, with its power, \d+ records/);
  await close();
});

test('a violation of the quorum is shown on its log', async () => {
  const { page, close } = await open(pageOf(runOf('scenarios/museum/kafka_12619.toml')), {});
  assert.match(await page.locator('#lanes canvas').getAttribute('aria-label'), /^__cluster_metadata-0/);
  const texts = (await written(page, 'lanes')).map(({ text }) => text);
  assert.ok(texts.some((text) => /^controller-\d/.test(text)) && texts.some((text) => /^(leader|follower|candidate|voter|prospective|unattached|no role|down|resigned)/.test(text)), texts.join());
  await close();
});

test('owners, generations and commits of a group are those of its events', async () => {
  const run = runOf(GROUPS);
  const { page, troubles, close } = await open(pageOf(run), { hash: '#tab=groups' });
  const lines = (filter) => kafsim('events', run, filter, '--format', 'json').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const [taken, given] = [lines('kind=partition-taken'), lines('kind=partition-given-up|host-stopped')];
  const end = await page.evaluate(() => globalThis.kafsim.last);
  const last = lines('kind=offset-committed').at(-1);
  const began = lines('kind=group-epoch-began').at(-1);
  for (const event of [Math.floor(end * 0.3), Math.floor(end * 0.6), end]) {
    const expected = new Map();
    for (const one of [...taken, ...given].filter((it) => it.index <= event).sort((a, b) => a.index - b.index)) {
      const mine = expected.get(one.host) ?? new Set();
      if (one.kind === 'partition-taken') mine.add(one.fields.partition);
      else if (one.kind === 'partition-given-up') mine.delete(one.fields.partition);
      else mine.clear();
      expected.set(one.host, mine);
    }
    await page.evaluate((to) => {
      globalThis.kafsim.go(to);
      globalThis.kafsim.draw();
    }, event);
    const shown = await page.locator('.members tr').evaluateAll((rows) => rows.map((row) => [row.cells[0].textContent.trim(), row.cells[2].textContent]));
    for (const [host, owns] of shown) assert.deepEqual(owns === '-' ? [] : owns.split(' ').sort(), [...(expected.get(host) ?? [])].sort(), `${host} after e${event}`);
    assert.ok(shown.some(([, owns]) => owns !== '-'));
  }
  assert.match(await page.locator('.groups .facts').innerText(), new RegExp(`\\b${began.fields.epoch}\\b[^]*members`));
  assert.ok(last.index < end);
  assert.deepEqual(troubles, []);
  await close();
});

// Not what it takes in time, but in elements and letters: what cannot be seen is not made.
test('a group that goes over to the other protocol counts by the one that it has', async () => {
  const run = runOf('scenarios/groups/migrate_to_kip_848.toml');
  const { page, close } = await open(pageOf(run), { hash: '#tab=groups' });
  const began = kafsim('events', run, 'kind=group-epoch-began', '--format', 'json').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(new Set(began.map(({ fields }) => fields.protocol)).size, 2);
  for (const { index, fields: { protocol, epoch } } of [began[0], began[1], began.at(-1)]) {
    await page.evaluate((to) => globalThis.kafsim.go(to), index);
    await settle(page);
    const word = protocol === 'classic' ? 'generation' : 'epoch';
    assert.ok((await page.locator('.groups .facts').innerText()).includes(`${protocol}, ${word} ${epoch}`), `e${index}`);
  }
  assert.match(await page.locator('.story').innerText(), /billing: turns from the classic protocol to the consumer protocol, epoch 2 begins with 3 members/);
  await close();
});

test('a thousand partitions are within reach, and only those in sight are drawn', async () => {
  const run = runOf('scenarios/replication/leader_crash.toml', '--set', 'topic.orders.partitions=1000', '--set', 'duration=3s', '--set', 'fault=[]', '--set', 'settle=2s');
  const { page, troubles, close } = await open(pageOf(run), { hash: '#e=999999999' });
  assert.equal(await page.evaluate(() => globalThis.kafsim.state.shown.length), 1000);
  const names = async () => (await written(page, 'partitions')).map(({ text }) => text).filter((text) => /^orders-\d+$/.test(text));
  const seen = (await names()).length;
  assert.ok(seen > 2 && seen < 60, `${seen} names of partitions`);
  await page.locator('#partitions [tabindex="0"]').focus();
  await page.keyboard.press('End');
  await settle(page);
  assert.equal(await page.evaluate(() => globalThis.kafsim.partition.name), 'orders-999');
  assert.ok((await names()).includes('orders-999'));
  await page.evaluate(() => { location.hash = '#p=orders-500&tab=state'; });
  await page.waitForFunction(() => globalThis.kafsim.partition.name === 'orders-500');
  await settle(page);
  assert.ok((await names()).includes('orders-500'));
  assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 1500, 'elements');
  assert.deepEqual(troubles, []);
  await close();
});

test('sixty members of a group are told apart, and their hundred partitions scroll', async () => {
  const { page, troubles, close } = await open(pageOf(runOf('scenarios/groups/sixty_members.toml')), { hash: '#tab=groups' });
  await page.evaluate(() => {
    globalThis.kafsim.goTime(25e6);
    globalThis.kafsim.draw();
  });
  const rows = await page.locator('.members tr').evaluateAll((all) => all.map((row) => row.cells[0].textContent.trim()));
  assert.ok(rows.length >= 60 && new Set(rows).size === rows.length, `${rows.length} rows`);
  const names = () => page.evaluate(() => [...globalThis.written].find(([canvas]) => canvas.closest('.groups'))[1].map(({ text }) => text).filter((text) => /-\d+$/.test(text) && !/^\D+-\d+ /.test(text)));
  const first = await names();
  assert.ok(first.length < 60, `${first.length} names of partitions and owners`);
  await page.locator('.groups .canvas').evaluate((pane) => { pane.scrollTop = pane.scrollHeight; });
  await settle(page);
  await settle(page);
  assert.notDeepEqual(await names(), first);
  assert.deepEqual(troubles, []);
  await close();
});

test('a pane is made large, and small again', async () => {
  const { page, close } = await open(lostPage());
  const height = () => page.locator('#quorum').evaluate((pane) => pane.getBoundingClientRect().height);
  const before = await height();
  await page.click('#quorum .enlarge');
  assert.ok(await height() > before * 1.5);
  assert.ok(await page.locator('#cluster').isHidden());
  await page.keyboard.press('Escape');
  assert.ok(Math.abs(await height() - before) < 1);
  await close();
});

test('keys move through events, incidents, causes and partitions', async () => {
  const { page, troubles, close } = await open(pageOf(runOf(HELD)), { hash: '#e=1000' });
  assert.equal(await cursor(page), 1000);
  await page.keyboard.press('.');
  assert.equal(await cursor(page), 1001);
  await page.keyboard.press(',');
  await page.keyboard.press(',');
  assert.equal(await cursor(page), 999);
  const incidents = await page.evaluate(() => globalThis.kafsim.incidentEvents);
  await page.keyboard.press('n');
  const next = incidents.find((event) => event > 999);
  assert.equal(await cursor(page), next);
  await page.keyboard.press('n');
  await page.keyboard.press('p');
  assert.equal(await cursor(page), next);
  await page.keyboard.press('End');
  assert.equal(await cursor(page), await page.evaluate(() => globalThis.kafsim.run.count - 1));
  await page.keyboard.press('Home');
  assert.equal(await cursor(page), 0);
  await page.evaluate(() => globalThis.kafsim.go(40_000));
  const cause = await page.evaluate(() => globalThis.kafsim.run.columns.cause[40_000]);
  await page.keyboard.press('[');
  assert.equal(await cursor(page), cause);
  await page.keyboard.press(']');
  assert.equal(await page.evaluate(() => globalThis.kafsim.run.columns.cause[globalThis.kafsim.cursor]), cause);
  await page.keyboard.press('2');
  assert.equal(await page.evaluate(() => globalThis.kafsim.partition.name), 'orders-1');
  await page.keyboard.press('d');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  await page.keyboard.press('?');
  assert.equal(await page.locator('#help').evaluate((dialog) => dialog.open), true);
  await page.keyboard.press('Escape');
  assert.deepEqual(troubles, []);
  await close();
});

test('playing moves time, and stops', async () => {
  const { page, troubles, close } = await open(lostPage(), { hash: '#t=5' });
  const begin = await cursor(page);
  await page.selectOption('#controls select', '1');
  await page.keyboard.press('Space');
  await page.waitForFunction((from) => globalThis.kafsim.cursor > from + 200, begin, { timeout: 10_000 });
  await page.keyboard.press('Space');
  await settle(page);
  const stopped = await cursor(page);
  await page.waitForTimeout(200);
  assert.equal(await cursor(page), stopped);
  assert.deepEqual(troubles, []);
  await close();
});

test('a link leads back to the same moment', async () => {
  const first = await open(lostPage());
  await first.page.evaluate(() => {
    const app = globalThis.kafsim;
    app.zoom(18e6, 19e6);
    app.go(45_209, { follow: true });
    app.setTheme('light');
  });
  await first.page.fill('.filter', 'kind=role-taken|log-truncated');
  await first.page.waitForFunction(() => globalThis.kafsim.filtered);
  await first.page.waitForFunction(() => location.hash.includes('e=45209') && location.hash.includes('kind'));
  const hash = await first.page.evaluate(() => location.hash);
  await first.close();
  const second = await open(lostPage(), { hash });
  await second.page.waitForFunction(() => globalThis.kafsim.filtered);
  const seen = await second.page.evaluate(() => {
    const app = globalThis.kafsim;
    return { cursor: app.cursor, from: app.from, to: app.to, filter: app.filter.text, theme: app.theme, partition: app.partition.name, shown: app.filtered.length };
  });
  assert.deepEqual(seen, { cursor: 45_209, from: 18e6, to: 19e6, filter: 'kind=role-taken|log-truncated', theme: 'light', partition: 'orders-0', shown: seen.shown });
  assert.equal(seen.shown, kafsim('events', runOf(LOST), 'kind=role-taken|log-truncated').trimEnd().split('\n').length);
  await second.page.keyboard.press('.');
  assert.match(await second.page.evaluate(() => globalThis.kafsim.run.kindName(globalThis.kafsim.cursor)), /^(role-taken|log-truncated)$/);
  await second.close();
});

test('links that make no sense do no harm', async () => {
  for (const hash of ['#e=1e99', '#e=-5', '#e=NaN', '#p=nobody&t=x', '#z=5-1', '#f=%22open', '#tab=../x', '#notes=[{"event":"x"}]', '#notes=%7B', '#theme=<b>', '#%E0%A4']) {
    const { page, troubles, close } = await open(lostPage(), { hash });
    const at = await cursor(page);
    assert.ok(Number.isInteger(at) && at >= 0, hash);
    assert.deepEqual(troubles, [], hash);
    await close();
  }
});

test('what an address says in vain is told, and does not stay', async () => {
  for (const [hash, word] of [['t=abc', /t=abc/], ['p=nope-9', /nope-9/], ['z=50-10', /z=50-10/], ['tab=groups', /tab groups/]]) {
    const { page, close } = await open(lostPage(), { hash: `#${hash}` });
    assert.match(await page.locator('[role="alert"].toast').innerText(), word);
    await page.waitForFunction((text) => !location.hash.includes(text), hash);
    await close();
  }
  const { page, close } = await open(lostPage(), { hash: '#f=kind%3Dlog-truncated%20index%3D1' });
  await page.waitForFunction(() => globalThis.kafsim.filtered?.length === 0);
  assert.match(await page.locator('#panel-events').innerText(), /No event of this run passes the filter\./);
  await close();
});

test('an address that can be followed is not complained of', async () => {
  for (const partition of ['orders-0', '__cluster_metadata-0']) {
    const { page, close } = await open(lostPage(), { hash: `#t=5&p=${partition}` });
    await page.waitForFunction((name) => new URLSearchParams(location.hash.slice(1)).get('p') === name, partition);
    assert.equal(await page.locator('.toast').count(), 0, partition);
    await close();
  }
});

test('notes are kept by the address, and a saved copy has them', async () => {
  const { page, troubles, close } = await open(lostPage());
  await page.keyboard.press('m');
  await page.keyboard.type('look <b>here</b>');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.includes('notes='));
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=save a copy with notes')]);
  const saved = await download.path();
  const html = readFileSync(saved, 'utf8');
  assert.ok(html.includes('look \\u003cb\\u003ehere'), 'the note stands in the copy');
  const hash = await page.evaluate(() => location.hash);
  assert.deepEqual(troubles.filter((one) => !one.includes('blob:')), []);
  await close();
  const again = await open(lostPage(), { hash: `${hash}&tab=notes` });
  assert.match(await again.page.locator('.notes').innerText(), /look <b>here<\/b>/);
  await again.close();
});

test('nothing serious for axe, in both themes and with each tab', async () => {
  const lesson = tampered(pageOf(runOf(BROKEN)), 'lesson-axe', { head: (head) => ({ ...head, lesson: { title: 'A', summary: 'B', notes: [{ event: 5, title: 'C', text: 'D', question: 'E', answer: 'F' }] } }) });
  const pages = [
    [lostPage(), '', ['events', 'history', 'state', 'notes', 'scenario']], [pageOf(runOf(GROUPS)), '', ['groups']], [pageOf(runOf(BROKEN)), '', ['events']], [lesson, '#n=1', ['why', 'notes']],
    [pageOfTwo(runOf(BROKEN), runOf(BROKEN, '--set', 'defects=[]')), '', ['events']],
  ];
  for (const scheme of ['dark', 'light']) {
    for (const [path, hash, tabs] of pages) {
      const { page, close } = await open(path, { scheme, hash });
      for (const tab of tabs) {
        await page.click(`#tab-${tab}`);
        // Colours come in by and by; what is read between is none of the theme's.
        await settle(page);
        await page.waitForTimeout(150);
        // The page's own policy lets no script in but its own; the tool comes from outside the page.
        const found = await page.evaluate(`(async () => { ${axe}; return (await axe.run(document, { resultTypes: ['violations'] })).violations; })()`);
        const serious = found.filter((one) => one.impact === 'serious' || one.impact === 'critical')
          .map((one) => `${one.id}: ${one.nodes.slice(0, 4).map((node) => `${node.html.slice(0, 120)} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
        assert.deepEqual(serious, [], `${scheme}, ${tab}, ${path}`);
      }
      await close();
    }
  }
});

test('small screens reflow and clip nothing', async () => {
  for (const [width, height] of [[1600, 950], [1024, 768], [800, 900], [390, 800]]) {
    const { page, troubles, close } = await open(lostPage(), { width, height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 1, `${width} x ${height}: ${wide} pixels too wide`);
    assert.ok(await page.locator('#controls input[type="range"]').isVisible(), `the slider at ${width}`);
    // All tabs can be seen whole.
    const room = await page.locator('#tabs').boundingBox();
    for (const tab of await page.locator('.tablist button').all()) {
      const { x, width: own } = await tab.boundingBox();
      assert.ok(x >= room.x - 1 && x + own <= room.x + room.width + 1, `${await tab.innerText()} at ${width}`);
    }
    assert.deepEqual(troubles, []);
    await close();
  }
});

test('what is written on a small map stands apart, and names can be told apart', async () => {
  // Two brokers are down and fenced at once; four producers have long names.
  const run = runOf('scenarios/museum/kip_101.toml');
  const at = JSON.parse(kafsim('state', run, '--at', '19', '--format', 'json')).event;
  const { page, close } = await open(pageOf(run), { width: 1024, height: 768, hash: `#e=${at}` });
  const texts = (await written(page, 'cluster')).filter(({ text }) => /down|fenced|checko/.test(text));
  for (const [n, a] of texts.entries()) {
    for (const b of texts.slice(n + 1)) assert.ok(Math.abs(a.y - b.y) > 9 || a.right <= b.left + 1 || b.right <= a.left + 1, `${a.text} and ${b.text}`);
  }
  const names = texts.filter(({ text }) => /checko/.test(text)).map(({ text }) => text);
  assert.equal(new Set(names).size, names.length, names.join());
  await close();
});

test('a picture has colours and all its letters', async () => {
  const { page, close } = await open(pageOf(runOf(HELD)));
  const found = await page.evaluate(() => {
    const colors = {};
    for (const canvas of document.querySelectorAll('canvas')) {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let n = 0; n < data.length; n += 4) if (data[n + 3] > 200) seen.add((data[n] << 16) | (data[n + 1] << 8) | data[n + 2]);
      colors[canvas.closest('section').id] = seen.size;
    }
    // A glyph that the fonts lack is as wide as one that no font has.
    const context = document.createElement('canvas').getContext('2d');
    context.font = '16px system-ui, sans-serif';
    const missing = context.measureText('\u{10fffd}').width;
    const text = [...new Set(document.body.innerText)].filter((letter) => letter > '\u007f');
    return { colors, tofu: text.filter((letter) => context.measureText(letter).width === missing) };
  });
  for (const pane of ['cluster', 'lanes', 'timeline', 'partitions', 'quorum']) assert.ok(found.colors[pane] > 12, `${pane} has ${found.colors[pane]} colours`);
  assert.deepEqual(found.tofu, []);
  await close();
});

test('names with markup stay text', async () => {
  const evil = '</script><img src=x onerror="alert(1)"><b>bold</b>';
  const path = tampered(lostPage(), 'markup', {
    head: (head) => {
      head.title = evil;
      head.file = evil;
      head.again = evil;
      head.scenario = evil;
      for (const host of head.setup.hosts) host.name = evil + host.name;
      for (const one of head.verdicts) if (one.verdict.violation) one.verdict.violation.sentence = evil;
      for (const kind of Object.keys(head.kinds)) head.kinds[kind] = evil;
      for (const event of Object.keys(head.faults)) head.faults[event] = evil;
      head.notes = [{ event: 1, text: evil }];
      head.explanations = [{
        ...JSON.parse(kafsim('explain', runOf(BROKEN), '--format', 'json', '--no-rerun')), property: evil, sentence: evil, steps: [{ event: 1, moment_us: 5, kind: evil, host: evil, text: evil, because: evil }],
        saved_by: [{ change: evil, set: [evil], helped: true, outcome: evil, nearby: null }, { change: evil, set: [evil], helped: false, another: true, outcome: evil, nearby: null }],
        not_tried: [evil, evil], again: [evil],
      }];
      head.lesson = { title: evil, summary: evil, notes: [{ event: 1, title: evil, text: evil, question: evil, answer: evil, pane: evil, partition: evil }] };
      head.left_out = evil;
      return head;
    },
  });
  const { page, troubles, close } = await open(path);
  for (const tab of ['why', 'history', 'state', 'notes', 'scenario', 'events']) await page.click(`#tab-${tab}`);
  await page.keyboard.press('j');
  await page.keyboard.press('n');
  await page.keyboard.press('?');
  await settle(page);
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.locator('main b:text-is("bold")').count(), 0);
  assert.deepEqual(troubles, []);
  await close();
});

// The columns of a page from which every second event of a run, and its first ten, were left out.
function partOf(bytes) {
  const count = bytes.readUInt32LE(0);
  const lengths = Array.from({ length: count }, (_, n) => bytes.readUInt32LE(4 + 4 * n));
  let at = 4 + 4 * count;
  const columns = lengths.map((length) => bytes.subarray(at, at += length));
  const schema = JSON.parse(columns[0].toString());
  columns.push(Buffer.from(Array.from({ length: schema.events }, (_, n) => (n === 0 ? 10 : 2))));
  columns[0] = Buffer.from(JSON.stringify({ ...schema, numbers: count }));
  const header = Buffer.alloc(4 + 4 * columns.length);
  [columns.length, ...columns.map((column) => column.length)].forEach((value, n) => header.writeUInt32LE(value, 4 * n));
  return Buffer.concat([header, ...columns]);
}

test('a page of a part of a run calls events what the whole run calls them', async () => {
  const told = JSON.parse(kafsim('explain', runOf(BROKEN), '--format', 'json', '--no-rerun'));
  const number = (place) => 2 * place + 10;
  const path = tampered(pageOf(runOf(BROKEN)), 'part', {
    columns: partOf,
    head: (head, bytes) => ({
      ...head, expanded: bytes.length, left_out: 'Half of it is left out.',
      explanations: [{ ...told, event: number(told.event), steps: told.steps.map((step) => ({ ...step, event: number(step.event) })) }],
    }),
  });
  const { page, troubles, close } = await open(path, { hash: `#e=${number(500)}&tab=state` });
  assert.equal(await cursor(page), 500);
  assert.match(await page.locator('pre.state').textContent(), /^Event: e1010 /);
  assert.match(await page.locator('#head').innerText(), /Half of it is left out\./);
  // One that is left out is the one before it.
  await page.evaluate(() => { location.hash = '#e=1013'; });
  await page.waitForFunction(() => globalThis.kafsim.cursor === 501);
  await page.click('#tab-events');
  await page.fill('input.filter', 'index=1014');
  await page.waitForFunction(() => globalThis.kafsim.filtered?.length === 1);
  assert.equal(await page.evaluate(() => globalThis.kafsim.filtered[0]), 502);
  await page.locator('.steps button').first().click();
  await settle(page);
  assert.equal(await cursor(page), told.steps[0].event);
  assert.match(await page.locator('#controls').innerText(), new RegExp(`e${number(told.steps[0].event)}\\b`));
  await page.waitForFunction((wanted) => new URLSearchParams(location.hash.slice(1)).get('e') === wanted, String(number(told.steps[0].event)));
  assert.deepEqual(troubles, []);
  await close();
});

test('where a page does not know a log it shows no number of it', async () => {
  const path = tampered(lostPage(), 'unknown', { head: (head) => ({ ...head, left_out: 'Logs are left out.', logs: { from: 20_000, to: 30_000, partitions: null } }) });
  const { page, troubles, close } = await open(path, { hash: '#e=31000&tab=state&p=orders-0', width: 1024, height: 768 });
  const rows = async () => (await page.locator('pre.state').textContent()).split('Topic: orders')[1].split('\n').filter((line) => /^  \d/.test(line));
  for (const row of await rows()) assert.match(row, / \? +\? +\? /);
  assert.match(await page.locator('#lanes canvas').getAttribute('aria-label'), /its log is not in this page/);
  assert.ok((await written(page, 'lanes')).some(({ text }) => text === 'not in this page'));
  assert.ok((await page.locator('.left-out').boundingBox()).height < 40, 'the sentence has a line of its own');
  assert.doesNotMatch(await page.locator('#head').innerText(), /records lost/);
  await page.evaluate(() => globalThis.kafsim.go(25_000));
  await settle(page);
  for (const row of await rows()) assert.doesNotMatch(row, /\?/);
  assert.deepEqual(troubles, []);
  await close();
});

test('runs that are cut or lie end in a sentence, soon', async () => {
  const page = lostPage();
  const hostile = {
    'cut gzip': { packed: (bytes) => bytes.subarray(0, bytes.length >> 1) },
    'no gzip': { packed: () => Buffer.from('not gzip at all') },
    'cut columns': { columns: (bytes) => bytes.subarray(0, bytes.length - 1000), head: (head, bytes) => ({ ...head, expanded: bytes.length }) },
    'huge size': { head: (head) => ({ ...head, expanded: 1e15 }) },
    'wrong size': { head: (head) => ({ ...head, expanded: head.expanded - 1 }) },
    'newer page': { head: (head) => ({ ...head, view_format: 99 }) },
    'huge count': { columns: (bytes) => Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), bytes.subarray(4)]) },
    'huge column': { columns: (bytes) => Buffer.concat([bytes.subarray(0, 4), Buffer.from([0xff, 0xff, 0xff, 0xff]), bytes.subarray(8)]) },
    'more events than there are': { columns: (bytes) => Buffer.from(bytes.toString('latin1').replace(/"events":\d+/, (it) => it.replace(/\d/g, '9')), 'latin1') },
    'unknown codec': { columns: (bytes) => Buffer.from(bytes.toString('latin1').replace('"codec":"delta"', '"codec":"dolta"'), 'latin1') },
    'deep shape': { columns: (bytes) => Buffer.from(bytes.toString('latin1').replace('optional(unsigned)', 'optional(optional('), 'latin1') },
  };
  for (const [name, change] of Object.entries(hostile)) {
    const path = tampered(page, name.replace(/ /g, '-'), change);
    const begin = Date.now();
    const opened = await open(path, { isFailing: true });
    assert.ok(Date.now() - begin < 10_000, name);
    assert.match(await opened.page.locator('#veil').innerText(), /This run cannot be shown\./, name);
    assert.deepEqual(opened.troubles, [], name);
    await opened.close();
  }
});

test('columns with bytes turned at random neither hang the page nor run script', async () => {
  const draw = random(99);
  for (let n = 0; n < 12; n++) {
    const path = tampered(lostPage(), `turned-${n}`, {
      columns: (bytes) => {
        const turned = Buffer.from(bytes);
        for (let k = 0; k < 40; k++) turned[4000 + Math.floor(draw.next().value * (turned.length - 4000))] = Math.floor(draw.next().value * 256);
        return turned;
      },
    });
    const tab = await context({ offline: true });
    const page = await tab.newPage();
    const dialogs = [];
    page.on('dialog', (dialog) => dialogs.push(dialog.message()));
    await page.goto(pathToFileURL(path).href);
    await page.waitForFunction(() => document.documentElement.dataset.ready || document.documentElement.dataset.failed, null, { timeout: 15_000 });
    assert.deepEqual(dialogs, []);
    await tab.close();
  }
});
