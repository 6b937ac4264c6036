import { readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repositoryRoot } from '../../src/testing/repository-root';

/** Bytes of the packages that the app depends on, in files of real JavaScript. */
const packageBytes = 24_000_000;
const sourceFiles = 200;

export interface SampleApp {
  readonly context: string;
  readonly dockerfile: string;
  /** Changes one source file; each call to another content. */
  changeSource(version: number): Promise<void>;
}

/**
 * An app as people have them, without anything that needs a network: a stage that installs its packages, one that builds,
 * and the image that takes from both.
 */
export async function writeSampleApp(directory: string, base: string): Promise<SampleApp> {
  const context = join(directory, 'app');
  await mkdir(join(context, 'src'), { recursive: true });
  await writePackages(join(context, 'packages'));
  await writeFile(join(context, 'package.json'), '{ "name": "app", "version": "1.0.0" }\n');
  for (let index = 0; index < sourceFiles; index++) {
    await writeFile(join(context, 'src', `part${index}.js`), `exports.part${index} = () => ${index};\n`.repeat(20));
  }
  const changeSource = (version: number): Promise<void> =>
    writeFile(join(context, 'src/main.js'), `console.log('version ${version}');\n`);
  await changeSource(0);
  const text = `FROM ${base} AS deps
WORKDIR /repo
COPY package.json ./
COPY packages ./packages
RUN cp -r packages node_modules && find node_modules -type f | sort > node_modules/.lock

FROM deps AS build
COPY src ./src
RUN mkdir dist && cat src/*.js > dist/main.js && cp node_modules/.lock dist/

FROM ${base}
WORKDIR /app
COPY --from=deps /repo/node_modules ./node_modules
COPY --from=build --chown=1000:1000 /repo/dist ./
USER 1000
CMD ["node", "main.js"]
`;
  await writeFile(join(context, 'Dockerfile'), text);
  return { context, dockerfile: join(context, 'Dockerfile'), changeSource };
}

async function writePackages(directory: string): Promise<void> {
  const modules = join(repositoryRoot(), 'node_modules');
  const names = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((name) => /\.[cm]?js$/.test(name));
  let bytes = 0;
  for (const name of names.sort()) {
    const content = await readFile(join(modules, name)).catch(() => undefined);
    if (content === undefined || content.length > 1_000_000) continue;
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    bytes += content.length;
    if (bytes >= packageBytes) return;
  }
}
