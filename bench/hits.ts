import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CountedRegistry } from '../e2e/workspace/counted-registry';
import { removeTree } from '../src/testing/remove-tree';
import type { DockerBuildOptions } from '../src/workspace/docker-build-options';
import type { Bench } from './bench';
import { openEmptyBuildKit } from './support/empty-buildkit';
import { median, measureMs } from './support/measure';
import { runExecutor } from './support/run-executor';
import { writeSampleApp } from './support/sample-app';
import { pinned, pushNodeBase } from './support/sample-base';
import { formatTable } from './support/table';

const rounds = 3;

/** One way to have the image of an unchanged app. */
interface Contender {
  readonly label: string;
  /** Milliseconds of one build on a machine that has nothing; undefined where the machine lacks what it needs. */
  readonly build: () => Promise<number | undefined>;
}

export const hitsBench: Bench = {
  name: 'hits',
  description:
    'an unchanged app on an empty machine: stage refs against buildx with cache-from, and what each asks for',
  async run({ directory, print }) {
    await using registry = await CountedRegistry.start(join(directory, 'registry'));
    const { host } = registry;
    const reason = await pushNodeBase(`${host}/base/node:1`, { host, directory });
    if (reason !== undefined) {
      print(`(left out: there is no base image: ${reason})`);
      return;
    }
    const tagged = await writeApp(join(directory, 'tagged'), `${host}/base/node:1`);
    const byDigest = await writeApp(join(directory, 'digest'), await pinned(`${host}/base/node:1`));
    const executor =
      (context: string, name: string): (() => Promise<number>) =>
      async () => {
        const stateDir = join(directory, 'state');
        const image = `${host}/${name}`;
        const options: DockerBuildOptions = {
          engine: 'embedded',
          tags: [`${image}:latest`],
          push: true,
          cache: `${image}-cache`,
          trust: 'open',
          progress: 'plain',
          stateDir,
        };
        try {
          const job = { root: context, builds: [{ project: 'app', projectRoot: '.', options }] };
          return await measureMs(() => runExecutor(job));
        } finally {
          await removeTree(stateDir);
        }
      };
    let version: string | undefined;
    let isFilled = false;
    const buildx = async (): Promise<number | undefined> => {
      const opened = await openEmptyBuildKit(directory);
      if (typeof opened === 'string') {
        print(`(left out: there is no BuildKit here: ${opened})`);
        return undefined;
      }
      await using builder = opened;
      ({ version } = builder);
      const cache = `${host}/buildx-cache:app`;
      const from = isFilled ? { cacheFrom: cache } : { cacheTo: cache };
      isFilled = true;
      return await measureMs(() => builder.build({ context: byDigest, image: `${host}/buildx:latest`, ...from }));
    };
    const contenders: readonly Contender[] = [
      { label: 'buildx, cache-from', build: buildx },
      { label: 'option `cache`, base by digest', build: executor(byDigest, 'pinned') },
      { label: 'option `cache`, base by tag', build: executor(tagged, 'tagged') },
    ];
    const rows = await compete(contenders, registry);
    print(`${version === undefined ? '' : `${version}; `}our registry-server; median of ${rounds} rounds\n`);
    print(formatTable(['nothing changed, empty machine', 'seconds', 'times as fast', 'requests'], rows));
  },
};

/** The first build of each fills the registry, the others are measured in turns. */
async function compete(
  contenders: readonly Contender[],
  registry: CountedRegistry,
): Promise<readonly (readonly string[])[]> {
  const present: Contender[] = [];
  for (const contender of contenders) if ((await contender.build()) !== undefined) present.push(contender);
  const times = new Map<Contender, number[]>(present.map((contender) => [contender, []]));
  const requests = new Map<Contender, readonly string[]>();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < present.length; turn++) {
      const contender = present[(turn + round) % present.length];
      if (contender === undefined) continue;
      registry.takeRequests();
      times.get(contender)?.push((await contender.build()) ?? Number.NaN);
      requests.set(contender, registry.takeRequests());
    }
  }
  const theirs = contenders[0] && times.get(contenders[0]);
  return present.map((contender) => {
    const ours = times.get(contender) ?? [];
    const ratios = theirs?.map((ms, round) => ms / (ours[round] ?? Number.NaN));
    return [
      contender.label,
      (median(ours) / 1000).toFixed(2),
      ratios === undefined ? '' : median(ratios).toFixed(1),
      String(requests.get(contender)?.length ?? 0),
    ];
  });
}

async function writeApp(directory: string, base: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const { context } = await writeSampleApp(directory, base);
  await writeFile(join(context, '.dockerignore'), '.git\n');
  return context;
}
