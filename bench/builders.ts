import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pushDebianBase } from '../e2e/testing/debian-base';
import { RealBuildKit } from '../e2e/testing/real-buildkit';
import { repositoryRoot } from '../src/testing/repository-root';
import type { DockerBuildOptions } from '../src/workspace/docker-build-options';
import type { Bench, BenchContext } from './bench';
import { median } from './support/measure';
import { startDistribution, startOurRegistry } from './support/registries';
import { writeSampleApp, type SampleApp } from './support/sample-app';
import { formatTable } from './support/table';

const rounds = 3;

/** The rows of the table; each is measured on a builder that has nothing. */
const scenarios = ['first build', 'nothing changed', 'a source file changed', 'nothing changed, stage refs'] as const;
type Scenario = (typeof scenarios)[number];

interface Contest {
  readonly app: SampleApp;
  readonly host: string;
  readonly directory: string;
}

/** What a builder pushes, and the caches that it is to read and write. */
interface Build {
  readonly image: string;
  readonly cacheFrom?: string;
  readonly cacheTo?: string;
  /** Repository of stage refs; only ours has them. */
  readonly cache?: string;
}

/** One build in a process of its own, from nothing but the registry; gives milliseconds. */
type Builder = (build: Build) => Promise<number>;

/** buildx, as a process; its BuildKit runs already and has seen nothing. */
function buildkit({ app }: Contest): Builder {
  return async ({ image, cacheFrom, cacheTo }) => {
    const opened = await RealBuildKit.open();
    if (typeof opened === 'string') throw new Error(opened);
    await using builder = opened;
    const start = performance.now();
    await builder.build({
      context: app.context,
      file: app.dockerfile,
      push: image,
      ...(cacheFrom !== undefined && { cacheFrom: [`type=registry,ref=${cacheFrom}`] }),
      ...(cacheTo !== undefined && { cacheTo: [`type=registry,ref=${cacheTo},mode=max`] }),
    });
    return performance.now() - start;
  };
}

/** The executor, as a process of Node of its own. */
function embedded({ app, directory }: Contest): Builder {
  return async ({ image, cacheFrom, cacheTo, cache }) => {
    const stateDir = join(directory, 'state');
    await rm(stateDir, { recursive: true, force: true });
    const options: DockerBuildOptions = {
      tags: [image],
      push: true,
      progress: 'plain',
      stateDir,
      ...(cache !== undefined && { cache }),
      ...(cacheFrom !== undefined && { cacheFrom: [`type=registry,ref=${cacheFrom}`] }),
      ...(cacheTo !== undefined && { cacheTo: [`type=registry,ref=${cacheTo},mode=max`] }),
    };
    const program = join(repositoryRoot(), 'dist/e2e/testing/builder-process.js');
    const start = performance.now();
    await run(program, { options, workspaceRoot: app.context, projectRoot: '.' });
    const ms = performance.now() - start;
    await rm(stateDir, { recursive: true, force: true });
    return ms;
  };
}

async function run(program: string, job: object): Promise<void> {
  const child = spawn(process.execPath, [program, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(output);
}

/** All scenarios once; the first build of a round warms the registry cache of the others. */
async function runRound(build: Builder, round: number, { name, contest }: Side): Promise<ReadonlyMap<Scenario, number>> {
  const { app, host } = contest;
  const of = (what: string): string => `${host}/${name}${round}/${what}`;
  const cached = { cacheFrom: of('cache:app'), cacheTo: of('cache:app') };
  const image = of('app:latest');
  await app.changeSource(0);
  const times = new Map<Scenario, number>();
  times.set('first build', await build({ image, cacheTo: of('cache:app') }));
  times.set('nothing changed', await build({ image, ...cached }));
  if (name === 'ours') await build({ image: of('refs-app:latest'), cache: of('refs') });
  times.set(
    'nothing changed, stage refs',
    name === 'ours'
      ? await build({ image: of('refs-app:latest'), cache: of('refs') })
      : await build({ image, cacheFrom: of('cache:app') }),
  );
  await app.changeSource(round + 1);
  times.set('a source file changed', await build({ image, ...cached }));
  return times;
}

interface Side {
  readonly name: 'buildkit' | 'ours';
  readonly contest: Contest;
}

async function compete(contest: Contest, { print }: BenchContext): Promise<void> {
  const results: (readonly [ReadonlyMap<Scenario, number>, ReadonlyMap<Scenario, number>])[] = [];
  for (let round = 0; round < rounds; round++) {
    const theirs = await runRound(buildkit(contest), round, { name: 'buildkit', contest });
    const ours = await runRound(embedded(contest), round, { name: 'ours', contest });
    results.push([theirs, ours]);
  }
  const rows = scenarios.map((scenario) => {
    const times = results.map(([theirs, ours]) => [theirs.get(scenario) ?? 0, ours.get(scenario) ?? 0] as const);
    const ratios = times.map(([theirs, ours]) => theirs / ours);
    const seconds = (values: readonly number[]): string => (median(values) / 1000).toFixed(2);
    return [
      scenario,
      seconds(times.map(([theirs]) => theirs)),
      seconds(times.map(([, ours]) => ours)),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
    ];
  });
  print(formatTable(['on an empty builder', 'BuildKit, s', 'ours, s', 'times as fast', 'range'], rows));
}

export const buildersBench: Bench = {
  name: 'builders',
  description: 'an app of three stages, built and pushed by BuildKit and by the embedded engine, from empty builders',
  async run(context) {
    const { directory, print } = context;
    const probe = await RealBuildKit.open();
    if (typeof probe === 'string') {
      print(`(left out: there is no BuildKit here: ${probe})`);
      return;
    }
    const { version } = probe;
    await probe[Symbol.asyncDispose]();
    await using registry =
      (await startDistribution(join(directory, 'registry'))) ?? (await startOurRegistry(join(directory, 'registry')));
    const base = `${registry.host}/base/debian:1`;
    const reason = await pushDebianBase(base, directory);
    if (reason !== undefined) {
      print(`(left out: there is no base image: ${reason})`);
      return;
    }
    print(`${version}; ${registry.name}\n`);
    const app = await writeSampleApp(directory, base);
    await compete({ app, host: registry.host, directory }, context);
  },
};
