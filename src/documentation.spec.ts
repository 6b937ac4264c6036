import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from './testing/repository-root';

const root = repositoryRoot();

function readSources(): readonly string[] {
  return ['src', 'generators']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts') && !path.includes('testing'))
    .map((path) => readFileSync(join(root, path), 'utf8'));
}

/** Diagnostics of these rooms are made by helpers that take the code as their first argument. */
const diagnosticCode = /'((?:DOCKERFILE|CACHE|OPTION|IGNORE|BUILD)_[A-Z0-9_]+)'/g;

/** Codes of errors (`interface ErrorDetails`) and of diagnostics. */
function declaredCodes(sources: readonly string[]): ReadonlySet<string> {
  const codes = new Set<string>();
  for (const source of sources) {
    for (const [, block = ''] of source.matchAll(/interface ErrorDetails \{([^]*?)\n {2}\}/g)) {
      for (const [, code = ''] of block.matchAll(/^ {4}(?:readonly )?([A-Z][A-Z0-9_]+): /gm)) codes.add(code);
    }
    for (const [, code = ''] of source.matchAll(/\bcode: '([A-Z][A-Z0-9]*_[A-Z0-9_]+)'/g)) codes.add(code);
    for (const [, code = ''] of source.matchAll(diagnosticCode)) codes.add(code);
  }
  return codes;
}

test('docs/errors.md lists exactly the codes that the source declares', () => {
  const declared = declaredCodes(readSources());
  const text = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const listed = [...text.matchAll(/^\| `([A-Z0-9_]+)` +\|/gm)].map(([, code = '']) => code);
  assert.ok(declared.size > 0);
  assert.deepEqual([...new Set(listed)].sort(), [...declared].sort());
  assert.equal(new Set(listed).size, listed.length, 'a code is listed twice');
});

test('links between documents lead somewhere', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))];
  const broken = pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .filter(([, target = '']) => !existsSync(join(root, dirname(page), target)))
        .map(([, target = '']) => `${page}: ${target}`),
    );
  assert.deepEqual(broken, []);
});

test('docs/dependencies.md names every dependency', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  assert.deepEqual(
    names.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
  const inexact = Object.entries(manifest.devDependencies).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  assert.deepEqual(inexact, []);
});

test('package.json names executors and schemas that exist', () => {
  const { executors } = JSON.parse(readFileSync(join(root, 'executors.json'), 'utf8')) as {
    readonly executors: Readonly<Record<string, { readonly implementation: string; readonly schema: string }>>;
  };
  for (const { implementation, schema } of Object.values(executors)) {
    assert.ok(existsSync(join(root, schema)), schema);
    const source = implementation.replace(/^\.\/dist\//, './') + '.ts';
    assert.ok(existsSync(join(root, source)), source);
  }
});
