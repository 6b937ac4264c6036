import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { createIgnoreMatcher } from '../dockerfile/ignore-matcher';
import { DirectoryTree } from '../filetree/directory-tree';
import type { LocalSource } from '../llb/operation';
import { digestOf, type Digest } from '../oci/digest';
import { copyGoldenContext, readGoldenCases, type GoldenCase } from '../testing/golden/case';
import { convertGoldenCase } from '../testing/golden/graph';
import { repositoryRoot } from '../testing/repository-root';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { ContentHasher } from './content-hash';
import { buildNodes, contentKey, type EdgeNode } from './edge-node';
import { goJson, type GoValue } from './go-json';

const goldenDirectory = join(repositoryRoot(), 'test-data/golden');

test('43 cases are there', async () => {
  assert.equal((await readGoldenCases(goldenDirectory)).length, 43);
});

/** All that can be converted from the main context alone. */
async function allCases(): Promise<readonly GoldenCase[]> {
  const more = await readGoldenCases(goldenDirectory, 'more');
  const ownIgnoreFile = 'ignore-own';
  const simple = more.filter(({ name, parameters }) => parameters.contexts.length === 0 && name !== ownIgnoreFile);
  return [...(await readGoldenCases(goldenDirectory)), ...simple];
}

test('every key of an operation, a selector or a context is one that BuildKit wrote', async (t) => {
  for (const golden of await allCases()) {
    await t.test(golden.name, async () => {
      const expected = new Set(golden.expected.records.map(({ digest }) => digest));
      const links = new Set(
        golden.expected.records.flatMap(({ inputs = [] }) => inputs.flat().flatMap(({ selector }) => selector ?? [])),
      );
      const computed = new Set<Digest>();
      for (const node of await nodesOf(golden)) {
        for (const key of node.recordDigests) computed.add(key);
        for (const [input, { selector, content }] of node.map.inputs.entries()) {
          const source = node.inputs[input]?.vertex.operation;
          if (source?.kind !== 'local') {
            if (selector !== undefined) assert.ok(links.has(selector), `${node.vertex.name}: selector ${selector}`);
          } else if (content !== undefined) {
            await using directory = await TemporaryDirectory.create();
            await copyGoldenContext(golden, 'context', directory.path);
            const hasher = new ContentHasher(contextTree(directory.path, source), { emptyRootHeader: true });
            computed.add(contentKey(await hasher.digest(content)));
          }
        }
      }
      assert.deepEqual(
        [...computed].filter((digest) => !expected.has(digest)),
        [],
      );
      // What has a result is an operation's key, and those need no build to be known.
      const results = golden.expected.records.filter(({ result }) => result).map(({ digest }) => digest);
      assert.deepEqual(
        results.filter((digest) => !computed.has(digest)),
        [],
      );
    });
  }
});

test("BuildKit's JSON is what Go's encoder gives", async () => {
  let checked = 0;
  for (const { expected } of await readGoldenCases(goldenDirectory)) {
    for (const [digest, { type, data = [] }] of Object.entries(expected.preimages)) {
      if (type !== 'json') continue;
      const text = data.filter((piece) => typeof piece === 'string').join('');
      const copy = goJson(reviveBytes(JSON.parse(text) as GoValue));
      assert.equal(copy, text);
      assert.equal(digestOf(copy), digest);
      checked++;
    }
  }
  assert.equal(checked, 140);
});

test('recorded preimages without file content hash to their digests', async () => {
  for (const { expected } of await readGoldenCases(goldenDirectory)) {
    for (const [digest, { data = [{ skip: 0 }] }] of Object.entries(expected.preimages)) {
      const pieces = data.filter((piece) => typeof piece === 'string');
      if (pieces.length < data.length) continue;
      assert.equal(`sha256:${createHash('sha256').update(pieces.join('')).digest('hex')}`, digest);
    }
  }
});

async function nodesOf(golden: GoldenCase): Promise<readonly EdgeNode<unknown>[]> {
  const { root } = await convertGoldenCase(golden);
  return root ? buildNodes([root]).nodes : [];
}

function contextTree(directory: string, source: LocalSource): DirectoryTree {
  const { matcher, diagnostics } = createIgnoreMatcher(source.excludePatterns, '.dockerignore');
  assert.deepEqual(diagnostics, []);
  return new DirectoryTree(directory, { ignore: matcher });
}

/** The actions of a file operation are bytes in Go: parsed, printed and wrapped again. */
function reviveBytes(value: GoValue): GoValue {
  if (typeof value !== 'object' || value === null || !('Actions' in value)) return value;
  const { Actions, ...rest } = value as { readonly Actions: readonly string[] };
  const actions = Actions.map((text) =>
    Buffer.from(goJson(JSON.parse(Buffer.from(text, 'base64').toString()) as GoValue)),
  );
  const { Type, ...others } = rest as { readonly Type?: GoValue };
  return { Type, Actions: actions, ...others };
}
