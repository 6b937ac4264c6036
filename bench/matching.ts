import { parseCacheConfig, serializeCacheConfig } from '../src/cache/cache-config';
import { configSource } from '../src/cache/config-source';
import type { CacheRecord } from '../src/cache/contract';
import type { Edge, FileOperation } from '../src/llb/operation';
import { digestOf } from '../src/oci/digest';
import { cacheMap } from '../src/solver/cache-map';
import { CacheLookup } from '../src/solver/cache-lookup';
import { buildNodes, outputKey, type EdgeNode } from '../src/solver/edge-node';
import type { SolverResult, Worker } from '../src/solver/contract';
import { RecordMatcher } from '../src/solver/record-matcher';
import type { Bench } from './bench';
import { median } from './support/measure';

const RECORDS = 10_000;
/** Steps of one chain; the records are those of as many unrelated builds. */
const CHAIN_LENGTH = 40;
const TARGET_MS = 100;
const ROUNDS = 5;

/** A chain of directories to be made; their keys are all that matters here. */
function chain(name: string): Edge {
  let edge: Edge | undefined;
  for (let index = 0; index < CHAIN_LENGTH; index++) {
    const operation: FileOperation = {
      kind: 'file',
      actions: [
        {
          kind: 'mkdir',
          path: `/${name}/${index}`,
          mode: 0o755,
          makeParents: true,
          timestamp: -1n,
          input: edge ? 0 : -1,
          secondaryInput: -1,
          output: 0,
        },
      ],
    };
    const inputs: readonly Edge[] = edge ? [edge] : [];
    edge = { vertex: { digest: digestOf(`${name} ${index}`), operation, inputs, name, ignoreCache: false }, output: 0 };
  }
  if (edge === undefined) throw new Error('an empty chain');
  return edge;
}

function configBytes(): Buffer {
  const records: CacheRecord[] = [];
  const layers = [{ blob: digestOf('layer'), parent: -1 }];
  for (let build = 0; records.length < RECORDS; build++) {
    for (const { edge, inputs } of buildNodes([chain(`app${build}`)]).nodes) {
      const digest = cacheMap(edge.vertex).digest ?? digestOf('');
      records.push({
        digest: outputKey(digest, 0),
        layers: inputs.length === 0 ? [] : [{ layer: 0, createdAt: '2026-01-02T03:04:05.678901234Z' }],
        inputs: inputs.length === 0 ? [] : [[{ link: records.length - 1 }]],
      });
    }
  }
  return serializeCacheConfig({ layers, records });
}

/** Parses the config and finds the records of one build in it; gives milliseconds. */
function round(bytes: Buffer, nodes: readonly EdgeNode<SolverResult>[]): { parseMs: number; matchMs: number } {
  const start = performance.now();
  const source = configSource(parseCacheConfig(bytes), { name: 'bench', open: () => undefined });
  const parsed = performance.now();
  const lookup = new CacheLookup<SolverResult>({
    matcher: new RecordMatcher([source]),
    worker: {} as Worker<SolverResult>,
    signal: new AbortController().signal,
    computeContent: () => Promise.reject(new Error('nothing is to be hashed')),
  });
  lookup.matchDefinitions(nodes);
  const matched = performance.now();
  if (nodes.some((node) => node.matches.size !== 1)) throw new Error('the benchmark does not find its records');
  return { parseMs: parsed - start, matchMs: matched - parsed };
}

export const matchingBench: Bench = {
  name: 'matching',
  description: `parsing a cache config of ${RECORDS} records and finding a build in it`,
  run({ print }) {
    const bytes = configBytes();
    const rounds = Array.from({ length: ROUNDS }, () => round(bytes, buildNodes<SolverResult>([chain('app7')]).nodes));
    const parseMs = median(rounds.map((item) => item.parseMs));
    const matchMs = median(rounds.map((item) => item.matchMs));
    const verdict = parseMs + matchMs < TARGET_MS ? 'within' : 'above';
    print(
      `${RECORDS} records (${bytes.length} bytes): parse ${parseMs.toFixed(1)} ms, match ${matchMs.toFixed(1)} ms, ` +
        `${verdict} the target of ${TARGET_MS} ms`,
    );
    return Promise.resolve();
  },
};
