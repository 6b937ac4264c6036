import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { RecordSource } from '../cache/contract';
import { MemoryStore } from '../content/memory-store';
import { isCodedError } from '../diagnostics/coded-error';
import { MemoryTree } from '../filetree/memory-tree';
import type { Edge } from '../llb/operation';
import { digestOf } from '../oci/digest';
import type { ProgressEvent } from '../progress/event';
import { solve, type SolveOutcome } from './solve';
import { FakeWorker, type FakeWorkerOptions } from './testing/fake-worker';
import { FakeWorld, graphOf, importSource, type FakeResult } from './testing/fake-world';

const app = `
FROM base AS deps
COPY package.json ./
RUN install
FROM base AS build
COPY --from=deps /log /deps
COPY src /src
RUN compile
FROM base
COPY --from=build /log /app
`;

const context = (): MemoryTree => new MemoryTree().file('package.json', '{}').file('src/main.js', 'main()');

interface Build {
  readonly outcome: SolveOutcome<FakeResult>;
  readonly executed: readonly string[];
  readonly events: readonly ProgressEvent[];
}

interface BuildOptions extends FakeWorkerOptions {
  readonly sources?: readonly RecordSource[];
  readonly noCache?: readonly string[];
  readonly signal?: AbortSignal;
  readonly worker?: FakeWorker;
  readonly parallelism?: number;
}

async function build(world: FakeWorld, dockerfile: string, options: BuildOptions = {}): Promise<Build> {
  return buildEdges(world, [await graphOf(dockerfile, options)], options);
}

async function buildEdges(world: FakeWorld, targets: readonly Edge[], options: BuildOptions = {}): Promise<Build> {
  const worker = options.worker ?? new FakeWorker(world, { context: context(), ...options });
  const events: ProgressEvent[] = [];
  const outcome = await solve(targets, {
    worker,
    sources: options.sources ?? [],
    progress: (event) => void events.push(event),
    now: () => Date.UTC(2026, 0, 2),
    ...(options.signal && { signal: options.signal }),
    ...(options.parallelism !== undefined && { parallelism: options.parallelism }),
  });
  return { outcome, executed: worker.executed, events };
}

async function exported(world: FakeWorld, made: Build, mode: 'min' | 'max' = 'max'): Promise<MemoryStore> {
  const registry = new MemoryStore('registry');
  await world.export(made.outcome.records, { to: registry, tag: 'cache', mode });
  return registry;
}

const outcomes = (made: Build): Record<string, string> =>
  Object.fromEntries(
    made.outcome.steps.map(({ vertex, outcome, source }) => [
      vertex.name.replace(/^\[[^\]]*\] /, ''),
      source ?? outcome,
    ]),
  );

test('what a step ends with has a hint: a file that is not there, a full disk', async () => {
  await assert.rejects(
    build(new FakeWorld(), 'FROM base\nCOPY nothing /\nRUN x\n'),
    (error) => isCodedError(error, 'VERTEX_FAILED') && /\.dockerignore/.test(String(error.hint)),
  );
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  const world = new FakeWorld();
  const worker = new FakeWorker(world, { context: context() });
  worker.execute = () => Promise.reject(full);
  await assert.rejects(
    build(world, 'FROM base\nRUN x\n', { worker }),
    (error) => isCodedError(error, 'VERTEX_FAILED') && /stateDir/.test(String(error.hint)),
  );
});

test('a worker is told what will be executed before the bytes that it needs are there', async () => {
  const world = new FakeWorld();
  const registry = await exported(world, await build(world, app));
  const changed = new MemoryTree().file('package.json', '{}').file('src/main.js', 'changed()');
  const worker = new FakeWorker(world, { context: changed });
  await build(world, app, { worker, sources: [await importSource(registry, 'cache')] });
  const of = (step: string) => worker.told.filter((line) => line.includes(step));
  assert.deepEqual(of('COPY src /src').sort(), [
    'execute COPY src /src',
    'expect COPY src /src on 0, elsewhere',
    'expect COPY src /src on 1, here',
  ]);
  assert.equal(of('COPY src /src').at(-1), 'execute COPY src /src');
  assert.deepEqual(of('RUN install'), []);
});

test('an empty cache: everything is executed once, and in the order of the graph', async () => {
  const { executed, outcome } = await build(new FakeWorld(), app);
  assert.equal(new Set(executed).size, executed.length);
  assert.ok(executed.indexOf('RUN install') < executed.indexOf('COPY --from=deps /log /deps'));
  assert.equal(executed.at(-1), 'COPY --from=build /log /app');
  assert.deepEqual(new Set(outcome.steps.map((step) => step.outcome)), new Set(['executed']));
});

test('an unchanged build is a hit at the top that reads the context and executes nothing', async () => {
  const world = new FakeWorld();
  const first = await build(world, app);
  const registry = await exported(world, first);
  const second = await build(world, app, { sources: [await importSource(registry, 'cache')] });
  assert.deepEqual(second.executed, ['load build context']);
  assert.deepEqual(second.outcome.results[0]?.diffIds, first.outcome.results[0]?.diffIds);
  const { 'load build context': loaded, ...steps } = outcomes(second);
  assert.equal(loaded, 'executed');
  assert.equal(steps['RUN install'], 'registry:cache');
});

test('a cache without a context is a hit that touches nothing', async () => {
  const world = new FakeWorld();
  const text = 'FROM base\nRUN one\nRUN two\nRUN three\n';
  const registry = await exported(world, await build(world, text), 'min');
  const second = await build(world, text, { sources: [await importSource(registry, 'cache')] });
  assert.deepEqual(second.executed, []);
  assert.deepEqual(Object.values(outcomes(second)), [
    'not-needed',
    'registry:cache',
    'registry:cache',
    'registry:cache',
  ]);
});

test('a change rebuilds what depends on it and no more', async () => {
  const world = new FakeWorld();
  const registry = await exported(world, await build(world, app));
  const changed = await build(world, app, {
    sources: [await importSource(registry, 'cache')],
    context: context().file('src/main.js', 'main(2)'),
    scripts: { compile: (tree) => void tree.file('log', 'compiled 2') },
  });
  assert.deepEqual(changed.executed.map((name) => name.replace(/ docker.io.*/, '')).sort(), [
    'COPY --from=build /log /app',
    'COPY src /src',
    'FROM',
    'RUN compile',
    'load build context',
  ]);
});

test('a stage that was rebuilt with the same outcome does not rebuild what copies from it', async () => {
  const world = new FakeWorld();
  const registry = await exported(world, await build(world, app));
  const changed = await build(world, app, {
    sources: [await importSource(registry, 'cache')],
    context: context().file('src/main.js', 'main() // a comment'),
  });
  assert.ok(changed.executed.includes('RUN compile'));
  assert.ok(!changed.executed.some((name) => name.startsWith('COPY --from=build')));
  // The new way to the same record is exported too: now it is found by definition.
  const again = await build(world, app, {
    sources: [await importSource(await exported(world, changed), 'cache')],
    context: context().file('src/main.js', 'main() // a comment'),
  });
  assert.deepEqual(again.executed, ['load build context']);
});

test('mode=min finds the end, and builds all below again once it changes', async () => {
  const world = new FakeWorld();
  const registry = await exported(world, await build(world, app), 'min');
  const sources = [await importSource(registry, 'cache')];
  assert.deepEqual((await build(world, app, { sources })).executed, ['load build context']);
  const changed = await build(world, app, { sources, context: context().file('src/main.js', 'other()') });
  assert.ok(changed.executed.includes('RUN install'));
});

test('a base image in a new manifest around the same layers is the same image', async () => {
  const world = new FakeWorld();
  const text = (tag: string): string => `FROM base:${tag}\nRUN one\n`;
  const registry = await exported(world, await build(world, text('a')));
  const sources = [await importSource(registry, 'cache')];
  const known: RecordSource = {
    name: 'by layers',
    find: (digest) => sources[0]!.find(digest),
  };
  // BuildKit exports no link to the second key unless it knew both; without it the step is built again.
  assert.ok((await build(world, text('b'), { sources: [known] })).executed.includes('RUN one'));
});

test('a layer that the registry lost makes the step run again, with one warning', async () => {
  const world = new FakeWorld();
  const text = 'FROM base\nRUN one\nRUN two\n';
  const made = await build(world, text);
  const registry = await exported(world, made);
  await registry.deleteBlob(world.descriptorOf(made.outcome.results[0]!.diffIds.at(-1)!));
  const second = await build(world, text, { sources: [await importSource(registry, 'cache')] });
  assert.deepEqual(second.executed, ['RUN two']);
  const warnings = second.events.filter(({ kind }) => kind === 'warning');
  assert.equal(warnings.length, 1);
  assert.match(JSON.stringify(warnings), /RUN two.*registry:cache has lost sha256:/);
});

test('a layer that cannot be read makes the step run again when its bytes are needed', async () => {
  const world = new FakeWorld();
  const made = await build(world, 'FROM base\nRUN one\n');
  const registry = await exported(world, made);
  const second = await build(world, 'FROM base\nRUN one\nRUN two\n', {
    sources: [await importSource(registry, 'cache')],
    unreadable: new Set([made.outcome.results[0]!.diffIds.at(-1)!]),
  });
  assert.deepEqual(second.executed.slice(-2), ['RUN one', 'RUN two']);
  assert.equal(second.events.filter(({ kind }) => kind === 'warning').length, 1);
});

test('sources are tried in their order, and a broken one falls through to the next', async () => {
  const world = new FakeWorld();
  const text = 'FROM base\nRUN one\n';
  const made = await build(world, text);
  const [good, bad] = [await exported(world, made), await exported(world, made)];
  await bad.deleteBlob(world.descriptorOf(made.outcome.results[0]!.diffIds.at(-1)!));
  const named = async (name: string, store: MemoryStore): Promise<RecordSource> => ({
    ...(await importSource(store, 'cache')),
    name,
  });
  const both = await build(world, text, { sources: [await named('first', good), await named('second', good)] });
  assert.equal(outcomes(both)['RUN one'], 'first');
  const fallen = await build(world, text, { sources: [await named('first', bad), await named('second', good)] });
  assert.equal(outcomes(fallen)['RUN one'], 'second');
  assert.deepEqual(fallen.executed, []);
});

test('--no-cache runs a stage, while content still decides behind it', async () => {
  const world = new FakeWorld();
  const registry = await exported(world, await build(world, app));
  const second = await build(world, app, { sources: [await importSource(registry, 'cache')], noCache: ['deps'] });
  assert.ok(second.executed.includes('RUN install'));
  assert.ok(!second.executed.includes('RUN compile'));
});

test('independent stages run at the same time, within the bound', async () => {
  const text =
    'FROM base AS a\nRUN a\nFROM base AS b\nRUN b\nFROM base AS c\nRUN c\nFROM base\nCOPY --from=a /log /a\nCOPY --from=b /log /b\nCOPY --from=c /log /c\n';
  for (const [parallelism, expected] of [
    [8, 3],
    [2, 2],
  ] as const) {
    let running = 0;
    let most = 0;
    await build(new FakeWorld(), text, {
      parallelism,
      onExecute: async (vertex) => {
        if (vertex.operation.kind !== 'exec') return;
        most = Math.max(most, ++running);
        await sleep(20);
        running--;
      },
    });
    assert.equal(most, expected);
  }
});

test('a failure names the step, cancels the others and waits for them', async () => {
  const text =
    'FROM base AS a\nRUN slow\nFROM base AS b\nRUN broken\nFROM base\nCOPY --from=a /log /a\nCOPY --from=b /log /b\n';
  let ended = false;
  const failing = build(new FakeWorld(), text, {
    onExecute: async (vertex, { signal }) => {
      if (vertex.name.endsWith('RUN broken')) throw new Error('exit code 1');
      if (!vertex.name.endsWith('RUN slow')) return;
      try {
        await sleep(60_000, undefined, { signal: signal! });
      } finally {
        ended = true;
      }
    },
  });
  await assert.rejects(failing, (error) => {
    assert.ok(isCodedError(error, 'VERTEX_FAILED'));
    assert.equal(error.message, '[b 2/2] RUN broken: exit code 1');
    assert.deepEqual(
      { ...error.detail, vertex: undefined },
      { vertex: undefined, name: '[b 2/2] RUN broken', stage: 'b', line: 4 },
    );
    return true;
  });
  assert.ok(ended);
});

test('a missing source is an error before the step runs', async () => {
  const made = build(new FakeWorld(), 'FROM base\nCOPY nope /x\n');
  await assert.rejects(made, /COPY nope \/x: failed to compute cache key: .*: "\/nope": not found/);
});

test('an abort rejects with the reason', async () => {
  const controller = new AbortController();
  const made = build(new FakeWorld(), 'FROM base\nRUN one\n', {
    signal: controller.signal,
    onExecute: async (_, { signal }) => {
      controller.abort(new Error('enough'));
      await sleep(60_000, undefined, { signal: signal! });
    },
  });
  await assert.rejects(made, /enough/);
});

test('equal vertices of several targets are executed once', async () => {
  const shared = 'FROM base AS a\nRUN shared\n';
  const targets = [await graphOf(`${shared}RUN one\n`), await graphOf(`${shared}RUN two\n`)];
  const { executed } = await buildEdges(new FakeWorld(), targets);
  assert.equal(executed.filter((name) => name === 'RUN shared').length, 1);
});

test('a chain of thousands of steps does not overflow the stack', async () => {
  const world = new FakeWorld();
  let edge = await graphOf('FROM base\nRUN one\n');
  const { operation } = edge.vertex;
  assert.equal(operation.kind, 'exec');
  for (let index = 0; index < 5000; index++) {
    const vertex = {
      ...edge.vertex,
      digest: digestOf(String(index)),
      operation: { ...operation, args: [String(index)] },
      inputs: [edge],
    };
    edge = { vertex, output: 0 };
  }
  const worker = new FakeWorker(world);
  worker.execute = (vertex) => Promise.resolve([world.resultOf([vertex.digest])]);
  const registry = await exported(world, await buildEdges(world, [edge], { worker }), 'min');
  const second = await buildEdges(world, [edge], { sources: [await importSource(registry, 'cache')] });
  assert.deepEqual(second.executed, []);
});
