import { cp, chmod, mkdir, readFile, readdir, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Digest } from '../../oci/digest';
import { repositoryRoot } from '../repository-root';
import type { GoldenRecord } from './compare';

/** What was hashed to get a digest; `skip` stands for that many bytes of a file's content. */
export interface Preimage {
  readonly type: 'json' | 'string' | 'string-list' | 'digest-list' | 'file' | 'file-list' | 'unknown';
  readonly data?: readonly (string | { readonly skip: number })[];
}

/** A recorded build: what went in, and the cache that BuildKit wrote for it. */
export interface GoldenCase {
  readonly name: string;
  readonly directory: string;
  readonly dockerfile: string;
  readonly parameters: {
    readonly args: Readonly<Record<string, string>>;
    readonly platform: string;
    readonly secrets: Readonly<Record<string, string>>;
    readonly target: string | null;
    readonly contexts: readonly string[];
  };
  readonly expected: {
    readonly records: readonly GoldenRecord[];
    readonly preimages: Readonly<Record<Digest, Preimage>>;
  };
}

/** Files that a checkout or a copy may have lost, by case and context: see `test-data/golden/README.md`. */
type SpecialFiles = Readonly<
  Record<
    string,
    Readonly<
      Record<string, { readonly symlinks?: Readonly<Record<string, string>>; readonly directories?: readonly string[] }>
    >
  >
>;

/** Reads the cases in the folder `cases`, or another one, of `goldenDirectory`, sorted by name. */
export async function readGoldenCases(goldenDirectory: string, folder = 'cases'): Promise<readonly GoldenCase[]> {
  const root = join(goldenDirectory, folder);
  const entries = await readdir(root, { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  return Promise.all(names.map((name) => readGoldenCase(join(root, name))));
}

/** Reads one case. One that has not been recorded yet expects nothing. */
export async function readGoldenCase(directory: string): Promise<GoldenCase> {
  const expected = join(directory, 'expected.json');
  return {
    name: basename(directory),
    directory,
    dockerfile: await readFile(join(directory, 'Dockerfile'), 'utf8'),
    parameters: await readJson<GoldenCase['parameters']>(join(directory, 'case.json')),
    expected: (await exists(expected))
      ? await readJson<GoldenCase['expected']>(expected)
      : { records: [], preimages: {} },
  };
}

/** Copies a case's `context`, or the context `contexts/NAME`, to `target` as BuildKit saw it. */
export async function copyGoldenContext(golden: GoldenCase, context: string, target: string): Promise<void> {
  const source = join(golden.directory, context);
  await mkdir(target, { recursive: true });
  if (await exists(source)) await cp(source, target, { recursive: true, verbatimSymlinks: true, force: true });
  const special = await readSpecialFiles(golden);
  const files = special[golden.name]?.[context];
  for (const directory of files?.directories ?? []) await mkdir(join(target, directory), { recursive: true });
  for (const [path, link] of Object.entries(files?.symlinks ?? {})) {
    await mkdir(dirname(join(target, path)), { recursive: true });
    await rm(join(target, path), { force: true });
    await symlink(link, join(target, path));
  }
  await normalizeModes(target);
}

async function readSpecialFiles(golden: GoldenCase): Promise<SpecialFiles> {
  // A folder of recordings need not say what was lost on the way to it; this project's own copy does.
  const folders = [dirname(golden.directory), join(repositoryRoot(), 'test-data', 'golden', 'cases')];
  for (const folder of folders) {
    const file = join(folder, 'special-files.json');
    if (await exists(file)) return readJson<SpecialFiles>(file);
  }
  return {};
}

/** Git keeps of a mode only whether a file is executable, and a checkout's umask decides the rest. */
async function normalizeModes(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await normalizeModes(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}
