import { cp, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../support/prepare.mjs';
import { run } from '../support/process.mjs';

/** Nx without daemon, cloud and questions, as in a CI job. */
const nxEnvironment = {
  CI: 'true',
  NX_DAEMON: 'false',
  NX_ISOLATE_PLUGINS: 'false',
  NX_NO_CLOUD: 'true',
  NX_TUI: 'false',
};

async function runOrFail(command, args, options) {
  const { code, output } = await run(command, args, { ...options, capture: true });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${code}\n${output}`);
  return output;
}

/** Packs the plugin as npm would publish it. Gives the tarball's path. */
export async function packPlugin(directory) {
  await mkdir(directory, { recursive: true });
  const output = await runOrFail('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', directory], {
    cwd: root,
  });
  const packed = JSON.parse(output.slice(output.indexOf('[\n'))).map(({ filename }) => filename);
  return join(directory, packed[0]);
}

/**
 * A copy of `examples/workspace` in a git repository of its own, with the packed plugin installed by name.
 *
 * @param {string} directory
 * @param {string} tarball
 * @param {{ nx?: string }} [options] `nx`: another version of Nx than the example's, as npm takes it.
 */
export async function createWorkspace(directory, tarball, { nx } = {}) {
  await copySources(directory);
  const manifestPath = join(directory, 'package.json');
  const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
  manifest.devDependencies['nx-registry-cache'] = `file:${tarball}`;
  if (nx !== undefined) Object.assign(manifest.devDependencies, { nx, '@nx/devkit': nx });
  await writeFile(manifestPath, `${JSON.stringify(manifest, undefined, 2)}\n`);
  await runOrFail('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], {
    cwd: directory,
  });
}

/** Another checkout of the same sources. Shares only the installed packages with `original`. */
export async function copyWorkspace(directory, original) {
  await copySources(directory);
  await cp(join(original, 'package.json'), join(directory, 'package.json'));
  await cp(join(original, 'apps'), join(directory, 'apps'), { recursive: true });
  await symlink(join(original, 'node_modules'), join(directory, 'node_modules'), 'dir');
}

async function copySources(directory) {
  await rm(directory, { recursive: true, force: true });
  await cp(join(root, 'examples/workspace'), directory, { recursive: true });
  await rm(join(directory, 'node_modules'), { recursive: true, force: true });
  await runOrFail('git', ['init', '--quiet'], { cwd: directory });
}

/** The folder, from a workspace's root, of the esbuild binary that npm installed for this machine. */
export async function findEsbuild(workspace) {
  const scope = join(workspace, 'node_modules/@esbuild');
  const [name] = (await readdir(scope)).filter((candidate) => candidate.startsWith('linux-'));
  if (name === undefined) throw new Error(`npm installed no esbuild for Linux into ${scope}`);
  return `node_modules/@esbuild/${name}/bin`;
}

/** Runs the workspace's own Nx to its end. Gives its exit code and what it printed. */
export function runNx(workspace, args, environment = {}) {
  return run(process.execPath, [join(workspace, 'node_modules/.bin/nx'), ...args], {
    cwd: workspace,
    env: { ...process.env, ...nxEnvironment, ...environment },
    capture: true,
  });
}

/**
 * Runs `<project>:docker-build` through Nx.
 *
 * @returns {Promise<{ code: number, output: string, result?: object }>} `result` is the metadata file.
 */
export async function buildImage(workspace, project, { state, environment, configuration }) {
  const metadata = join(workspace, 'dist/apps', project, 'image.json');
  await rm(metadata, { force: true });
  const args = [
    'run',
    [project, 'docker-build', ...(configuration === undefined ? [] : [configuration])].join(':'),
    '--outputStyle=static',
    // The demo shows what needs no daemon, also where there is one.
    '--engine=embedded',
    `--stateDir=${state}`,
    '--progress=plain',
  ];
  const { code, output } = await runNx(workspace, args, environment);
  const text = await readFile(metadata, 'utf8').catch(() => undefined);
  return { code, output, ...(text === undefined ? {} : { result: JSON.parse(text) }) };
}
