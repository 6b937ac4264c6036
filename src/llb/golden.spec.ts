import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { readGoldenCases, type GoldenCase } from '../testing/golden/case';
import { convertGoldenCase } from '../testing/golden/graph';
import { repositoryRoot } from '../testing/repository-root';
import type { ExecOperation, FileAction, FileOwner, Operation, UserIdentity } from './operation';
import { baseName } from './posix-path';
import { verticesOf } from './testing/convert-text';

/** JSON as BuildKit recorded it: zero values are left out. */
type Json = Readonly<Record<string, unknown>>;

test('every operation has the fields that BuildKit recorded for it', async (t) => {
  for (const golden of await readGoldenCases(join(repositoryRoot(), 'test-data/golden'))) {
    await t.test(golden.name, async () => {
      const recorded = recordedOperations(golden);
      const conversion = await convertGoldenCase(golden);
      const ours = verticesOf(conversion)
        .map(({ operation }) => describe(operation))
        .filter((description) => description !== undefined);
      for (const operation of ours) {
        assert.ok(
          recorded.some((candidate) => isDeepStrictEqual(candidate, operation)),
          `not recorded: ${JSON.stringify(operation)}\namong ${recorded.map((one) => JSON.stringify(one)).join('\n')}`,
        );
      }
      assert.ok(ours.length > 0);
    });
  }
});

/** The operations among a case's preimages. */
function recordedOperations(golden: GoldenCase): readonly unknown[] {
  const operations: unknown[] = [];
  for (const { type, data = [] } of Object.values(golden.expected.preimages)) {
    if (type !== 'json') continue;
    const operation = JSON.parse(data.filter((piece) => typeof piece === 'string').join('')) as Json;
    if (operation['Type'] === 'buildkit.exec.v0') operations.push(operation['Exec']);
    if (operation['Type'] === 'buildkit.merge.v0') operations.push('merge');
    if (operation['Type'] !== 'buildkit.file.v0') continue;
    const actions = operation['Actions'] as readonly string[];
    operations.push(actions.map((action) => JSON.parse(Buffer.from(action, 'base64').toString()) as Json));
  }
  return operations;
}

/** An operation of ours in the shape of the record; sources are no operations with a record. */
function describe(operation: Operation): unknown {
  switch (operation.kind) {
    case 'exec':
      return describeExec(operation);
    case 'file':
      return operation.actions.map(describeAction);
    case 'merge':
      return 'merge';
    default:
      return undefined;
  }
}

function describeExec(operation: ExecOperation): Json {
  const { args, env, cwd, user, network, secretEnv } = operation;
  const mounts = operation.mounts.map((mount) =>
    withoutZeros({
      input: mount.input,
      dest: mount.dest,
      output: mount.type === 'secret' ? 0 : mount.output,
      readonly: mount.readOnly,
      mountType: ['bind', 'secret', 'ssh', 'cache', 'tmpfs'].indexOf(mount.type),
      ...(mount.tmpfs && { TmpfsOpt: {} }),
      // The id of a cache mount is no part of the key where the mount starts from something.
      ...(mount.cache && { cacheOpt: mount.input < 0 ? { ID: mount.cache.id } : {} }),
      ...(mount.secret && {
        secretOpt: { ID: mount.secret.id, mode: mount.secret.mode, optional: mount.secret.optional },
      }),
    }),
  );
  return withoutZeros({
    meta: withoutZeros({ args, env, cwd, user, removeMountStubsRecursive: true }),
    mounts: mounts.length > 1 ? mounts : undefined,
    network: ['default', 'host', 'none'].indexOf(network),
    secretenv:
      secretEnv.length > 0 ? secretEnv.map(({ id, name, optional }) => ({ ID: id, name, optional })) : undefined,
  });
}

function describeAction(action: FileAction): Json {
  const shared = { owner: describeOwner('owner' in action ? action.owner : undefined) };
  switch (action.kind) {
    case 'mkdir':
      return withoutZeros({
        ...shared,
        path: action.path,
        mode: action.mode,
        makeParents: action.makeParents,
        timestamp: -1,
      });
    case 'mkfile': {
      const data = Buffer.from(action.data).toString('base64');
      return withoutZeros({ ...shared, path: action.path, mode: action.mode, data, timestamp: -1 });
    }
    case 'copy':
      return withoutZeros({
        ...shared,
        // The key has only the last element; the path is in the selector.
        src: baseName(action.src),
        dest: action.dest,
        mode: action.mode,
        followSymlink: action.followSymlink,
        dirCopyContents: action.dirCopyContents,
        attemptUnpackDockerCompatibility: action.attemptUnpackDockerCompatibility,
        createDestPath: action.createDestPath,
        allowWildcard: action.allowWildcard,
        allowEmptyWildcard: action.allowEmptyWildcard,
        timestamp: Number(action.timestamp),
        exclude_patterns: action.excludePatterns.length > 0 ? action.excludePatterns : undefined,
      });
    case 'rm':
      throw new Error('a Dockerfile removes nothing');
  }
}

function describeOwner(owner: FileOwner | undefined): Json | undefined {
  const describeIdentity = (identity: UserIdentity): Json => ({
    User: 'id' in identity ? withoutZeros({ byId: identity.id }) : { byName: { name: identity.name } },
  });
  return (
    owner &&
    withoutZeros({
      user: owner.user && describeIdentity(owner.user),
      group: owner.group && describeIdentity(owner.group),
    })
  );
}

function withoutZeros(value: Json): Json {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined && field !== 0 && field !== false && field !== ''),
  );
}
