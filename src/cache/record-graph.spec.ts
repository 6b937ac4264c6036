import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { digestOf, type Digest } from '../oci/digest';
import type { CacheRecord } from './contract';
import { RecordGraph, type GraphRecord } from './record-graph';
import { recordIdentities } from './record-order';

const x = digestOf('x');

test('a root is stored once', () => {
  const graph = new RecordGraph<string>();
  assert.equal(graph.add(x, [], ['1']), graph.add(x, [], ['2']));
  assert.deepEqual(
    graph.records().map(({ results }) => results),
    [['1', '2']],
  );
});

test('two ways to one record make one record with two links', () => {
  const graph = new RecordGraph<string>();
  const [base, source, content] = ['base', 'source', 'content'].map((name) => graph.add(digestOf(name), []));
  assert.ok(base && source && content);
  const first = graph.add(x, [[{ record: base }], [{ selector: 's', record: source }, { record: content }]], ['a']);
  const second = graph.add(x, [[{ record: base }], [{ record: content }]], ['b']);
  assert.equal(second, graph.resolve(first));
  assert.deepEqual(
    second.inputs.map((links) => links.length),
    [1, 2],
  );
});

test('another selector is another record', () => {
  const graph = new RecordGraph<string>();
  const source = graph.add(digestOf('source'), []);
  graph.add(x, [[{ selector: 's', record: source }]]);
  graph.add(x, [[{ selector: 't', record: source }]]);
  assert.equal(graph.records().length, 3);
});

test('what merges makes one of what depends on it', () => {
  const graph = new RecordGraph<string>();
  const [a, b] = ['a', 'b'].map((name) => graph.add(digestOf(name), []));
  assert.ok(a && b);
  const left = graph.add(x, [[{ record: a }]]);
  const right = graph.add(x, [[{ record: b }]]);
  graph.add(digestOf('y'), [[{ record: left }]], ['left']);
  graph.add(digestOf('y'), [[{ record: right }]], ['right']);
  assert.equal(graph.records().length, 6);
  graph.add(x, [[{ record: a }, { record: b }]]);
  assert.equal(graph.records().length, 4);
  const y = graph.records().find(({ digest }) => digest === digestOf('y'));
  assert.deepEqual([...(y?.results ?? [])].sort(), ['left', 'right']);
  assert.equal(graph.resolve(left), graph.resolve(right));
});

test('records that would depend on themselves do not merge', () => {
  const graph = new RecordGraph<string>();
  const root = graph.add(digestOf('root'), []);
  const lower = graph.add(x, [[{ record: root }]]);
  graph.add(x, [[{ record: lower }]]);
  graph.add(x, [[{ record: root }, { record: lower }]]);
  assert.ok(recordIdentities(toRecords(graph)).length > 0);
});

interface Step {
  readonly digest: Digest;
  /** By input: links to steps of the level below, with a selector. */
  readonly inputs: readonly (readonly { readonly selector: string; readonly target: number }[])[];
}

const LEVEL_SIZE = 4;

/** Levels of records that link to the level below, so that merging never makes a circle. */
const levels: fc.Arbitrary<readonly (readonly Step[])[]> = fc
  .array(
    fc.array(
      fc.record({
        name: fc.constantFrom('p', 'q'),
        inputs: fc.tuple(...[0, 1].map(() => links())),
      }),
      { minLength: 1, maxLength: LEVEL_SIZE },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((all) =>
    all.map((level, depth) =>
      level.map(({ name, inputs }) => ({ digest: digestOf(`${depth} ${name}`), inputs: depth === 0 ? [] : inputs })),
    ),
  );

function links(): fc.Arbitrary<{ selector: string; target: number }[]> {
  return fc.array(fc.record({ selector: fc.constantFrom('', 's'), target: fc.nat(LEVEL_SIZE - 1) }), {
    minLength: 1,
    maxLength: 2,
  });
}

test('the outcome does not depend on the order of adding', () => {
  fc.assert(
    fc.property(levels, fc.infiniteStream(fc.nat()), (graph, random) => {
      const inOrder = graph.map((level) => level.map((_, index) => index));
      const shuffled = inOrder.map((level) =>
        level
          .map((index) => ({ index, rank: random.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ index }) => index),
      );
      assert.deepEqual(build(graph, shuffled), build(graph, inOrder));
    }),
  );
});

function build(graph: readonly (readonly Step[])[], order: readonly (readonly number[])[]): readonly string[] {
  const records = new RecordGraph<string>();
  let below: GraphRecord<string>[] = [];
  for (const [depth, level] of graph.entries()) {
    const added: GraphRecord<string>[] = [];
    for (const index of order[depth] ?? []) {
      const step = level[index]!;
      const inputs = step.inputs.map((links) =>
        links.map(({ selector, target }) => ({ selector, record: below[target % below.length]! })),
      );
      added[index] = records.add(step.digest, inputs, [`${depth}.${index}`]);
    }
    below = added;
  }
  const list = records.records();
  const identities = recordIdentities(toRecords(records));
  return list.map(({ results }, index) => `${identities[index]!} ${[...results].sort().join()}`).sort();
}

function toRecords(graph: RecordGraph<string>): readonly CacheRecord[] {
  const list = graph.records();
  const indexes = new Map(list.map((item, index) => [item, index]));
  return list.map(({ digest, inputs }) => ({
    digest,
    layers: [],
    inputs: inputs.map((links) =>
      links.map(({ selector, record }) => ({
        ...(selector !== undefined && { selector }),
        link: indexes.get(record)!,
      })),
    ),
  }));
}
