import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../src/testing/repository-root';

/** Packages without dependencies of their own that this repository has installed, 40 MB together. */
const packages = ['typescript', 'prettier', 'undici', 'yaml', 'fflate', 'tslib'];
const sourceFiles = 200;
const execute = promisify(execFile);

export interface SampleApp {
  /** Holds the Dockerfile, too. */
  readonly context: string;
  /** Changes one source file; each version to another content. */
  changeSource(version: number): Promise<void>;
}

/**
 * An app as people have them, which needs no network: a stage that installs packages with npm, one that compiles 200
 * files of TypeScript, and the image that takes from both.
 */
export async function writeSampleApp(directory: string, base: string): Promise<SampleApp> {
  const context = join(directory, 'app');
  await mkdir(join(context, 'src'), { recursive: true });
  const dependencies = await packDependencies(join(context, 'vendor'));
  await writeFile(
    join(context, 'package.json'),
    JSON.stringify({ name: 'app', version: '1.0.0', private: true, dependencies }, undefined, 2),
  );
  for (let index = 0; index < sourceFiles; index++) {
    const line = (part: number): string =>
      `export const part${index}_${part} = (value: number): number => value + ${part};\n`;
    await writeFile(
      join(context, 'src', `part${index}.ts`),
      Array.from({ length: 20 }, (_, part) => line(part)).join(''),
    );
  }
  const changeSource = (version: number): Promise<void> =>
    writeFile(join(context, 'src/main.ts'), `import { part1_2 } from './part1';\nconsole.log(part1_2(${version}));\n`);
  await changeSource(0);
  const text = `FROM ${base} AS deps
WORKDIR /repo
COPY package.json ./
COPY vendor ./vendor
RUN --mount=type=cache,target=/root/.npm \\
    node /opt/npm/bin/npm-cli.js install --offline --no-audit --no-fund --no-update-notifier --ignore-scripts

FROM deps AS build
COPY src ./src
RUN node node_modules/typescript/bin/tsc --outDir dist --rootDir src --module commonjs --target es2022 src/*.ts

FROM ${base}
WORKDIR /app
COPY --from=deps /repo/node_modules ./node_modules
COPY --from=build --chown=1000:1000 /repo/dist ./
USER 1000
CMD ["node", "main.js"]
`;
  await writeFile(join(context, 'Dockerfile'), text);
  // Builds of a branch have a cache of their own.
  await execute('git', ['init', '--quiet', '--initial-branch=main', context]);
  return { context, changeSource };
}

/** As archives in `directory`, with the dependencies that name them in a package.json at its side. */
async function packDependencies(directory: string): Promise<Readonly<Record<string, string>>> {
  await mkdir(directory);
  const sources = packages.map((name) => join(repositoryRoot(), 'node_modules', name));
  await execute('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory, ...sources]);
  const archives = await readdir(directory);
  return Object.fromEntries(
    packages.map((name) => {
      const archive = archives.find((file) => new RegExp(`^${name}-\\d`).test(file));
      if (archive === undefined) throw new Error(`npm packed no ${name}`);
      return [name, `file:vendor/${archive}`];
    }),
  );
}
