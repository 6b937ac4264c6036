import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../src/testing/repository-root';

/** One version of each major that the plugin supports. */
export const nxVersions = ['22.7.12', '23.2.1', '24.0.6'] as const;
export type NxVersion = (typeof nxVersions)[number];

/** The newest devkit for a version of Nx that is published with it. */
const devkitVersions: Readonly<Record<NxVersion, string>> = {
  '22.7.12': '22.7.12',
  '23.2.1': '23.2.1',
  '24.0.6': '24.0.0',
};

const cache = join(repositoryRoot(), '.cache/e2e-plugin');
let tarball: string | undefined;

/** Packs the plugin as npm would publish it, once per process. */
export function packPlugin(): string {
  if (tarball !== undefined) return tarball;
  const directory = join(cache, 'package');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const output = npm(['pack', '--json', '--loglevel=error', '--pack-destination', directory], repositoryRoot());
  const [packed] = JSON.parse(output.slice(output.indexOf('[\n'))) as readonly { readonly filename: string }[];
  tarball = join(directory, packed!.filename);
  return tarball;
}

/**
 * A `node_modules` with a version of Nx and the plugin as it is now. Workspaces link to it; Nx is installed once and kept
 * between runs.
 */
export function nodeModulesWith(version: NxVersion): string {
  const directory = join(cache, `nx-${version}`);
  const modules = join(directory, 'node_modules');
  const marker = join(directory, 'installed');
  const wanted = readFileSync(join(repositoryRoot(), 'package.json'), 'utf8');
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== wanted) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const devDependencies = {
      nx: version,
      '@nx/devkit': devkitVersions[version],
      'nx-registry-cache': `file:${packPlugin()}`,
    };
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'nx', private: true, devDependencies }));
    npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], directory);
    writeFileSync(marker, wanted);
  }
  // Its dependencies are there; the plugin itself is always the one that was just built.
  const plugin = join(modules, 'nx-registry-cache');
  rmSync(plugin, { recursive: true, force: true });
  mkdirSync(plugin);
  execFileSync('tar', ['-xzf', packPlugin(), '--strip-components=1', '-C', plugin]);
  return modules;
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
