import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import { formatReference } from '../oci/reference';
import { TemporaryDirectory } from '../testing/temporary-directory';
import { planBuild, type PlanResult } from './build-plan';
import type { DockerBuildOptions } from './docker-build-options';
import { describeImage, parseImageFile } from './image-file';
import type { Invocation } from './invocation';
import { findProjectName, mainImageTarget, projectSlug } from './project-image-name';

const digest = digestOf('base');

interface Rig extends AsyncDisposable {
  readonly directory: TemporaryDirectory;
  plan(dockerfile: string, options?: DockerBuildOptions): Promise<PlanResult>;
}

async function createRig(image?: object): Promise<Rig> {
  const directory = await TemporaryDirectory.create();
  await mkdir(directory.join('out/layout'), { recursive: true });
  if (image !== undefined) await writeFile(directory.join('out/acme-base.json'), JSON.stringify(image));
  const executor = 'nx-registry-cache:docker-build';
  const invocation: Invocation = {
    workspaceRoot: directory.path,
    projectName: 'app',
    projectRoot: '.',
    env: {},
    homeDirectory: '/',
    hostPlatform: { os: 'linux', architecture: 'amd64' },
    projects: {
      '@acme/base': {
        root: 'base',
        targets: {
          'docker-build-dev': { executor },
          'docker-build': { executor, options: { imageFile: 'out/{projectSlug}.json' } },
        },
      },
      library: { root: 'library', targets: { build: { executor: 'x:y' } } },
      silent: { root: 'silent', targets: { image: { executor, options: {} } } },
    },
  };
  return {
    directory,
    plan: async (dockerfile, options = {}) => {
      await writeFile(directory.join('Dockerfile'), dockerfile);
      return planBuild(options, invocation);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test('a pushed image is taken from the registry by its digest, wherever the Dockerfile names it', async () => {
  await using rig = await createRig({ digest, repositories: ['r.test/acme/base'], layouts: ['layout'] });
  const result = await rig.plan(
    'ARG BASE=nx-project:acme-base\nFROM $BASE AS a\nFROM scratch\nCOPY --from=a /x /x\nCOPY --from=nx-project:acme-base /y /y\n',
    { buildContexts: { Tools: 'nx-project:@acme/base' } },
  );
  assert.ok(result.ok);
  const { buildContexts } = result.plan.request;
  assert.deepEqual(Object.keys(buildContexts).sort(), ['nx-project:acme-base', 'tools']);
  for (const context of Object.values(buildContexts)) {
    assert.ok(context.type === 'image');
    assert.equal(formatReference(context.reference), `r.test/acme/base@${digest}`);
  }
});

test('a build argument may name the image', async () => {
  await using rig = await createRig({ digest, repositories: ['r.test/b'], layouts: [] });
  const result = await rig.plan('ARG BASE=scratch\nFROM $BASE\n', { buildArgs: { BASE: 'nx-project:acme-base' } });
  assert.ok(result.ok);
  assert.deepEqual(Object.keys(result.plan.request.buildContexts), ['nx-project:acme-base']);
});

test('an image that was not pushed is taken from its layout', async () => {
  await using rig = await createRig({ digest, repositories: [], layouts: ['layout'] });
  const result = await rig.plan('FROM nx-project:acme-base\n');
  assert.ok(result.ok);
  assert.deepEqual(result.plan.request.buildContexts['nx-project:acme-base'], {
    type: 'oci-layout',
    directory: rig.directory.join('out/layout'),
    digest,
  });
});

test('what is wrong is told with its line, all at once', async () => {
  await using rig = await createRig({ digest, repositories: [], layouts: [] });
  const result = await rig.plan(
    'FROM nx-project:gone AS a\nFROM nx-project:library AS b\nFROM nx-project:silent AS c\nFROM nx-project:acme-base\nCOPY --from=a . .\nCOPY --from=b . .\nCOPY --from=c . .\n',
  );
  assert.ok(!result.ok);
  const found = result.diagnostics.map(
    ({ code, message, location }) => `${location?.file.split(':')[1] ?? ''} ${code} ${message}`,
  );
  assert.deepEqual(found.sort(), [
    '1 OPTION_PROJECT_IMAGE nx-project:gone: there is no such project',
    '2 OPTION_PROJECT_IMAGE nx-project:library: the project builds no image',
    '3 OPTION_PROJECT_IMAGE nx-project:silent: its target image does not say where its image is',
    '4 OPTION_PROJECT_IMAGE nx-project:acme-base: its image is in no registry and no layout',
  ]);
});

test('an image that is not built yet is told with the command, and stages that are not built are not asked for', async () => {
  await using rig = await createRig();
  const result = await rig.plan('FROM nx-project:acme-base\n');
  assert.ok(!result.ok);
  assert.match(result.diagnostics[0]?.hint ?? '', /nx run @acme\/base:docker-build/);
  await rm(rig.directory.join('out'), { recursive: true });
  assert.ok((await rig.plan('FROM nx-project:gone AS unused\nFROM scratch\n')).ok);
});

test('the image file says the same for the same image: no tags, no absolute paths', async () => {
  await using rig = await createRig();
  const result = await rig.plan('FROM scratch\n', {
    tags: ['r.test/b:1', 'r.test/a:1', 'r.test/a:2'],
    push: true,
    outputs: ['type=oci,dest=out/layout,tar=false', 'type=oci,dest=out/x.tar'],
    imageFile: 'out/image.json',
  });
  assert.ok(result.ok);
  const { request, imageFile = '' } = result.plan;
  const image = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 };
  const described = describeImage(imageFile, request, { image });
  assert.deepEqual(described, { digest, repositories: ['r.test/a', 'r.test/b'], layouts: ['layout'] });
  assert.deepEqual(parseImageFile(JSON.stringify(described)), described);
  assert.equal(describeImage(imageFile, request, {}), undefined);
  for (const text of ['', '[]', 'null', '{"digest":"sha256:x"}']) assert.equal(parseImageFile(text), undefined);
});

test('projects are found by name, then by slug', () => {
  assert.equal(projectSlug('@acme/My_App'), 'acme-my_app');
  assert.equal(projectSlug('a..b__c'), 'a-b-c');
  assert.equal(projectSlug('@@'), 'project');
  assert.equal(findProjectName('acme-a', ['@acme/a', 'acme-a']), 'acme-a');
  assert.equal(findProjectName('acme-a', ['@acme/a', '@acme/b']), '@acme/a');
  assert.equal(mainImageTarget(['docker-build-dev', 'docker-build', 'docker-build-a']), 'docker-build');
});
