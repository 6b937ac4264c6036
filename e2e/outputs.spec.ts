import assert from 'node:assert/strict';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Builder, type BuildResult } from './testing/builder';
import { DockerRegistry } from './testing/docker-registry';
import { createHostRoot } from './testing/host-root';
import { listTar, pullWithSkopeo } from './testing/pulled-image';
import { needs, output } from './testing/parts';

const dockerfile = `FROM scratch AS base
COPY --from=host . /
RUN mkdir -m 0711 /made && echo made > /made/file && chmod 0604 /made/file
FROM scratch
COPY --from=base --chown=7:8 /made /made
CMD ["/made/file"]
`;
const expected = {
  made: 'drwxr-xr-x 7/8',
  'made/file': '-rw----r-- 7/8',
};

async function open(t: TestContext): Promise<Builder> {
  const builder = await Builder.create(t);
  await createHostRoot(builder.path('host'));
  await builder.write({ Dockerfile: dockerfile });
  return builder;
}

async function build(builder: Builder, outputs: readonly string[], changes: object = {}): Promise<BuildResult> {
  const built = await builder.build({ buildContexts: { host: builder.path('host') }, outputs, ...changes });
  assert.equal(built.code, 0, built.output);
  return built;
}

const skip = needs('skopeo');

for (const [name, attributes, transport] of [
  ['an OCI layout', 'type=oci,tar=false,dest=', 'oci:'],
  ['a tar of an OCI layout', 'type=oci,dest=', 'oci-archive:'],
  ['an archive for docker load', 'type=docker,dest=', 'docker-archive:'],
] as const) {
  test(`${name} is read by skopeo`, { skip }, async (t) => {
    const builder = await open(t);
    await build(builder, [`${attributes}${builder.path('image')}`], { tags: ['example.com/acme/app:1'] });
    const image = await pullWithSkopeo(`${transport}${builder.path('image')}`, builder.path('pulled'));
    for (const [path, line] of Object.entries(expected)) assert.equal(image.files.get(path), line, path);
    assert.equal(image.content('made/file'), 'made\n');
    assert.deepEqual(image.config.config['Cmd'], ['/made/file']);
  });
}

test('a tar and a folder hold the files of the image', async (t) => {
  const builder = await open(t);
  await build(builder, [`type=tar,dest=${builder.path('out.tar')}`, `type=local,dest=${builder.path('out')}`]);
  const files = listTar(builder.path('out.tar'));
  for (const [path, line] of Object.entries(expected)) assert.equal(files.get(path), line, path);
  assert.equal(await readFile(builder.path('out/made/file'), 'utf8'), 'made\n');
  assert.equal((await stat(builder.path('out/made/file'))).mode & 0o777, 0o604);
});

test('the same SOURCE_DATE_EPOCH gives the same digest on two empty machines', async (t) => {
  const builder = await open(t);
  const digests: unknown[] = [];
  for (const state of ['state-1', 'state-2']) {
    const image = builder.path(`image-${state}`);
    const changes = { sourceDateEpoch: 1_700_000_000, stateDir: builder.path(state) };
    const { metadata } = await build(builder, [`type=oci,tar=false,dest=${image}`], changes);
    digests.push(metadata?.['containerimage.digest']);
  }
  assert.equal(typeof digests[0], 'string');
  assert.equal(digests[0], digests[1]);
});

/** Waits until there is something in `directory`, which says that bytes are on their way. */
async function appears(directory: string, build: Promise<BuildResult>): Promise<void> {
  const ended: BuildResult[] = [];
  void build.then((result) => ended.push(result));
  while ((await readdir(directory).catch(() => [])).length === 0) {
    assert.deepEqual(ended, [], 'the build was over before it could be killed');
    await delay(2);
  }
}

const skipPush = needs('docker-registry', 'skopeo');
test('after kill -9 in a push, the next build pushes', { skip: skipPush }, async (t) => {
  const builder = await open(t);
  await using registry = await DockerRegistry.start(builder.path('registry'));
  output('dd', 'if=/dev/urandom', `of=${builder.path('host/big')}`, 'bs=1M', 'count=64', 'status=none');
  await builder.write({ Dockerfile: 'FROM scratch\nCOPY --from=host . /\nCMD ["sh"]\n' });
  const tag = 'acme/app:1';
  const options = {
    buildContexts: { host: builder.path('host') },
    tags: [`${registry.host}/${tag}`],
    push: true,
    cacheTo: [`type=registry,ref=${registry.host}/acme/cache:app,mode=max`],
  };
  const killed = builder.start(options);
  const uploads = join(registry.directory, 'docker/registry/v2/repositories/acme/app/_uploads');
  await appears(uploads, killed.result);
  killed.child.kill('SIGKILL');
  await killed.result;
  assert.equal(await registry.status('acme/app/manifests/1'), 404, 'the tag points at something incomplete');
  const next = await builder.build(options);
  assert.equal(next.code, 0, next.output);
  const image = await pullWithSkopeo(`docker://${registry.host}/${tag}`, builder.path('pulled'));
  assert.ok(image.files.has('big'));
});
