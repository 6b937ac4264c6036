import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { preProcessFile } from 'typescript';
import { repositoryRoot } from './testing/repository-root';

/**
 * The rooms of the house, lowest first, and what each may import. A new edge is a decision: it is made here, pointing
 * downwards, and told in docs/architecture.md.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  diagnostics: [],
  oci: ['diagnostics'],
  progress: ['diagnostics', 'oci'],
  content: ['diagnostics', 'oci'],
  filetree: ['diagnostics', 'oci', 'content'],
  compression: ['diagnostics', 'oci', 'content', 'filetree'],
  transport: ['diagnostics', 'oci', 'content'],
  registry: ['diagnostics', 'oci', 'content', 'transport'],
  'registry-server': ['diagnostics', 'oci', 'content'],
  dockerfile: ['diagnostics', 'oci'],
  cache: ['diagnostics', 'oci', 'progress', 'content', 'compression', 'registry', 'dockerfile'],
  llb: ['diagnostics', 'oci', 'dockerfile'],
  solver: ['diagnostics', 'oci', 'progress', 'content', 'filetree', 'cache', 'dockerfile', 'llb'],
  builder: [
    'diagnostics',
    'oci',
    'progress',
    'content',
    'filetree',
    'compression',
    'registry',
    'cache',
    'dockerfile',
    'llb',
    'solver',
  ],
  engine: [
    'diagnostics',
    'oci',
    'progress',
    'content',
    'filetree',
    'compression',
    'transport',
    'registry',
    'cache',
    'dockerfile',
    'llb',
    'solver',
    'builder',
  ],
  'stage-refs': [
    'diagnostics',
    'oci',
    'progress',
    'content',
    'compression',
    'registry',
    'cache',
    'dockerfile',
    'llb',
    'solver',
    'builder',
    'engine',
  ],
  report: ['diagnostics', 'oci', 'progress', 'engine', 'stage-refs'],
  workspace: ['diagnostics', 'oci', 'compression', 'cache', 'dockerfile', 'engine', 'stage-refs'],
  executors: [
    'diagnostics',
    'oci',
    'progress',
    'content',
    'compression',
    'transport',
    'registry',
    'registry-server',
    'cache',
    'builder',
    'engine',
    'stage-refs',
    'report',
    'workspace',
  ],
  generators: ['diagnostics', 'oci', 'dockerfile', 'workspace'],
};

/** Packages that only some rooms may import. All others are free for whoever package.json lets have them. */
const guardedPackages: Readonly<Record<string, readonly string[]>> = {
  undici: ['transport'],
  '@nx/devkit': ['workspace', 'executors', 'generators', 'plugin'],
  nx: [],
};

const maxFileLines = 500;
const reviewFileLines = 300;

interface SourceFile {
  /** Slash-separated, from the repository's root. */
  readonly path: string;
  readonly room: string;
  readonly isTest: boolean;
  readonly lines: number;
  readonly imports: readonly string[];
}

const root = repositoryRoot();

/** `src/cache/x.ts` is in `cache`, `src/plugin.ts` in `plugin`, everything below `generators/` in `generators`. */
function roomOf(path: string): string {
  const [top = '', next = ''] = path.split('/');
  return top === 'src' ? next.replace(/\.ts$/, '') : top;
}

function readSources(): readonly SourceFile[] {
  return ['src', 'generators'].flatMap((folder) => listFiles(folder)).map(readSource);
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
      .filter((path) => path.endsWith('.ts'));
  } catch {
    return [];
  }
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  return {
    path,
    room: roomOf(path),
    isTest: path.endsWith('.spec.ts') || path.startsWith('src/testing/') || path.includes('/testing/'),
    lines: text.split('\n').length - 1,
    imports: preProcessFile(text, true, true).importedFiles.map((file) => file.fileName),
  };
}

/** The room an import leads to, or undefined for a package. */
function importedRoom(from: SourceFile, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return roomOf(posix.join(dirname(from.path), specifier));
}

const sources = readSources();

test('imports point downwards, and only along known edges', () => {
  const violations = sources
    .filter((file) => !file.isTest && file.room in rooms)
    .flatMap((file) => file.imports.map((specifier) => ({ file, target: importedRoom(file, specifier) })))
    .filter(({ file, target }) => target !== undefined && target !== file.room)
    .filter(({ file, target }) => target === undefined || !(rooms[file.room] ?? []).includes(target))
    .map(({ file, target }) => `${file.path} imports ${target ?? ''}`);
  assert.deepEqual(violations, []);
});

test('the table of rooms itself points downwards', () => {
  const order = Object.keys(rooms);
  for (const [room, targets] of Object.entries(rooms)) {
    for (const target of targets) {
      assert.ok(order.indexOf(target) >= 0, `${room} may import ${target}, which is no room`);
      assert.ok(order.indexOf(target) < order.indexOf(room), `${room} may import ${target}, which is above it`);
    }
  }
});

test('every folder of src is a room', () => {
  const known = new Set([...Object.keys(rooms), 'testing']);
  const folders = sources.filter((file) => file.path.split('/').length > 2).map((file) => file.room);
  assert.deepEqual(
    [...new Set(folders)].filter((room) => !known.has(room)),
    [],
  );
});

test('guarded packages are imported only by their rooms', () => {
  const violations = sources
    .filter((file) => !file.isTest)
    .flatMap((file) => file.imports.map((specifier) => ({ file, specifier })))
    .filter(({ file, specifier }) => {
      const guarded = Object.keys(guardedPackages).find(
        (name) => specifier === name || specifier.startsWith(`${name}/`),
      );
      return guarded !== undefined && !(guardedPackages[guarded] ?? []).includes(file.room);
    })
    .map(({ file, specifier }) => `${file.path} imports ${specifier}`);
  assert.deepEqual(violations, []);
});

test('test rigs are imported only by tests', () => {
  const violations = sources
    .filter((file) => !file.isTest)
    .filter((file) => file.imports.some((specifier) => /(?:^|\/)testing\/|\.spec$/.test(specifier)))
    .map((file) => file.path);
  assert.deepEqual(violations, []);
});

test('runtime code imports only packages that package.json lists as dependencies', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const violations = sources
    .filter((file) => !file.isTest)
    .flatMap((file) => file.imports.map((specifier) => ({ file, specifier })))
    .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .filter(({ specifier }) => {
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      return !(name in manifest.dependencies);
    })
    .map(({ file, specifier }) => `${file.path} imports ${specifier}`);
  assert.deepEqual(violations, []);
});

test(`no file is longer than ${maxFileLines} lines`, (t) => {
  for (const file of sources.filter(({ lines }) => lines > reviewFileLines)) {
    t.diagnostic(`${file.path} has ${file.lines} lines: review whether it is one concept`);
  }
  assert.deepEqual(
    sources.filter(({ lines }) => lines > maxFileLines).map(({ path, lines }) => `${path}: ${lines}`),
    [],
  );
});
