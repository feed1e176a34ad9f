// What is in sight when a page opens, and whether it can be read.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BROKEN, launch, lessonOf, LOST, open, quit, settle, written, writtenAnew } from './page.mjs';
import { data, kafsim, pageOf, pageOfTwo, runOf, tampered } from './support.mjs';

before(launch);
after(quit);

const SIZES = [[1600, 950], [1024, 768]];
const EPOCHS = 'scenarios/lessons/leader_epochs.toml';
const epochs = () => pageOfTwo(runOf(EPOCHS), runOf(EPOCHS, '--set', 'defects=[]'));

// The stretches of offsets that lanes say they show.
const shownOf = (label) => /; shown: ([\d, to]+)$/.exec(label)[1].split(', ').map((one) => one.split(' to ').map(Number));

test('stretches of offsets hold what matters, and single records can be told apart', async () => {
  const { stretches, BREAK } = await data();
  for (const [points, width, count] of [
    [[900, 905], 300, 1], [[7, 108, 120, 413], 300, 3], [[7, 108, 120, 413], 620, 2], [[40, 103, 160, 203], 460, 1], [[3998, 3997, 3996], 300, 1], [[7, 413], 60, 1],
    [[0, 1_000_000], 300, 2], [[10, 20, 5000, 5010, 90_000, 90_001, 2_000_000], 400, 4], [[], 300, 1], [[0], 300, 1],
  ]) {
    const found = stretches(points, width);
    assert.equal(found.length, count, `${points} in ${width}: ${JSON.stringify(found)}`);
    for (const point of points) assert.ok(found.some(({ from, to }) => from <= point && point <= to), `${point} of ${points} in ${JSON.stringify(found)}`);
    for (const [n, { from, to }] of found.entries()) assert.ok(from >= 0 && to - from >= 5 && from > (found[n - 1]?.to ?? -1), JSON.stringify(found));
    const records = found.reduce((sum, { from, to }) => sum + to - from, 0);
    if (count > 1) assert.ok((width - BREAK * (count - 1)) / records >= 2, `${records} records in ${width}`);
  }
  // A log that grows does not make the scale tremble.
  const spans = new Set();
  for (let end = 400; end < 440; end++) spans.add(stretches([7, 108, 120, end], 620).reduce((sum, { from, to }) => sum + to - from, 0).toFixed(3));
  assert.ok(spans.size <= 2, `${spans.size} scales`);
});

test('lanes show where logs part, at a size that can be read, and two runs at one scale', async () => {
  for (const [width, height] of SIZES) {
    const { page, close } = await open(epochs(), { width, height });
    // The followers cut their logs, each by its rule.
    await page.evaluate(() => {
      const app = globalThis.kafsim;
      const { events } = app.run.columns.kind('log-truncated');
      app.go([...events].find((event) => app.run.hosts[app.run.columns.host[event]].name === 'broker-1'));
      for (const one of globalThis.kafsims) one.draw();
    });
    const labels = await page.locator('#lanes canvas, #lanes-2 canvas').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
    assert.match(labels[0], /broker 1: log end 108, high watermark 108, diverged at 7/);
    const [first, second] = labels.map(shownOf);
    assert.deepEqual(first, second, 'one offset stands at one place in both');
    for (const offset of [7, 108, 120, 413]) assert.ok(first.some(([from, to]) => from <= offset && offset <= to), `${offset} is in ${first.join(' and ')}`);
    for (const pane of ['lanes', 'lanes-2']) {
      const room = await page.locator(`#${pane} canvas`).boundingBox();
      const records = first.reduce((sum, [from, to]) => sum + to - from, 0);
      assert.ok((room.width - 60) / records >= 2.5, `${records} records in ${room.width} pixels`);
      // Each stretch says where it is.
      const below = await written(page, pane);
      const bottom = Math.max(...below.map(({ y }) => y));
      for (const [from, to] of first) assert.ok(below.some(({ text, y }) => y > bottom - 4 && /^\d+$/.test(text) && Number(text) >= from && Number(text) <= to), `${from} to ${to} is told nowhere`);
      // Each epoch is told where it begins, and the offset at which the logs part.
      const texts = await written(page, pane);
      for (const word of ['e0', 'e3', '7']) assert.ok(texts.some(({ text }) => text === word), `${word}: ${texts.map(({ text }) => text)}`);
    }
    // Both colours at one offset: what follows offset 7 is not the same on both brokers.
    const pixels = await page.evaluate(() => {
      const { rows, shown } = globalThis.kafsim.panes.find((pane) => pane.rows && pane.shown);
      const context = document.querySelector('#lanes canvas').getContext('2d');
      const x = shown[0].x + ((16 - shown[0].from) / (shown[0].to - shown[0].from)) * shown[0].width + 1.5;
      return rows.map(({ y, height }) => [...context.getImageData(Math.round(x), Math.round(y + height / 2), 1, 1).data].slice(0, 3).join());
    });
    assert.notEqual(pixels[0], pixels[1]);
    await close();
  }
});

test('the offset that the explanation is about is among what lanes show', async () => {
  const { page, close } = await open(pageOf(runOf('scenarios/museum/kip_101.toml')));
  const from = await page.evaluate(() => globalThis.kafsim.picture.from);
  await page.evaluate(() => {
    globalThis.kafsim.go(globalThis.kafsim.last);
    globalThis.kafsim.draw();
  });
  const label = await page.locator('#lanes canvas').getAttribute('aria-label');
  assert.ok(shownOf(label).some(([begin, to]) => begin <= from && from <= to), `${from}: ${label}`);
  assert.ok((await written(page, 'lanes')).some(({ text }) => text === String(from)));
  await close();
});

test('the metadata log takes the width of its pane, and its name is whole', async () => {
  for (const [width, height] of SIZES) {
    for (const [page, close] of [await open(pageOf(runOf('scenarios/museum/kip_101.toml')), { width, height, hash: '#p=__cluster_metadata-0' }), await open(epochs(), { width, height, hash: '#p=__cluster_metadata-0' })].map((one) => [one.page, one.close])) {
      await settle(page);
      const { part, rows } = await page.evaluate(() => {
        const lanes = globalThis.kafsim.panes.find((pane) => pane.rows && pane.shown);
        const { clientWidth } = document.querySelector('#lanes canvas');
        return { part: lanes.shown.reduce((sum, one) => sum + one.width, 0) / clientWidth, rows: lanes.rows.length };
      });
      assert.ok(part > 0.8, `${part} of the pane`);
      assert.ok(rows >= 3);
      const name = await page.locator('#lanes select').evaluate((select) => {
        const style = getComputedStyle(select);
        const context = document.createElement('canvas').getContext('2d');
        context.font = `${style.fontSize} ${style.fontFamily}`;
        const box = select.getBoundingClientRect();
        const covered = document.elementFromPoint(box.right - 3, box.top + box.height / 2) !== select;
        return { needed: context.measureText('__cluster_metadata-0').width + 24, has: select.clientWidth, covered };
      });
      assert.ok(name.has >= name.needed && !name.covered, `${width}: ${JSON.stringify(name)}`);
      // A second run shows it too.
      for (const label of await page.locator('#lanes canvas, #lanes-2 canvas').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))) assert.match(label, /^__cluster_metadata-0/);
      await close();
    }
  }
});

test('nothing of a comparison lies over something else', async () => {
  for (const path of [pageOfTwo(runOf(BROKEN), runOf(BROKEN, '--set', 'defects=[]')), epochs()]) {
    for (const [width, height] of SIZES) {
      const { page, close } = await open(path, { width, height });
      await settle(page);
      for (const pane of ['cluster', 'lanes', 'timeline'].flatMap((one) => [one, `${one}-2`])) {
        const texts = await writtenAnew(page, pane);
        const room = await page.locator(`#${pane} canvas`).boundingBox();
        for (const [n, a] of texts.entries()) {
          assert.ok(a.y >= 4 && a.y <= room.height - 4, `${pane} at ${width}: ${a.text} at ${a.y} of ${room.height}`);
          for (const b of texts.slice(n + 1)) {
            const isOver = a.text !== b.text && Math.abs(a.y - b.y) < 11 && a.left < b.right - 1 && b.left < a.right - 1;
            assert.ok(!isOver, `${pane} at ${width}: "${a.text}" and "${b.text}" at ${a.y}, ${b.y}`);
          }
        }
      }
      // No words lie on who stands in a corner of the map.
      for (const [n, pane] of ['cluster', 'cluster-2'].entries()) {
        const corners = await page.evaluate((place) => {
          const map = globalThis.kafsims[place].panes.find((one) => one.places);
          return map.others.map((host) => map.places[host.id]);
        }, n);
        for (const { text, left, right, y: at } of await writtenAnew(page, pane)) {
          for (const { x, y, radius } of corners) assert.ok(left > x + radius || right < x - radius || Math.abs(at - y) > radius + 5, `${pane} at ${width}: ${text}`);
        }
      }
      // Who led is told by name.
      for (const pane of ['timeline', 'timeline-2']) assert.ok((await writtenAnew(page, pane)).some(({ text }) => text === 'orders-0'), pane);
      // Where they first differ is said in the bar, and there is the way to it.
      const button = page.locator('#timeline .differ');
      assert.match(await button.innerText(), /first visible difference: \d+\.\d+ s/);
      const box = await button.evaluate((one) => [one.scrollWidth, one.clientWidth]);
      assert.ok(box[0] <= box[1] + 1, `${box}`);
      await button.click();
      assert.equal(await page.evaluate(() => globalThis.kafsim.cursor), await page.evaluate(() => globalThis.kafsim.seen.event));
      await close();
    }
  }
});

test('who opens a violation sees at once what is wrong, the logs, and how it began', async () => {
  for (const scenario of [LOST, BROKEN, 'scenarios/museum/kip_101.toml', 'scenarios/museum/kafka_15021.toml', 'scenarios/museum/asynchronous_processing.toml']) {
    for (const [width, height] of SIZES) {
      const { page, close } = await open(pageOf(runOf(scenario)), { width, height });
      await settle(page);
      const found = await page.evaluate(() => {
        const pane = document.querySelector('#explain .body:not([hidden])').getBoundingClientRect();
        const within = (element) => {
          const { top, bottom } = element.getBoundingClientRect();
          return top >= pane.top - 1 && bottom <= pane.bottom + 1;
        };
        const all = (selector) => [...document.querySelectorAll(`#explain .explanation ${selector}`)];
        return { parts: all('.claim, .sentence, .picture').map(within), pictures: all('.picture').length, steps: all('.steps .line').map(within) };
      });
      const what = `${scenario} at ${width}: ${JSON.stringify(found)}`;
      assert.ok(found.parts.length >= 2 && found.parts.every(Boolean), what);
      assert.ok(found.steps[0] && (width < 1600 || found.steps.length < 2 || found.steps[1]), what);
      await close();
    }
  }
});

// The rows of a list of partitions that are whole on its canvas, below its head.
const rowsInSight = async (page, pane, head) => {
  const room = await page.evaluate((selector) => document.querySelector(`${selector} canvas`).clientHeight, pane);
  const texts = await page.evaluate((selector) => [...globalThis.written].find(([canvas]) => canvas.closest(selector))[1], pane);
  return texts.filter(({ text, y }) => /^orders-\d+$/.test(text) && y - 9 >= head && y + 9 <= room).map(({ text }) => text);
};

test('the partition that a violation of a group is about is in sight, among its owners and among all', async () => {
  const path = pageOf(runOf('scenarios/museum/kafka_16147.toml'));
  for (const [width, height] of SIZES) {
    const { page, close } = await open(path, { width, height });
    await settle(page);
    const check = async (partition, what) => {
      await settle(page);
      assert.equal(await page.evaluate(() => globalThis.kafsim.partition.name), partition, what);
      for (const [pane, head] of [['#panel-groups', 18], ['#partitions', 0]]) {
        const found = await rowsInSight(page, pane, head);
        assert.ok(found.includes(partition), `${what} at ${width}, ${pane}: ${found}`);
      }
    };
    await check('orders-3', 'the violation');
    // Also when who is a member now takes room from it, and when the cursor is elsewhere.
    for (const event of [5724, 120_360, 100_000]) {
      await page.evaluate((to) => globalThis.kafsim.go(to), event);
      await check('orders-3', `e${event}`);
    }
    await page.evaluate(() => globalThis.kafsim.select(globalThis.kafsim.state.shown.find(({ name }) => name === 'orders-5')));
    await check('orders-5', 'another one');
    // Who scrolls away is not brought back until another partition is chosen.
    await page.locator('#panel-groups .canvas').hover();
    await page.mouse.wheel(0, -1000);
    await page.waitForFunction(() => document.querySelector('#panel-groups .canvas').scrollTop === 0);
    await settle(page);
    await page.evaluate(() => globalThis.kafsim.go(120_360));
    await settle(page);
    assert.ok((await rowsInSight(page, '#panel-groups', 18)).includes('orders-0'));
    await close();
  }
});

test('before a group is there nothing is said of it, and names of its partitions are whole', async () => {
  for (const [width, height] of SIZES) {
    const { page, close } = await open(pageOf(runOf('scenarios/groups/each_assignor.toml')), { width, height, hash: '#t=-1&tab=groups' });
    await settle(page);
    assert.equal(await page.locator('.groups .facts').innerText(), 'not there yet');
    const members = await page.locator('.members tr').evaluateAll((rows) => rows.map((row) => row.cells[1].textContent));
    assert.deepEqual([...new Set(members)], ['not started']);
    for (const name of ['orders-1', 'payments-0', 'payments-1']) {
      await page.evaluate((it) => globalThis.kafsim.select(globalThis.kafsim.state.shown.find((one) => one.name === it)), name);
      await settle(page);
      const texts = await page.evaluate(() => [...globalThis.written].find(([canvas]) => canvas.closest('.groups'))[1]);
      assert.ok(texts.some(({ text, left }) => text === name && left >= 0), `${name} at ${width}`);
    }
    await page.evaluate(() => globalThis.kafsim.goTime(33e6));
    await settle(page);
    assert.ok((await page.locator('.members tr').evaluateAll((rows) => rows.map((row) => row.cells[1].textContent))).includes('down'));
    await close();
  }
});

test('of several groups the one that the violation is about is shown', async () => {
  const path = pageOf(runOf('scenarios/groups/topic_grows.toml'));
  const { page: first, close: end } = await open(path, { hash: '#tab=groups' });
  const names = await first.locator('#panel-groups option').allInnerTexts();
  assert.ok(names.length >= 2);
  await end();
  for (const name of [names[1], names.at(-1)]) {
    const about = (head) => ({
      ...head,
      verdicts: head.verdicts.map((one, n) => (n > 0 ? one : { ...one, verdict: { ...one.verdict, result: 'violated', violations: 1, violation: { evidence: [5000], sentence: 'Broken.', subject: { kind: 'group', group: name } } } })),
      explanations: [{ number: 1, of: 1, title: '', property: head.verdicts[0].property, statement: '', outcome: 'violated', expected: 'holds', sentence: 'Broken.', event: 5000, moment_us: 0, picture: null, steps: [], why_not: [], not_the_cause: [], saved_by: [], again: [], others: [] }],
    });
    const { page, troubles, close } = await open(tampered(path, `about-${name}`, { head: about }), { hash: '#tab=groups' });
    await settle(page);
    assert.match(await page.locator('#panel-groups canvas').getAttribute('aria-label'), new RegExp(`^Group ${name}:`));
    assert.equal(await page.locator('#panel-groups select').inputValue(), name);
    assert.deepEqual(troubles, []);
    await close();
  }
});

test('two compared runs show the owners of both, whichever is worked with', async () => {
  const scenario = 'scenarios/lessons/two_owners.toml';
  const runs = [runOf(scenario), runOf(scenario, '--set', 'group.billing.commit=before')];
  const path = lessonOf(pageOfTwo(...runs), 'owners-of-two', 'groups');
  for (const [width, height] of SIZES) {
    const { page, troubles, close } = await open(path, { width, height, hash: '#n=1' });
    await page.evaluate(() => globalThis.kafsim.goTime(22e6));
    for (const panel of ['#panel-groups', '#panel-groups-2']) {
      await settle(page);
      await settle(page);
      const found = await page.evaluate((id) => {
        const box = document.querySelector(id).getBoundingClientRect();
        return {
          names: [...document.querySelectorAll(`${id} > .facts`)].map((one) => [one.querySelector('.badge').textContent, one.scrollHeight - one.clientHeight]),
          charts: [...document.querySelectorAll(`${id} canvas`)].map((canvas) => ({ texts: globalThis.written.get(canvas), height: canvas.clientHeight, isWithin: canvas.getBoundingClientRect().bottom <= box.bottom && canvas.getBoundingClientRect().top >= box.top })),
        };
      }, panel);
      assert.deepEqual(found.names, [['run 1', 0], ['run 2', 0]], `${panel} at ${width}`);
      assert.equal(found.charts.length, 2);
      for (const [n, { texts, height: room, isWithin }] of found.charts.entries()) {
        assert.ok(isWithin, `${panel} at ${width}`);
        for (const index of [0, 1]) {
          // Its own run's offset, on a row that is whole.
          const row = texts.find(({ text }) => text === `orders-${index}`);
          assert.ok(row && row.y + 9 <= room, `orders-${index} of run ${n + 1} at ${width}: ${row?.y} of ${room}`);
          const lines = kafsim('events', runs[n], `kind=offset-committed partition=orders-${index} before:22`, '--format', 'json').trim().split('\n');
          const { offset } = JSON.parse(lines.at(-1)).fields;
          assert.ok(texts.some(({ text, y }) => text === String(offset) && y === row.y), `orders-${index} of run ${n + 1} at ${width}: ${offset} in ${texts.filter(({ y }) => y === row.y).map(({ text }) => text)}`);
        }
      }
      if (panel === '#panel-groups') await page.keyboard.press('x');
    }
    // With what is wrong, and names of some length, it is a line still.
    await page.evaluate(() => {
      for (const app of globalThis.kafsims) app.name = 'commit after it has processed';
      globalThis.kafsims[1].goTime(12.2e6);
    });
    await settle(page);
    const lines = await page.locator('#panel-groups-2 > .facts').evaluateAll((all) => all.map((one) => [one.textContent, one.scrollHeight <= 21, one.scrollWidth <= one.clientWidth]));
    assert.deepEqual(lines, Array(2).fill(['commit after it has processedstable, 1 membertwo owners', true, true]), `${width}`);
    // Whoever touches the chart of a run works with that run.
    await page.locator('#panel-groups-2 .canvas').first().click({ position: { x: 30, y: 64 } });
    assert.deepEqual(await page.evaluate(() => [globalThis.kafsim.isActive, ...globalThis.kafsims.map(({ partition }) => partition.name)]), [true, 'orders-1', 'orders-1']);
    assert.deepEqual(troubles, []);
    await close();
  }
});

test('what is wrong with partitions is not cut where room is short', async () => {
  const { page, close } = await open(pageOf(runOf('scenarios/museum/asynchronous_processing.toml')), { width: 1024, height: 768 });
  await settle(page);
  const first = await page.locator('#partitions .facts').evaluate((facts) => {
    const [box, told] = [facts, facts.firstElementChild].map((one) => one.getBoundingClientRect());
    return { text: facts.firstElementChild.innerText, isWhole: told.right <= box.right + 1 && told.bottom <= box.bottom + 1 };
  });
  assert.deepEqual(first, { text: '0 URP', isWhole: true });
  // The worst of it is whole, however it is called.
  const lost = await open(pageOf(runOf('scenarios/museum/simultaneous_power_loss.toml')), { width: 1024, height: 768 });
  await settle(lost.page);
  const worst = await lost.page.locator('#partitions .facts').evaluate((facts) => [facts.firstElementChild.innerText, facts.firstElementChild.getBoundingClientRect().right <= facts.getBoundingClientRect().right + 1]);
  assert.deepEqual(worst, ['2 < min ISR', true]);
  await lost.close();
  // What a client did is told in full.
  const history = await open(pageOf(runOf('scenarios/museum/kip_101.toml')), { width: 1024, height: 768, hash: '#tab=clients' });
  await settle(history.page);
  const cut = await history.page.locator('#panel-history .what').evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));
  assert.deepEqual(cut, []);
  assert.ok(await history.page.locator('#panel-history .row').count() >= 4);
  await history.close();
  await close();
});

test('a note of a lesson opens the pane that it names, and so does an address', async () => {
  for (const [pane, id] of [['clients', 'history'], ['explain', 'why'], ['events', 'events'], ['state', 'state']]) {
    for (const [suffix, hash] of [['', '#n=1'], ['-link', `#tab=${pane}`]]) {
      const run = runOf('scenarios/lessons/acked_and_gone.toml');
      const { page, close } = await open(lessonOf(pageOf(run), `pane-${pane}${suffix}`, pane), { hash });
      assert.ok(await page.locator(`#panel-${id}`).isVisible(), `${pane} by ${hash}`);
      assert.equal(await page.locator('.toast').count(), 0);
      await close();
    }
  }
});

test('what a lesson is called is read before it begins, and nothing lies on its words', async () => {
  for (const [width, height] of SIZES) {
    const { page, close } = await open(lessonOf(pageOf(runOf('scenarios/lessons/end_of_the_log.toml')), 'begin'), { width, height });
    const titles = await page.locator('#explain h2, #explain h3').evaluateAll((all) => all.filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 20 && getComputedStyle(one).clipPath === 'none').map((one) => one.textContent));
    assert.deepEqual(titles, ['A lesson'], `${width}`);
    const over = await page.evaluate(() => {
      const icon = document.querySelector('#explain .enlarge').getBoundingClientRect();
      const range = document.createRange();
      return [...document.querySelectorAll('#explain .lesson > *')].flatMap((one) => {
        range.selectNodeContents(one);
        return [...range.getClientRects()];
      }).filter(({ left, right, top, bottom, width }) => width > 0 && left < icon.right && right > icon.left && top < icon.bottom && bottom > icon.top).length;
    });
    assert.equal(over, 0, `${width}: words below the icon`);
    await close();
  }
});
