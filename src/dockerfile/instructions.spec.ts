import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instruction } from './ast';
import { parseDockerfile } from './parse';

/** An instruction without what all of them have. */
function parseOne(text: string): unknown {
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text: `FROM a\n${text}\n` });
  assert.deepEqual(diagnostics, [], text);
  const [instruction] = dockerfile.stages[0]?.instructions ?? [];
  assert.ok(instruction !== undefined, text);
  const { range, source, ...rest } = instruction;
  assert.equal(source, text.split('\n')[0]);
  assert.equal(range.line, 2);
  return rest;
}

const shell = (script: string) => ({ form: 'shell', script, heredocs: [] }) as const;
const path = (name: string) => ({ kind: 'path', path: name }) as const;
const copy = { kind: 'COPY', link: false, parents: false, exclude: [] } as const;

/** Each kind of instruction without what all of them have. */
type Bare<T> = T extends Instruction ? Omit<T, 'range' | 'source'> : never;

const cases: readonly (readonly [string, Bare<Instruction>])[] = [
  ['ARG A', { kind: 'ARG', args: [{ key: 'A' }] }],
  [
    'ARG A=1 B="x y" C= D',
    {
      kind: 'ARG',
      args: [
        { key: 'A', defaultValue: '1' },
        { key: 'B', defaultValue: '"x y"' },
        { key: 'C', defaultValue: '' },
        { key: 'D' },
      ],
    },
  ],
  [
    "ENV A=b C=\"d e\" F=g\\ h Q='it''s' U=$A",
    {
      kind: 'ENV',
      variables: [
        { key: 'A', value: 'b' },
        { key: 'C', value: '"d e"' },
        { key: 'F', value: 'g\\ h' },
        { key: 'Q', value: "'it''s'" },
        { key: 'U', value: '$A' },
      ],
    },
  ],
  [
    'ENV key  some  value = 1',
    { kind: 'ENV', variables: [{ key: 'key', value: 'some  value = 1', noDelimiter: true }] },
  ],
  [
    'LABEL "a b"="c" d=e',
    {
      kind: 'LABEL',
      labels: [
        { key: '"a b"', value: '"c"' },
        { key: 'd', value: 'e' },
      ],
    },
  ],
  ['MAINTAINER A Person <a@example.org>', { kind: 'MAINTAINER', maintainer: 'A Person <a@example.org>' }],
  ['RUN echo $X  && y', { kind: 'RUN', command: shell('echo $X  && y'), mounts: [] }],
  ['run ["a", "b c"]', { kind: 'RUN', command: { form: 'exec', args: ['a', 'b c'] }, mounts: [] }],
  ["RUN ['a'] || [ -f x ]", { kind: 'RUN', command: shell("['a'] || [ -f x ]"), mounts: [] }],
  [
    'RUN --network=none --security=sandbox -- --x',
    { kind: 'RUN', command: shell('--x'), mounts: [], network: 'none', security: 'sandbox' },
  ],
  ['COPY a b c/', { ...copy, sources: [path('a'), path('b')], destination: 'c/' }],
  ['COPY ["a b", "/c d/"]', { ...copy, sources: [path('a b')], destination: '/c d/' }],
  [
    'COPY --from=build --chown=$U:1 --chmod=u+x --link --parents --exclude=*.md --exclude="a b" x /',
    {
      ...copy,
      sources: [path('x')],
      destination: '/',
      from: 'build',
      chown: '$U:1',
      chmod: 'u+x',
      link: true,
      parents: true,
      exclude: ['*.md', 'a b'],
    },
  ],
  ['COPY --link=false --from= a b', { ...copy, sources: [path('a')], destination: 'b' }],
  [
    'ADD --checksum=sha256:00 --keep-git-dir=TRUE --unpack=false https://x/a /',
    {
      ...copy,
      kind: 'ADD',
      sources: [path('https://x/a')],
      destination: '/',
      checksum: 'sha256:00',
      keepGitDir: true,
      unpack: false,
    },
  ],
  ['WORKDIR /a b', { kind: 'WORKDIR', path: '/a b' }],
  ['USER $U:g', { kind: 'USER', user: '$U:g' }],
  ['SHELL ["/bin/sh", "-c"]', { kind: 'SHELL', shell: ['/bin/sh', '-c'] }],
  ['CMD ["a"]', { kind: 'CMD', command: { form: 'exec', args: ['a'] } }],
  ['CMD a b', { kind: 'CMD', command: shell('a b') }],
  ['ENTRYPOINT []', { kind: 'ENTRYPOINT', command: { form: 'exec', args: [] } }],
  ['EXPOSE 80/tcp $P 443', { kind: 'EXPOSE', ports: ['$P', '443', '80/tcp'] }],
  ['VOLUME /a /b', { kind: 'VOLUME', volumes: ['/a', '/b'] }],
  ['VOLUME ["/a b"]', { kind: 'VOLUME', volumes: ['/a b'] }],
  ['STOPSIGNAL SIGTERM', { kind: 'STOPSIGNAL', signal: 'SIGTERM' }],
  ['HEALTHCHECK NONE', { kind: 'HEALTHCHECK' }],
  [
    'HEALTHCHECK --interval=1m30s --timeout=5s --start-period=0 --start-interval=1ms --retries=3 CMD curl x',
    {
      kind: 'HEALTHCHECK',
      command: shell('curl x'),
      intervalNs: 90e9,
      timeoutNs: 5e9,
      startIntervalNs: 1e6,
      retries: 3,
    },
  ],
  ['HEALTHCHECK cmd ["a"]', { kind: 'HEALTHCHECK', command: { form: 'exec', args: ['a'] } }],
  ['ONBUILD COPY . /app', { kind: 'ONBUILD', expression: 'COPY . /app' }],
  ['ONBUILD RUN <<E\nx\nE', { kind: 'ONBUILD', expression: 'RUN <<E\nx\nE' }],
];

for (const [text, expected] of cases) {
  test(text.split('\n')[0] ?? '', () => assert.deepEqual(parseOne(text), expected));
}
