import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { removeTree } from '../src/testing/remove-tree';
import { Builder, stepsThat } from './testing/builder';
import { DockerRegistry } from './testing/docker-registry';
import { createHostRoot } from './testing/host-root';
import { pullWithSkopeo } from './testing/pulled-image';
import { needs, output } from './testing/parts';

const dockerfile = `# syntax=docker/dockerfile:1
ARG GREETING=hello
FROM scratch AS base
COPY --from=host . /

FROM base AS deps
WORKDIR /work
COPY lock ./
RUN cat lock > installed && mkdir -m 0750 node_modules && ln -s installed node_modules/link

FROM deps AS build
ARG GREETING
COPY --chown=1000:1000 src src
RUN echo "$GREETING $(cat src/main)" > /out && chmod 4711 /out

FROM base
WORKDIR /app
COPY --from=build --chown=12:34 --chmod=0640 /out ./server
COPY --from=deps --link /work/node_modules /app/node_modules
RUN rm /etc/group && mkdir /data && chmod 1777 /data
USER worker:1000
ENV NAME=value
LABEL a.b="c d"
EXPOSE 8080/tcp
ENTRYPOINT ["/bin/cat"]
CMD ["/app/server"]
`;

async function open(t: TestContext) {
  const builder = await Builder.create(t);
  const registry = await DockerRegistry.start(builder.path('registry'));
  t.after(() => registry[Symbol.asyncDispose]());
  await createHostRoot(builder.path('host'));
  await builder.write({ Dockerfile: dockerfile, lock: 'one\n', 'src/main': 'world\n', '.dockerignore': 'ignored\n' });
  const options = {
    tags: [`${registry.host}/acme/app:1`],
    push: true,
    buildContexts: { host: builder.path('host') },
    cacheFrom: [`type=registry,ref=${registry.host}/acme/cache:app`],
  };
  const cacheTo = (mode: string): readonly string[] => [
    `type=registry,ref=${registry.host}/acme/cache:app,mode=${mode}`,
  ];
  return { builder, registry, options, cacheTo };
}

const skip = needs('docker-registry', 'skopeo');

test('a pushed image, pulled by skopeo, is what the Dockerfile says', { skip }, async (t) => {
  const { builder, registry, options } = await open(t);
  const built = await builder.build({ ...options, cacheFrom: [], buildArgs: { GREETING: 'bye' } });
  assert.equal(built.code, 0, built.output);
  const { config, files, content } = await pullWithSkopeo(
    `docker://${registry.host}/acme/app:1`,
    builder.path('pulled'),
  );
  assert.equal(content('app/server'), 'bye world\n');
  // Files of a context have the modes that git keeps, whatever the umask of the checkout was.
  const expected = {
    app: 'drwxr-xr-x 0/0',
    'app/server': '-rw-r----- 12/34',
    'app/node_modules': 'drwxr-xr-x 0/0',
    'app/node_modules/link': 'lrwxrwxrwx 0/0 -> installed',
    data: 'drwxrwxrwt 0/0',
    'bin/sh': '-rwxr-xr-x 0/0',
    sbin: 'lrwxrwxrwx 0/0 -> bin',
    'etc/passwd': '-rw-r--r-- 0/0',
  };
  for (const [path, line] of Object.entries(expected)) assert.equal(files.get(path), line, path);
  const found = output('find', builder.path('host'), '-mindepth', '1', '-printf', '%P\\n').trim().split('\n');
  const hostFiles = found.filter((path) => path !== 'etc/group');
  const added = ['app', 'app/node_modules', 'app/node_modules/link', 'app/server', 'data'];
  assert.deepEqual([...files.keys()].filter((path) => path !== '').sort(), [...hostFiles, ...added].sort());
  const { User, Env, Labels, ExposedPorts, Entrypoint, Cmd, WorkingDir } = config.config;
  assert.deepEqual(
    { User, Labels, ExposedPorts, Entrypoint, Cmd, WorkingDir },
    {
      User: 'worker:1000',
      Labels: { 'a.b': 'c d' },
      ExposedPorts: { '8080/tcp': {} },
      Entrypoint: ['/bin/cat'],
      Cmd: ['/app/server'],
      WorkingDir: '/app',
    },
  );
  assert.ok((Env as string[]).includes('NAME=value'));
});

test('mode=max: a second machine takes every step from the registry', { skip }, async (t) => {
  const { builder, options, cacheTo } = await open(t);
  const first = await builder.build({ ...options, cacheTo: cacheTo('max') });
  assert.equal(first.code, 0, first.output);
  await removeTree(builder.path('state'));
  const second = await builder.build(options, { state: 'state-2' });
  assert.equal(second.code, 0, second.output);
  assert.deepEqual(stepsThat(second, 'executed'), []);
  assert.ok(stepsThat(second, 'hit').length > 5, second.output);
  assert.equal(second.metadata?.['containerimage.digest'], first.metadata?.['containerimage.digest']);
  assert.doesNotMatch(second.output, /\bwarn/i);

  await writeFile(join(builder.workspace, 'src/main'), 'there\n');
  const third = await builder.build({ ...options, cacheTo: cacheTo('max') }, { state: 'state-3' });
  assert.deepEqual(
    stepsThat(third, 'executed').map((name) => name.replace(/^\[[^\]]*\] /, '').replace(/ .*/, '')),
    ['COPY', 'RUN', 'COPY', 'LINK', 'RUN'],
    third.output,
  );
});

test('mode=min: a second machine gets the steps of the image itself', { skip }, async (t) => {
  const { builder, options, cacheTo } = await open(t);
  assert.equal((await builder.build({ ...options, cacheTo: cacheTo('min') })).code, 0);
  const second = await builder.build(options, { state: 'state-2' });
  assert.equal(second.code, 0, second.output);
  const hits = stepsThat(second, 'hit');
  assert.ok(
    hits.some((name) => name.includes('RUN rm /etc/group')),
    second.output,
  );
  assert.deepEqual(stepsThat(second, 'executed'), []);
});

test('a cache that is missing is one warning, and the build goes on', { skip }, async (t) => {
  const { builder, options } = await open(t);
  const built = await builder.build(options);
  assert.equal(built.code, 0, built.output);
  const warnings = built.output.split('\n').filter((line) => /\bwarning\b/i.test(line));
  assert.equal(warnings.length, 1, built.output);
  assert.match(warnings[0] ?? '', /acme\/cache:app/);
});

test('a cache that is broken is one warning, and the build goes on', { skip }, async (t) => {
  const { builder, registry, options, cacheTo } = await open(t);
  const first = await builder.build({ ...options, cacheTo: cacheTo('max') });
  assert.equal(first.code, 0, first.output);
  const manifest = first.metadata?.['cache.manifest'] as { readonly digest: string };
  const read = await fetch(`http://${registry.host}/v2/acme/cache/manifests/${manifest.digest}`, {
    headers: { accept: '*/*, application/vnd.oci.image.manifest.v1+json' },
  });
  const { config } = (await read.json()) as { readonly config: { readonly digest: string } };
  const hex = config.digest.slice('sha256:'.length);
  const blob = join(registry.directory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
  await writeFile(blob, '{"layers": "of another kind"}');
  const second = await builder.build(options, { state: 'state-2' });
  assert.equal(second.code, 0, second.output);
  const warnings = second.output.split('\n').filter((line) => /\bwarning\b/i.test(line));
  assert.equal(warnings.length, 1, second.output);
  assert.deepEqual(stepsThat(second, 'hit'), []);
});
