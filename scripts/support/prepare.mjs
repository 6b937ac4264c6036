import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './process.mjs';

/** The repository's root. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Whether `node_modules` has every direct dependency, and the exact version of those that are pinned. */
function isInstalled(directory) {
  const manifest = readJson(join(directory, 'package.json'));
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).every(([name, range]) => {
    const installed = join(directory, 'node_modules', name, 'package.json');
    if (!existsSync(installed)) return false;
    return !/^\d/.test(range) || readJson(installed).version === range;
  });
}

/** Installs what `package.json` names, unless it is there. Needs nothing but npm. */
export async function ensureInstalled(directory = root) {
  if (isInstalled(directory)) return;
  console.log('installing dependencies');
  const { code } = await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
  if (code !== 0) throw new Error(`npm install failed with exit code ${code}`);
}

/** The script of an installed tool, started with the Node at hand: no shell, no `npx`. */
export function tool(name) {
  const { bin } = readJson(join(root, 'node_modules', name, 'package.json'));
  const file = typeof bin === 'string' ? bin : (bin[name] ?? Object.values(bin)[0]);
  return join(root, 'node_modules', name, file);
}

/** Removes compiled files whose source is gone, so that nothing stale is tested or packed. */
function removeStaleOutput() {
  const output = join(root, 'dist');
  if (!existsSync(output)) return;
  for (const entry of readdirSync(output, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(?:js|d\.ts)$/.test(entry.name)) continue;
    const compiled = join(entry.parentPath ?? entry.path, entry.name);
    const source = join(root, relative(output, compiled).replace(/(?:\.d\.ts|\.js)$/, '.ts'));
    if (!existsSync(source)) rmSync(compiled);
  }
}

/** Compiles into `dist/`. Gives the compiler's exit code; 0 means types are right, too. */
export async function build() {
  removeStaleOutput();
  const { code } = await run(process.execPath, [tool('typescript'), '-p', 'tsconfig.json'], { cwd: root });
  return code;
}
