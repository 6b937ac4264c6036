import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CopyAction, FileOperation } from './operation';
import { convertText, operationsOf, problemsOf, verticesOf } from './testing/convert-text';

/** The last COPY or ADD after `WORKDIR /w` on a plain image. */
async function copyOf(line: string): Promise<FileOperation> {
  const conversion = await convertText(`FROM base\nWORKDIR /w\n${line}\n`);
  assert.deepEqual(conversion.diagnostics, []);
  return operationsOf(conversion, 'file').at(-1)!;
}

async function actionOf(line: string): Promise<CopyAction> {
  const action = (await copyOf(line)).actions.at(-1);
  assert.ok(action?.kind === 'copy');
  return action;
}

test('a path of the context is copied with wildcards and its links followed', async () => {
  assert.deepEqual((await copyOf('COPY a b/../c ./')).actions, [
    {
      kind: 'copy',
      input: 0,
      secondaryInput: 1,
      output: -1,
      src: '/a',
      dest: '/w/',
      mode: -1,
      followSymlink: true,
      dirCopyContents: true,
      attemptUnpackDockerCompatibility: false,
      createDestPath: true,
      allowWildcard: true,
      allowEmptyWildcard: true,
      alwaysReplaceExistingDestPaths: false,
      includePatterns: [],
      excludePatterns: [],
      requiredPaths: [],
      timestamp: -1n,
    },
    {
      kind: 'copy',
      input: 2,
      secondaryInput: 1,
      output: 0,
      src: '/c',
      dest: '/w/',
      mode: -1,
      followSymlink: true,
      dirCopyContents: true,
      attemptUnpackDockerCompatibility: false,
      createDestPath: true,
      allowWildcard: true,
      allowEmptyWildcard: true,
      alwaysReplaceExistingDestPaths: false,
      includePatterns: [],
      excludePatterns: [],
      requiredPaths: [],
      timestamp: -1n,
    },
  ]);
});

test('where a copy goes', async (t) => {
  const table = [
    ['.', '/w/'],
    ['./', '/w/'],
    ['x', '/w/x'],
    ['x/', '/w/x/'],
    ['x/.', '/w/x/.'],
    ['../x', '/x'],
    ['/', '/'],
    ['/.', '/.'],
    ['/a/../b/', '/b/'],
  ] as const;
  for (const [written, dest] of table) {
    await t.test(written, async () => assert.equal((await actionOf(`COPY a ${written}`)).dest, dest));
  }
});

test('owner and permissions', async (t) => {
  const table = [
    ['--chown=5', { user: { id: 5 } }],
    ['--chown=root:staff', { user: { id: 0 }, group: { name: 'staff', input: 0 } }],
    ['--chown=app', { user: { name: 'app', input: 0 } }],
    ['--chown=:5', { user: { id: 0 }, group: { id: 5 } }],
    ['--chown=-1:1', { user: { id: 4_294_967_295 }, group: { id: 1 } }],
  ] as const;
  for (const [flag, owner] of table) {
    await t.test(flag, async () => assert.deepEqual((await actionOf(`COPY ${flag} a b`)).owner, owner));
  }
  assert.equal((await actionOf('COPY --chmod=0755 a b')).mode, 0o755);
  const symbolic = await actionOf('COPY --chmod=u+rwX,go-w a b');
  assert.deepEqual([symbolic.mode, symbolic.modeString], [0, 'u+rwX,go-w']);
});

test('an owner by name needs an image that has names', async (t) => {
  const table = [
    ['FROM base\nCOPY --link --chown=app a /b', 2],
    ['FROM scratch\nCOPY --chown=5:staff a /b', 2],
    ['FROM scratch\nUSER app\nWORKDIR /x', 3],
  ] as const;
  for (const [text, line] of table) {
    await t.test(text, async () => {
      const { diagnostics } = await convertText(text);
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      assert.deepEqual(
        errors.map(({ code, location }) => [code, location?.line]),
        [['DOCKERFILE_OWNER', line]],
      );
    });
  }
  const { diagnostics } = await convertText('FROM scratch\nUSER app\nCOPY --chown=root a /b\nWORKDIR /x');
  assert.deepEqual(diagnostics, []);
});

test('--parents keeps directories from the pivot on, and asks for plain paths to exist', async (t) => {
  const table = [
    ['a/b/c', '/', ['a/b/c'], ['/a/b/c']],
    ['./a/*/c', '/', ['a/*/c'], []],
    ['a/./b/c', '/a', ['b/c'], ['/a/b/c']],
    ['a*/./b', '/a*', ['b'], []],
  ] as const;
  for (const [path, src, includePatterns, requiredPaths] of table) {
    await t.test(path, async () => {
      const action = await actionOf(`COPY --parents ${path} /x/`);
      assert.deepEqual(
        [action.src, action.includePatterns, action.requiredPaths],
        [src, includePatterns, requiredPaths],
      );
    });
  }
});

test('--exclude is kept as written', async () => {
  assert.deepEqual((await actionOf('COPY --exclude=*.js --exclude=$X a b')).excludePatterns, ['*.js', '$X']);
});

test('here-documents are files beside the paths, with variables unless quoted', async () => {
  const conversion = await convertText('FROM base\nENV X="1 2"\nCOPY <<A <<"B" c /d/\n\'$X\' \\$X\nA\n$X\nB\n');
  const [first, second, copy] = operationsOf(conversion, 'file');
  const contents = [first, second].map((file) => {
    const [action] = file?.actions ?? [];
    return action?.kind === 'mkfile' && [action.path, action.mode, Buffer.from(action.data).toString()];
  });
  assert.deepEqual(contents, [
    ['/A', 0o644, "'1 2' $X\n"],
    ['/B', 0o644, '$X\n'],
  ]);
  assert.deepEqual(
    copy?.actions.map(
      (action) => action.kind === 'copy' && [action.src, action.input, action.secondaryInput, action.followSymlink],
    ),
    [
      ['/c', 0, 1, true],
      ['/A', 4, 2, false],
      ['/B', 5, 3, false],
    ],
  );
  assert.equal(conversion.target?.image.history?.at(-1)?.created_by, 'COPY c <<A <<B /d/ # buildkit');
});

test('ADD unpacks archives of the context, and those of URLs only if told so', async () => {
  assert.equal((await actionOf('ADD a.tar /x')).attemptUnpackDockerCompatibility, true);
  assert.equal((await actionOf('ADD --unpack=false a.tar /x')).attemptUnpackDockerCompatibility, false);
  assert.equal((await actionOf('ADD https://host/a.tar /x')).attemptUnpackDockerCompatibility, false);
  assert.equal((await actionOf('ADD --unpack https://host/a.tar /x')).attemptUnpackDockerCompatibility, true);
});

test('ADD of a URL', async (t) => {
  const checksum = `sha256:${'ab'.repeat(32)}`;
  const table = [
    ['https://host/dir/file.txt?x=1', 'file.txt'],
    ['http://host/a%20b', 'a b'],
    ['https://host/', '__unnamed__'],
    ['https://host', '__unnamed__'],
  ] as const;
  for (const [url, filename] of table) {
    await t.test(url, async () => {
      const conversion = await convertText(`FROM scratch\nADD --checksum=${checksum} ${url} /x/`);
      assert.deepEqual(operationsOf(conversion, 'http'), [{ kind: 'http', url, filename, checksum }]);
      const [action] = operationsOf(conversion, 'file')[0]?.actions ?? [];
      assert.ok(action?.kind === 'copy' && action.src === `/${filename}` && !action.allowWildcard);
      assert.deepEqual(conversion.localSources, []);
    });
  }
});

test('ADD of a git repository', async () => {
  const conversion = await convertText('FROM scratch\nADD --keep-git-dir https://host/r.git#v1:sub /x');
  assert.deepEqual(operationsOf(conversion, 'git'), [
    { kind: 'git', url: 'https://host/r.git', ref: 'v1', subdirectory: 'sub', keepGitDir: true },
  ]);
  const [action] = operationsOf(conversion, 'file')[0]?.actions ?? [];
  assert.ok(action?.kind === 'copy' && action.src === '/' && !action.dirCopyContents);
});

test('--link copies onto nothing and lays the result on top, but not with --chmod', async () => {
  const conversion = await convertText('FROM base\nCOPY --link --chown=5 a /b');
  const [copy] = operationsOf(conversion, 'file');
  const [action] = copy?.actions ?? [];
  assert.ok(action?.kind === 'copy');
  assert.deepEqual([action.input, action.secondaryInput, action.owner], [-1, 0, { user: { id: 5 } }]);
  const merge = verticesOf(conversion).at(-1);
  assert.deepEqual(merge?.operation, { kind: 'merge', inputs: [0, 1] });
  assert.equal(merge.name, '[2/2] LINK COPY --link --chown=5 a /b');
  assert.equal(merge.inputs[1]?.vertex.name, '[2/2] COPY --link --chown=5 a /b');

  assert.equal(operationsOf(await convertText('FROM base\nCOPY --link --chmod=644 a /b'), 'merge').length, 0);
  assert.equal(operationsOf(await convertText('FROM scratch\nCOPY --link a /b'), 'merge').length, 0);
});

test('one input serves the base and the source if both are one image', async () => {
  const conversion = await convertText('FROM base\nCOPY --from=base /a /b');
  const copy = verticesOf(conversion).at(-1);
  assert.equal(copy?.inputs.length, 1);
  const [action] = copy.operation.kind === 'file' ? copy.operation.actions : [];
  assert.ok(action?.kind === 'copy' && action.input === 0 && action.secondaryInput === 0);
});

test('what is wrong with sources and flags is told at once, with its place', async () => {
  const text = [
    'FROM base',
    'COPY https://host/a /b',
    'COPY git@host:r.git /b',
    'ADD --checksum=sha256:ab a b',
    'ADD --checksum=nonsense https://host/a b',
    'COPY --chmod=9999 a b',
    'ADD https://host/r.git?colour=blue /x',
  ].join('\n');
  const conversion = await convertText(text);
  assert.deepEqual(problemsOf(conversion), [
    '2:6 DOCKERFILE_COPY_SOURCE',
    '3:6 DOCKERFILE_COPY_SOURCE',
    '4:26 DOCKERFILE_COPY_SOURCE',
    '5:25 DOCKERFILE_COPY_SOURCE',
    '6:6 DOCKERFILE_CHMOD',
    '7:5 DOCKERFILE_COPY_SOURCE',
  ]);
  assert.equal(conversion.diagnostics[0]?.hint, 'use ADD');
});
