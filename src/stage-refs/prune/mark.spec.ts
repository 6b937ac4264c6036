import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../../oci/digest';
import type { BuildFacts, PruneRules, TagFacts } from './contract';
import { mark } from './mark';
import { readTagName } from './tag-name';

const dayMs = 86_400_000;
const nowMs = 1000 * dayMs;
const rules: PruneRules = {
  keepMs: 14 * dayMs,
  graceMs: 3_600_000,
  keepBuilds: 2,
  keepTags: [],
  keepScopes: ['main'],
};

function key(text: string): string {
  return digestOf(text).slice('sha256:'.length, 'sha256:'.length + 32);
}

function facts(tag: string, ageDays: number | undefined, more: Partial<TagFacts> = {}): TagFacts {
  return {
    ...readTagName(tag),
    digest: digestOf(tag),
    ...(ageDays !== undefined && { createdAtMs: nowMs - ageDays * dayMs }),
    blobs: [],
    layers: [],
    children: [],
    subjects: [],
    builds: [],
    ...more,
  };
}

const stage = (name: string): string => `deps-${key(name)}`;
const image = (name: string): string => `app-${key(name)}-image`;
const inputs = (name: string): string => `inputs-${key(name)}`;

/** What stays, each with why. */
function kept(all: readonly TagFacts[], changes: Partial<PruneRules> = {}): Readonly<Record<string, string>> {
  const verdicts = mark(all, { ...rules, ...changes, nowMs });
  return Object.fromEntries(verdicts.flatMap(({ facts: { tag }, keep }) => (keep ? [[tag, keep.kind]] : [])));
}

test('what is old and needed by nothing goes', () => {
  assert.deepEqual(kept([facts(stage('a'), 20), facts(image('a'), 20), facts('scope-old', 20)]), {});
});

test('what is young, foreign, named, unreadable or of unknown age stays', () => {
  const all = [
    facts(stage('young'), 13),
    facts(stage('future'), -5),
    facts('latest', 500),
    facts(stage('pinned'), 500),
    facts(stage('unknown'), undefined),
    facts(stage('broken'), 500, { problem: 'damaged' }),
    facts('scope-main', 500),
    facts('scope-main--api', 500),
    facts('scope-maintenance', 500),
  ];
  assert.deepEqual(kept(all, { keepTags: [`*${key('pinned')}`] }), {
    [stage('young')]: 'recent',
    [stage('future')]: 'recent',
    latest: 'foreign',
    [stage('pinned')]: 'pinned',
    [stage('unknown')]: 'age-unknown',
    [stage('broken')]: 'unreadable',
    'scope-main': 'scope',
    'scope-main--api': 'scope',
  });
});

test('a pattern of branches is held against slugs', () => {
  const all = [facts('scope-release-1-0123456789', 500), facts('scope-released', 500)];
  assert.deepEqual(Object.keys(kept(all, { keepScopes: ['release/*'] })), ['scope-release-1-0123456789']);
  assert.deepEqual(Object.keys(kept(all, { keepScopes: ['release/1'] })), ['scope-release-1-0123456789']);
});

test('the grace period holds even where nothing else is to stay', () => {
  const all = [facts(stage('a'), 0.5 / 24), facts(stage('b'), 2 / 24)];
  assert.deepEqual(kept(all, { keepMs: 0 }), { [stage('a')]: 'recent' });
});

test('an image keeps the stages of its build, and a stage those below it', () => {
  const build: BuildFacts = {
    createdAtMs: nowMs - 100 * dayMs,
    image: image('pinned'),
    stages: new Map([
      [stage('top'), [stage('below')]],
      [stage('below'), []],
      [stage('aside'), []],
    ]),
  };
  const all = [
    ...[image('pinned'), stage('top'), stage('below'), stage('aside'), stage('other')].map((tag) => facts(tag, 100)),
    facts(inputs('x'), 100, { builds: [build] }),
  ];
  const dropped = { dropTargetsAfterMs: 50 * dayMs };
  assert.deepEqual(kept(all, dropped), {});
  const pinned = kept(all, { ...dropped, keepTags: [image('pinned')] });
  const expected = [image('pinned'), stage('top'), stage('below'), stage('aside'), inputs('x')];
  assert.deepEqual(Object.keys(pinned).sort(), expected.sort());
  const upper = kept(all, { ...dropped, keepTags: [stage('top')] });
  assert.deepEqual(Object.keys(upper).sort(), [stage('top'), stage('below')].sort());
});

test('a date in a list counts where that of the image is older', () => {
  const build: BuildFacts = { createdAtMs: nowMs - dayMs, image: image('a'), stages: new Map() };
  const older: BuildFacts = { createdAtMs: nowMs - 90 * dayMs, image: image('b'), stages: new Map() };
  const all = [facts(image('a'), 300), facts(image('b'), 300), facts(inputs('x'), 1, { builds: [build, older] })];
  const dropped = { keepBuilds: 1, dropTargetsAfterMs: dayMs / 2 };
  assert.deepEqual(kept(all, dropped), { [image('a')]: 'recent', [inputs('x')]: 'needed' });
});

test('a branch that stays keeps its latest build, whatever others were built since', () => {
  const build = (name: string, scope: string, ageDays: number): BuildFacts => ({
    createdAtMs: nowMs - ageDays * dayMs,
    image: image(name),
    scope,
    stages: new Map([[stage(name), []]]),
  });
  const builds = [
    build('new', 'scope-topic', 100),
    build('newer', 'scope-topic', 110),
    build('failed', 'scope-main', 120),
    build('live', 'scope-main', 130),
    build('old', 'scope-main', 140),
  ];
  const names = ['new', 'newer', 'live', 'old'];
  const all = [
    facts('scope-main', 500),
    facts('scope-topic', 500),
    ...names.flatMap((name) => [facts(image(name), 500), facts(stage(name), 500)]),
    facts(inputs('x'), 500, { builds }),
  ];
  const dropped = kept(all, { dropTargetsAfterMs: dayMs });
  assert.deepEqual(Object.keys(dropped).sort(), ['scope-main', image('live'), stage('live'), inputs('x')].sort());
});

test('a scope is as young as the latest build that wrote it', () => {
  const build: BuildFacts = { createdAtMs: nowMs - dayMs, scope: 'scope-topic', stages: new Map() };
  const all = [facts('scope-topic', 500), facts('scope-other', 500), facts(inputs('x'), 1, { builds: [build] })];
  assert.equal(kept(all)['scope-topic'], 'recent');
  assert.equal(kept(all)['scope-other'], undefined);
});

test('builds that gave no image do not take the place of those that did', () => {
  const build = (name: string, ageDays: number): BuildFacts => ({
    createdAtMs: nowMs - ageDays * dayMs,
    image: image(name),
    stages: new Map([[stage(name), []]]),
  });
  const builds = [build('failed 2', 100), build('failed 1', 101), build('good', 102), build('older', 103)];
  const all = [
    ...['good', 'older'].flatMap((name) => [facts(image(name), 500), facts(stage(name), 500)]),
    facts(inputs('x'), 500, { builds }),
  ];
  const stays = Object.keys(kept(all, { keepBuilds: 1 }));
  assert.deepEqual(stays.sort(), [image('good'), stage('good'), inputs('x')].sort());
});

test('a scope keeps the stages all of whose layers it has', () => {
  const one = digestOf('1');
  const two = digestOf('2');
  const three = digestOf('3');
  const all = [
    facts('scope-main', 500, { layers: [one, two] }),
    facts(stage('inside'), 500, { layers: [two] }),
    facts(stage('partly'), 500, { layers: [two, three] }),
    facts(stage('without layers'), 500),
  ];
  assert.deepEqual(Object.keys(kept(all)), ['scope-main', stage('inside')]);
});

test('a signature stays and goes with its tag', () => {
  const signature = `.${key('signature')}`;
  const all = [
    facts(stage('young'), 1),
    facts(`${stage('young')}${signature}`, 500),
    facts(stage('old'), 500),
    facts(`${stage('old')}${signature}`, 1),
    facts(`${stage('nobody')}${signature}`, 500),
    facts(`${stage('late')}${signature}`, 0.01),
  ];
  assert.deepEqual(Object.keys(kept(all)), [
    stage('young'),
    `${stage('young')}${signature}`,
    `${stage('late')}${signature}`,
  ]);
});

/** A stage's key says what is below it, so that is the same in all builds: from 5 on, the stage five before. */
function withBelow(stages: readonly number[]): ReadonlyMap<string, readonly string[]> {
  const all = new Set(stages.flatMap((n) => (n < 5 ? [n] : [n, n - 5])));
  return new Map([...all].map((n) => [stage(`${n}`), n < 5 ? [] : [stage(`${n - 5}`)]]));
}

/** Builds of some targets over two years; an image of one build may be that of another, and stages are shared. */
const history = fc.array(
  fc.record({
    target: fc.integer({ min: 0, max: 3 }),
    ageDays: fc.integer({ min: 0, max: 700 }),
    image: fc.integer({ min: 0, max: 12 }),
    stages: fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 }),
  }),
  { maxLength: 40 },
);

test('whatever was built, the latest and the recent builds keep all that a hit takes', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 4 }), (made, keepBuilds) => {
      const builds = [...made].sort((a, b) => a.ageDays - b.ageDays);
      const tags = new Set(builds.flatMap((each) => [image(`${each.image}`), ...withBelow(each.stages).keys()]));
      const lists = [0, 1, 2, 3].map((target) =>
        builds
          .filter((each) => each.target === target)
          .map((each) => ({
            createdAtMs: nowMs - each.ageDays * dayMs,
            image: image(`${each.image}`),
            stages: withBelow(each.stages),
          })),
      );
      // Dates of the tags themselves say the least they can: what is old may be in use.
      const all = [
        ...[...tags].map((tag) => facts(tag, 1000)),
        ...lists.map((each, target) => facts(inputs(`${target}`), 1000, { builds: each })),
      ];
      const stays = kept(all, { keepBuilds });
      for (const list of lists) {
        list.forEach((build, index) => {
          const isLive = index < keepBuilds || nowMs - build.createdAtMs < rules.keepMs;
          if (!isLive) return;
          for (const tag of [build.image, ...build.stages.keys()]) assert.ok(tag in stays, tag);
        });
      }
      // And nothing stays that no build leads to.
      const reached = new Set(
        lists.flatMap((list) =>
          list.filter(({ image: tag }) => tag in stays).flatMap(({ image: tag, stages }) => [tag, ...stages.keys()]),
        ),
      );
      const recent = lists.flat().filter(({ createdAtMs }) => nowMs - createdAtMs < rules.keepMs);
      for (const each of recent) for (const tag of each.stages.keys()) reached.add(tag);
      for (const tag of Object.keys(stays)) assert.ok(reached.has(tag) || tag.startsWith('inputs-'), tag);
    }),
  );
});
