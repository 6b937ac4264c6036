import { join } from 'node:path';
import { removeTree } from '../src/testing/remove-tree';
import type { DockerBuildOptions } from '../src/workspace/docker-build-options';
import type { Bench, BenchContext } from './bench';
import { openEmptyBuildKit, type EmptyBuildKit } from './support/empty-buildkit';
import { measureMs, median } from './support/measure';
import { startDistribution, startOurRegistry } from './support/registries';
import { runExecutor } from './support/run-executor';
import { writeSampleApp, type SampleApp } from './support/sample-app';
import { pushNodeBase } from './support/sample-base';
import { formatTable } from './support/table';

const rounds = 3;

const scenarios = ['first build', 'nothing changed', 'a source file changed'] as const;
type Scenario = (typeof scenarios)[number];

/** Who builds, and with which cache: BuildKit and ours with a cache of mode max, ours with the option `cache`. */
const contestants = ['buildkit', 'embedded', 'refs'] as const;
type Contestant = (typeof contestants)[number];

interface Contest {
  readonly app: SampleApp;
  /** Of the registry. */
  readonly host: string;
  readonly directory: string;
}

/** Milliseconds of one build by an empty builder that runs already, whose client is a process. */
async function timeBuildKit(contest: Contest, scenario: Scenario, name: string): Promise<number> {
  await using builder = await openOrThrow(contest.directory);
  const cache = `${name}/cache:app`;
  return await measureMs(() =>
    builder.build({
      context: contest.app.context,
      image: `${name}/app:latest`,
      cacheTo: cache,
      ...(scenario !== 'first build' && { cacheFrom: cache }),
    }),
  );
}

async function openOrThrow(directory: string): Promise<EmptyBuildKit> {
  const opened = await openEmptyBuildKit(directory);
  if (typeof opened === 'string') throw new Error(opened);
  return opened;
}

/** Milliseconds of one build by a process of Node that finds no state. */
async function timeExecutor(
  { app, directory }: Contest,
  scenario: Scenario,
  name: string,
  caches: 'max' | 'refs',
): Promise<number> {
  const stateDir = join(directory, 'state');
  const cache = `type=registry,ref=${name}/cache:app`;
  const options: DockerBuildOptions = {
    engine: 'embedded',
    tags: [`${name}/app:latest`],
    push: true,
    progress: 'plain',
    stateDir,
    ...(caches === 'refs' && { cache: `${name}/cache`, trust: 'open' as const }),
    ...(caches === 'max' && { cacheTo: [`${cache},mode=max`] }),
    ...(caches === 'max' && scenario !== 'first build' && { cacheFrom: [cache] }),
  };
  try {
    return await measureMs(() =>
      runExecutor({ root: app.context, builds: [{ project: 'app', projectRoot: '.', options }] }),
    );
  } finally {
    await removeTree(stateDir);
  }
}

function timeOf(contest: Contest, contestant: Contestant, scenario: Scenario, round: number): Promise<number> {
  const name = `${contest.host}/${contestant}${round}`;
  switch (contestant) {
    case 'buildkit':
      return timeBuildKit(contest, scenario, name);
    case 'embedded':
      return timeExecutor(contest, scenario, name, 'max');
    case 'refs':
      return timeExecutor(contest, scenario, name, 'refs');
  }
}

type Times = ReadonlyMap<string, number>;

/** All scenarios once, the contestants one after the other in each; they take turns at being first. */
async function runRound(contest: Contest, round: number): Promise<Times> {
  const times = new Map<string, number>();
  const order = contestants.map((_, index) => contestants[(index + round) % contestants.length] ?? 'buildkit');
  await contest.app.changeSource(0);
  for (const scenario of scenarios) {
    if (scenario === 'a source file changed') await contest.app.changeSource(round + 1);
    for (const contestant of order) {
      times.set(`${contestant} ${scenario}`, await timeOf(contest, contestant, scenario, round));
    }
  }
  return times;
}

async function compete(contest: Contest, { print }: BenchContext): Promise<void> {
  const results: Times[] = [];
  for (let round = 0; round < rounds; round++) results.push(await runRound(contest, round));
  const rows = scenarios.map((scenario) => {
    const of = (contestant: Contestant): readonly number[] =>
      results.map((times) => times.get(`${contestant} ${scenario}`) ?? Number.NaN);
    const seconds = (contestant: Contestant): string => (median(of(contestant)) / 1000).toFixed(2);
    const versus = (contestant: Contestant): string => {
      const ratios = of('buildkit').map((theirs, round) => theirs / (of(contestant)[round] ?? Number.NaN));
      return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
    };
    return [scenario, seconds('buildkit'), seconds('embedded'), versus('embedded'), seconds('refs'), versus('refs')];
  });
  print(
    formatTable(
      ['on an empty builder', 'BuildKit, s', 'ours, s', 'times as fast', 'with option `cache`, s', 'times as fast'],
      rows,
    ),
  );
}

export const buildersBench: Bench = {
  name: 'builders',
  description: 'an app of three stages, built and pushed by BuildKit and by the embedded engine, from empty builders',
  async run(context) {
    const { directory, print } = context;
    const probe = await openEmptyBuildKit(directory);
    if (typeof probe === 'string') {
      print(`(left out: there is no BuildKit here: ${probe})`);
      return;
    }
    const { version } = probe;
    await probe[Symbol.asyncDispose]();
    await using registry =
      (await startDistribution(join(directory, 'registry'))) ?? (await startOurRegistry(join(directory, 'registry')));
    const { host } = registry;
    const base = `${host}/base/node:1`;
    const reason = await pushNodeBase(base, { host, directory });
    if (reason !== undefined) {
      print(`(left out: there is no base image: ${reason})`);
      return;
    }
    print(`${version}; ${registry.name}; median of ${rounds} rounds, and their range\n`);
    const app = await writeSampleApp(directory, base);
    await compete({ app, host, directory }, context);
  },
};
