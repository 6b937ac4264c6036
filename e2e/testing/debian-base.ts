import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { link, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../src/testing/repository-root';
import { buildOnEmptyState, pushTo } from './embedded-build';

interface BaseModule {
  readonly ensureDebianBase: (
    print: (line: string) => void,
  ) => Promise<{ readonly tar: string } | { readonly reason: string }>;
}

/** Pushes a base image made by debootstrap to `reference`; gives why there is none. */
export async function pushDebianBase(reference: string, directory: string): Promise<string | undefined> {
  const module = pathToFileURL(join(repositoryRoot(), 'scripts/support/buildkit/debian-base.mjs')).href;
  const { ensureDebianBase } = (await import(module)) as BaseModule;
  const made = await ensureDebianBase((line) => console.log(line));
  if ('reason' in made) return made.reason;
  const context = join(directory, 'base');
  await mkdir(context);
  const tar = join(context, 'base.tar');
  await link(made.tar, tar).catch(() => copyFile(made.tar, tar));
  const text = 'FROM scratch\nADD base.tar /\nENV DEBIAN_FRONTEND=noninteractive\nCMD ["/bin/sh"]\n';
  const dockerfile = { path: join(context, 'Dockerfile'), text };
  await buildOnEmptyState({ context, dockerfile, ...pushTo(reference) }, { directory });
  return undefined;
}

/** How this machine reaches packages, for programs inside of a build: never part of an image or a key. */
export interface HostSettings {
  /**
   * Files by the id of their secret: `apt` (its configuration of proxies), `npmrc` (registry, proxy) and `certificates`,
   * which the npmrc expects at `/run/secrets/certificates`.
   */
  readonly secretFiles: Readonly<Record<string, string>>;
  /** Directory of this machine's npm. */
  readonly npm: string;
}

const execute = promisify(execFile);
const bundle = '/etc/ssl/certs/ca-certificates.crt';

/** Writes what it finds below `directory`. Undefined where there is no npm to be found. */
export async function readHostSettings(directory: string): Promise<HostSettings | undefined> {
  const npm = [
    ...(process.env['npm_execpath'] === undefined ? [] : [dirname(dirname(process.env['npm_execpath']))]),
    join(dirname(process.execPath), '../lib/node_modules/npm'),
  ].find((path) => existsSync(join(path, 'bin/npm-cli.js')));
  if (npm === undefined) return undefined;
  const npmConfig = async (key: string): Promise<string> =>
    (await execute(process.execPath, [join(npm, 'bin/npm-cli.js'), 'config', 'get', key])).stdout.trim();
  const dump = await execute('apt-config', ['dump']).catch(() => ({ stdout: '' }));
  const proxies = dump.stdout.split('\n').filter((line) => /^Acquire::https?::Proxy/i.test(line));
  const proxy = await npmConfig('https-proxy');
  const npmrc = [
    `registry=${await npmConfig('registry')}`,
    ...(existsSync(bundle) ? ['cafile=/run/secrets/certificates'] : []),
    ...(proxy === 'null' || proxy === '' ? [] : [`https-proxy=${proxy}`]),
  ];
  await writeFiles(directory, {
    'host/apt': `${proxies.join('\n')}\n`,
    'host/npmrc': `${npmrc.join('\n')}\n`,
    'host/certificates': existsSync(bundle) ? await readFile(bundle, 'utf8') : '\n',
  });
  const ids = ['apt', 'npmrc', 'certificates'];
  return { npm, secretFiles: Object.fromEntries(ids.map((id) => [id, join(directory, 'host', id)])) };
}

/** Writes files given by path below `directory`. */
export async function writeFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}
