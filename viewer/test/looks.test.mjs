// What a page shows first, what it calls things, and whether all of it can be seen.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BROKEN, launch, lessonOf, LOST, lostPage, open, quit, settle, written, writtenAnew } from './page.mjs';
import { kafsim, pageOf, pageOfTwo, runOf, tampered } from './support.mjs';

const EPOCHS = 'scenarios/lessons/leader_epochs.toml';

before(launch);
after(quit);

test('a run that is about groups opens with them, and others with their events', async () => {
  const broken = (subject) => (head) => ({
    ...head, verdicts: head.verdicts.map((one, n) => (n > 0 ? one : { ...one, verdict: { ...one.verdict, result: 'violated', violations: 1, violation: { evidence: [5000], sentence: 'Broken.', subject } } })),
  });
  const held = pageOf(runOf('scenarios/groups/migrate_to_kip_848.toml'));
  for (const [path, tab] of [
    [lostPage(), 'events'], [held, 'groups'], [pageOf(runOf('scenarios/museum/asynchronous_processing.toml')), 'groups'],
    [tampered(held, 'of-a-group', { head: broken({ kind: 'group', group: 'billing' }) }), 'groups'],
    [tampered(held, 'of-records', { head: broken({ kind: 'records' }) }), 'events'],
  ]) {
    const { page, troubles, close } = await open(path);
    assert.equal(await page.locator('.tablist [aria-selected="true"]').getAttribute('id'), `tab-${tab}`, path);
    assert.ok(await page.locator(`#panel-${tab}`).isVisible());
    assert.deepEqual(troubles, []);
    await close();
  }
  // The address says which tab is open where it is another one.
  const { page, close } = await open(held);
  await page.click('#tab-events');
  await page.waitForFunction(() => location.hash.includes('tab=events'));
  const again = await open(held, { hash: await page.evaluate(() => location.hash) });
  assert.ok(await again.page.locator('#panel-events').isVisible());
  await again.close();
  await page.click('#tab-groups');
  await page.waitForFunction(() => location.hash.length > 1 && !location.hash.includes('tab='));
  await close();
});

// Colours as they are seen, also by who lacks one kind of cones (Machado, Oliveira, Fernandes 2009), in OKLab.
const EYES = [
  [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
];
const times = (matrix, [x, y, z]) => matrix.map(([a, b, c]) => a * x + b * y + c * z);
const linear = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
const seenBy = (eye, color) => times([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]],
  times([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]],
    times(eye, linear(color)).map((part) => Math.min(1, Math.max(0, part)))).map(Math.cbrt));
const apart = (eye, one, other) => Math.hypot(...seenBy(eye, one).map((part, n) => part - seenBy(eye, other)[n]));
const contrast = (...colors) => {
  const [light, dark] = colors.map((color) => 0.05 + times([[0.2126, 0.7152, 0.0722], [0, 0, 0], [0, 0, 0]], linear(color))[0]).sort((a, b) => b - a);
  return light / dark;
};

test('brokers have colours that all eyes tell apart, members others and a shape of their own', async () => {
  for (const scheme of ['dark', 'light']) {
    const { page, close } = await open(pageOf(runOf('scenarios/groups/migrate_to_kip_848.toml')), { scheme, hash: '#t=30&tab=groups' });
    const { nodes, members, inset } = await page.evaluate(() => globalThis.kafsim.colors);
    for (const [n, one] of nodes.entries()) {
      assert.ok(contrast(one, inset) >= 3, `${scheme}: ${one} on its ground`);
      for (const other of nodes.slice(n + 1)) for (const [k, eye] of EYES.entries()) assert.ok(apart(eye, one, other) >= 0.075, `${scheme}: brokers ${one}, ${other}, eye ${k}`);
    }
    for (const [n, one] of members.entries()) {
      assert.ok(contrast(one, inset) >= 3, `${scheme}: ${one} on its ground`);
      for (const node of nodes) assert.ok(apart(EYES[0], one, node) >= 0.09, `${scheme}: member ${one}, broker ${node}`);
      for (const other of members.slice(n + 1)) for (const [k, eye] of EYES.entries()) assert.ok(apart(eye, one, other) >= 0.085, `${scheme}: ${one}, ${other}, eye ${k}`);
    }
    const dots = await page.locator('.members i').evaluateAll((all) => all.map((dot) => [dot.style.background, getComputedStyle(dot).borderRadius]));
    assert.equal(new Set(dots.map(([color]) => color)).size, 3);
    const rgb = (color) => `rgb(${[1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)).join(', ')})`;
    for (const [color, radius] of dots) assert.ok(members.map(rgb).includes(color) && radius !== '50%', `${color} ${radius}`);
    // The map has the same colour where the member stands, on the edge of a square.
    const corner = await page.evaluate(() => {
      const map = globalThis.kafsim.panes.find((pane) => pane.places);
      const host = globalThis.kafsim.run.hosts.find(({ name }) => name === 'billing-1');
      const { x, y, radius } = map.places[host.id];
      const canvas = document.querySelector('#cluster canvas');
      const { data } = canvas.getContext('2d').getImageData(Math.round(x - radius + 2), Math.round(y - radius), 1, 1);
      return `rgb(${[...data].slice(0, 3).join(', ')})`;
    });
    assert.equal(corner, dots[0][0]);
    // What is written on a bar can be read.
    const ink = await page.evaluate(() => globalThis.inks);
    for (const [color, on] of ink) assert.ok(contrast(color, on) >= 4.5, `${color} on ${on}`);
    assert.ok(ink.length > 0);
    await close();
  }
});

test('a log that has parted from its leader\u2019s is said to, where kafsim log shows it', async () => {
  let found = 0;
  for (const [scenario, moments] of [['scenarios/museum/kip_101.toml', ['12', '26.615706', '41', 'end']], [LOST, ['19', '22', '30']],
    // Here a log has other records below some that are the leader's: lag 0, and yet not the same.
    ['scenarios/museum/kip_101_divergence.toml', ['20', '28.131', '28.19', '30', 'end']]]) {
    const run = runOf(scenario);
    const { page, close } = await open(pageOf(run), { hash: '#p=orders-0' });
    for (const at of moments) {
      const shown = JSON.parse(kafsim('log', run, '--partition', 'orders-0', '--at', at, '--format', 'json'));
      const { committed: { leader }, replicas } = shown.partition;
      const leads = replicas.findIndex(({ broker }) => broker === leader);
      await page.evaluate((to) => {
        globalThis.kafsim.go(to);
        globalThis.kafsim.draw();
      }, shown.event);
      const [label, texts] = [await page.locator('#lanes canvas').getAttribute('aria-label'), (await written(page, 'lanes')).map(({ text }) => text)];
      const parted = [];
      for (const [n, { broker }] of replicas.entries()) {
        const letter = (row, k) => row.cells[k]?.batch?.letter ?? null;
        const row = leads < 0 ? undefined : shown.rows.find((one) => letter(one, n) !== null && letter(one, n) !== letter(one, leads));
        const said = new RegExp(`broker ${broker}: [^;]*?(?:, diverged at (\\d+))?, (?:in|out of) sync`).exec(label)[1];
        assert.equal(said, row && String(row.from), `${scenario} at ${at}, broker ${broker}: ${label}`);
        if (row) parted.push(row.from);
      }
      assert.deepEqual(texts.filter((text) => /^at \d/.test(text)).map((text) => Number(text.slice(3))), parted);
      assert.equal(texts.filter((text) => text === 'diverged').length, parted.length);
      found += parted.length;
      // The ISR is told in full.
      assert.ok(await page.locator('#lanes .facts').evaluate((one) => one.scrollHeight - one.clientHeight) <= 1, 'facts are cut');
    }
    await close();
  }
  assert.ok(found >= 8, `${found} logs that parted`);
});

test('where two runs part, and where it is first visible, are two things', async () => {
  const { page, close } = await open(pageOfTwo(runOf(BROKEN), runOf(BROKEN, '--set', 'defects=[]')));
  const headings = await page.locator('.difference h3').allInnerTexts();
  assert.ok(headings.includes('Where they part') && headings.includes('The first visible difference'), headings.join());
  assert.match(await page.locator('#timeline .differ').innerText(), /^first visible difference: /);
  await close();
});

test('each of two compared runs has its own figures in the head, and what differs is among them', async () => {
  for (const [scenario, changed] of [[EPOCHS, 'defects=[]'], ['scenarios/lessons/two_owners.toml', 'group.billing.commit=before'], ['scenarios/lessons/unclean_election.toml', 'topic.orders.config.unclean.leader.election.enable=false']]) {
    const runs = [[], ['--set', changed]];
    const path = pageOfTwo(...runs.map((set) => runOf(scenario, ...set)));
    const expected = runs.map((set) => {
      const { figures: { lost }, claims } = JSON.parse(kafsim('run', scenario, '--no-record', '--format', 'json', ...set));
      const violated = claims.filter(({ violations }) => violations > 0).length;
      const parts = [...(lost > 0 ? [`${lost} records lost`] : []), ...(violated > 0 ? [violated === 1 ? '1 property violated' : `${violated} properties violated`] : [])];
      return parts.join(', ') || 'every property holds';
    });
    assert.notEqual(expected[0], expected[1], scenario);
    for (const width of [1600, 1024]) {
      const { page, close } = await open(path, { width, height: width === 1600 ? 950 : 768 });
      const told = await page.locator('#head .switch').evaluateAll((all) => all.map((one) => one.textContent));
      assert.deepEqual(told, expected.map((one, n) => `run ${n + 1} ${one}`), `${scenario} at ${width}`);
      const cut = await page.locator('#head .switch, #head .switches').evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > document.querySelector('#head .tools').getBoundingClientRect().left).length);
      assert.equal(cut, 0, `${scenario} at ${width}`);
      await close();
    }
  }
});

// A scenario, a change, and which of the two runs part with words that tell them apart.
const PARTINGS = [['min_insync_replicas', 'topic.orders.config.min.insync.replicas=1', [true, true]], ['isr_is_a_promise', 'fault.2.at=10s', [true, true]], ['leader_epochs', 'defects=[]', [true, true]], ['unclean_election', 'topic.orders.config.unclean.leader.election.enable=false', [true, true]]];

test('where two runs part is told in the words of kafsim diff', async () => {
  for (const [name, change, isWorded] of PARTINGS) {
    const runs = [[], ['--set', change]].map((set) => runOf(`scenarios/lessons/${name}.toml`, ...set));
    const { first } = JSON.parse(kafsim('diff', ...runs, '--format', 'json'));
    const { page, close } = await open(pageOfTwo(...runs));
    const sides = await page.locator('.difference .verdict').first().locator('.side').allTextContents();
    assert.equal(sides.length, 2);
    for (const [n, side] of sides.entries()) assert.equal(side, `run ${n + 1} ${isWorded[n] ? first[n].words : first[n].line}`);
    await close();
  }
});

test('of two runs on a small screen faults are named', async () => {
  const runs = [[], ['--set', 'topic.orders.config.min.insync.replicas=1']].map((set) => runOf('scenarios/lessons/min_insync_replicas.toml', ...set));
  const { page, close } = await open(pageOfTwo(...runs), { width: 1024, height: 768 });
  const names = await writtenAnew(page, 'timeline').then((all) => all.filter(({ text }) => /^[123]  /.test(text)));
  assert.deepEqual(names.map(({ text }) => text[0]), ['1', '2', '3']);
  for (const one of names) for (const other of names) assert.ok(one === other || one.y !== other.y || one.right <= other.left || other.right <= one.left, `${one.text} | ${other.text}`);
  await close();
});

// What kafsim tells of a violation.
const explained = new Map();
const told = (run, number) => {
  const key = `${run} ${number}`;
  if (!explained.has(key)) explained.set(key, JSON.parse(kafsim('explain', run, '--format', 'json', '--no-rerun', '--violation', String(number))));
  return explained.get(key);
};

// What is read of the violation: what the choice says, what is in sight, and where everything stands.
const readOf = (page, suffix) => page.evaluate((end) => {
  const pane = document.getElementById(`explain${end}`) ?? document.getElementById(`panel-why${end}`);
  const body = pane.querySelector('.body:not([hidden])');
  const sentence = body.querySelector('.explanation:not(.difference) > .sentence');
  const box = (element) => element.getBoundingClientRect();
  const choice = pane.querySelector('select[aria-label="Which violation"]');
  const steps = [...body.querySelectorAll('.steps .line')];
  return {
    choice: choice?.selectedOptions[0].textContent, sentence: sentence?.textContent, isInSight: sentence !== null && sentence !== undefined && box(sentence).height > 0 && box(sentence).top >= box(body).top && box(sentence).bottom <= box(body).bottom,
    step: steps.length > 0 && box(steps[0]).bottom <= box(body).bottom, moments: globalThis.kafsims.map((app) => app.time),
    partitions: globalThis.kafsims.map((app) => app.partition.name), cursor: globalThis.kafsims[end ? 1 : 0].cursor,
  };
}, suffix);

test('of two runs with several violations each, whichever is chosen is shown, with its moment and its partition', async () => {
  const runs = [runOf(EPOCHS), runOf(EPOCHS, '--set', 'defects=[]')];
  const path = pageOfTwo(...runs);
  for (const [width, height] of [[1600, 950], [1024, 768]]) {
    const { page, troubles, close } = await open(path, { width, height });
    for (const [n, suffix] of ['', '-2'].entries()) {
      const [select, count] = [page.locator(`#explain${suffix} select[aria-label="Which violation"]`), told(runs[n], 1).of];
      await page.locator(`#explain${suffix} .switch`, { hasText: 'Why' }).click();
      assert.ok(count >= 6 && await select.isVisible() && (await select.boundingBox()).width > 140);
      for (const number of [count, 2, 5, 1]) {
        const one = told(runs[n], number);
        await select.selectOption(String(number - 1));
        await settle(page);
        await settle(page);
        const found = await readOf(page, suffix);
        const what = `${one.property} of run ${n + 1} at ${width}: ${JSON.stringify(found)}`;
        assert.equal(found.sentence, one.sentence, what);
        assert.ok(found.isInSight, what);
        assert.equal(found.cursor, one.event, what);
        assert.deepEqual(found.moments, [one.moment_us, one.moment_us], what);
        if (one.picture) assert.deepEqual(found.partitions, [one.picture.partition, one.picture.partition], what);
        assert.equal(await page.evaluate((k) => globalThis.kafsims[k].isActive, n), true);
        // The address leads back to it.
        await page.waitForFunction(([v, k]) => new URLSearchParams(location.hash.slice(1)).get('v') === v && new URLSearchParams(location.hash.slice(1)).get('run') === k, [number > 1 ? String(number) : null, n > 0 ? '2' : null]);
        if (number !== 5) continue;
        assert.ok(await select.isVisible());
        const again = await open(path, { width, height, hash: await page.evaluate(() => location.hash) });
        assert.equal((await readOf(again.page, suffix)).choice, `5 of ${count}: ${one.property}`);
        await again.close();
      }
      // The other run explains the same property, where it violates it too.
      const same = told(runs[1 - n], 2).property;
      const mine = Array.from({ length: count }, (_, k) => told(runs[n], k + 1)).find(({ property }) => property === same);
      if (mine) {
        await select.selectOption(String(mine.number - 1));
        await settle(page);
        await settle(page);
        assert.equal(await page.locator(`#explain${suffix ? '' : '-2'} select[aria-label="Which violation"]`).inputValue(), '1');
      }
      // What the bar offers is whole.
      const cut = await page.locator(`#explain${suffix} .why-pane > .bar`).evaluate((bar) => [...bar.querySelectorAll('button')].filter((one) => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > bar.getBoundingClientRect().right).length);
      assert.equal(cut, 0);
      if (n === 0) await page.keyboard.press('x');
    }
    assert.deepEqual(troubles, []);
    await close();
  }
});

test('another violation of a run is read with its moment, and a link of kafsim view opens it', async () => {
  const run = runOf(EPOCHS);
  const [printed] = kafsim('view', run, '-o', pageOf(run).replace('.html', '-linked.html'), '--no-rerun', '--violation', '6').match(/#\S+/);
  const { page, close } = await open(pageOf(run), { hash: printed });
  const sixth = told(run, 6);
  let found = await readOf(page, '');
  assert.equal(found.sentence, sixth.sentence);
  assert.equal(found.cursor, sixth.event);
  await page.selectOption('select[aria-label="Which violation"]', '6');
  await settle(page);
  found = await readOf(page, '');
  assert.deepEqual([found.sentence, found.cursor], [told(run, 7).sentence, told(run, 7).event]);
  assert.ok(found.isInSight && found.step, JSON.stringify(found));
  await close();
});

test('the event at the cursor is in sight, with those around it', async () => {
  for (const [width, height] of [[1600, 950], [1024, 768]]) {
    const { page, close } = await open(lostPage(), { width, height, hash: '#tab=events' });
    const check = async (what) => {
      await settle(page);
      await settle(page);
      const { list, rows, current } = await page.evaluate(() => {
        const box = ({ top, bottom }) => ({ top, bottom });
        const all = [...document.querySelectorAll('#panel-events .row')];
        return { list: box(document.querySelector('#panel-events .virtual').getBoundingClientRect()), rows: all.map((row) => box(row.getBoundingClientRect())), current: all.findIndex((row) => row.classList.contains('current')) };
      });
      const isWhole = (row) => row.top >= list.top - 0.5 && row.bottom <= list.bottom + 0.5;
      for (const by of [-1, 0, 1]) assert.ok(rows[current + by] && isWhole(rows[current + by]), `${what} at ${width}: row ${current} of ${rows.length}, ${by}`);
    };
    await check('the beginning');
    const all = await page.evaluate(() => globalThis.kafsim.incidentEvents);
    for (const event of all.slice(2, 14)) {
      await page.evaluate((to) => globalThis.kafsim.go(to), event);
      await check(`e${event}`);
    }
    for (let n = 0; n < 8; n++) {
      await page.keyboard.press('.');
      await check(`step ${n}`);
    }
    await close();
  }
});

// Nothing is rolled, cut or covered where a page has a small screen.
for (const [name, make] of [
  ['a museum run', () => pageOf(runOf('scenarios/museum/kip_101.toml'))], ['a run of groups', () => pageOf(runOf('scenarios/groups/migrate_to_kip_848.toml'))],
  ['a lesson of one run', () => lessonOf(pageOf(runOf('scenarios/lessons/end_of_the_log.toml')), 'small')],
  ['a lesson of two runs', () => lessonOf(pageOfTwo(runOf('scenarios/lessons/two_owners.toml'), runOf('scenarios/lessons/two_owners.toml', '--set', 'group.billing.commit=before')), 'small-two')],
]) {
  test(`${name} is whole on a screen of 1024 x 768`, async () => {
    const { page, close } = await open(make(), { width: 1024, height: 768, hash: '#n=1' });
    await settle(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), 'the page is not rolled');
    for (const place of name.includes('two') ? ['', '-2'] : ['']) {
      const { nodes, width, height } = await page.evaluate((suffix) => {
        const app = globalThis.kafsims[suffix ? 1 : 0];
        const { places } = app.panes.find((pane) => pane.places);
        const { clientWidth, clientHeight } = document.querySelector(`#cluster${suffix} canvas`);
        return { nodes: app.run.hosts.filter(({ id }) => places[id]).map(({ id, role, name }) => ({ role, name, ...places[id] })), width: clientWidth, height: clientHeight };
      }, place);
      for (const [n, a] of nodes.entries()) {
        assert.ok(a.x - a.radius >= 0 && a.x + a.radius <= width && a.y - a.radius >= 0 && a.y + a.radius <= height, `${a.name} on the map`);
        assert.ok(a.role !== 'broker' || a.radius >= 15, `${a.name} is small: ${a.radius} on ${width} x ${height}`);
        for (const b of nodes.slice(n + 1)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) >= a.radius + b.radius, `${a.name} and ${b.name}`);
      }
      for (const pane of ['cluster', 'lanes', 'timeline', ...(place || name.includes('two') ? [] : ['quorum'])]) {
        const room = await page.locator(`#${pane}${place} canvas`).boundingBox();
        const texts = await writtenAnew(page, `${pane}${place}`);
        assert.ok(texts.length > 0, pane);
        for (const { text, left, right, y } of texts) assert.ok(left >= -1 && right <= room.width + 1 && y >= 4 && y <= room.height - 3, `${pane}${place}: ${text}`);
      }
      const heads = (await written(page, `lanes${place}`)).map(({ text }) => text);
      for (const head of ['LEO', 'HW', 'lag', 'offset']) assert.ok(heads.includes(head), head);
      // Also what belongs to the replicas in the bar: the ISR.
      const facts = await page.locator(`#lanes${place} .facts`).evaluate((one) => one.scrollHeight - one.clientHeight);
      assert.ok(facts <= 1, `${facts} pixels of the facts are cut`);
    }
    if (!name.includes('two')) {
      const controllers = await page.evaluate(() => globalThis.kafsim.run.controllers.length);
      assert.equal((await written(page, 'quorum')).filter(({ text }) => /^controller \d/.test(text)).length, controllers);
    }
    if (name.includes('lesson')) {
      const note = await page.locator('.lesson').evaluate((one) => [one.scrollHeight, one.clientHeight]);
      assert.ok(note[0] <= note[1], `a note of ${note}`);
      assert.ok(await page.locator('text=Show the answer').isVisible());
    }
    await close();
  });
}
