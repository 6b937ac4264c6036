import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseImageManifest } from '../../src/oci/manifest';
import { Builder } from '../testing/builder';
import { createHostRoot } from '../testing/host-root';
import { needs } from '../testing/parts';
import { processesWith } from '../testing/processes';
import { listTar } from '../testing/pulled-image';
import { openDocker } from './docker-env';
import { EngineRig, type Built } from './engine-rig';

// What a build needs besides files and caches, by a real BuildKit: secrets, an ssh agent, docker's own images,
// attestations, and an end when it is told to end.

let rig: EngineRig;
/** The root of a base image with a shell. */
let host: string;

before(async () => {
  rig = await EngineRig.open(openDocker);
  host = join(rig.root, 'host');
  await createHostRoot(host, needs('ssh-add') === false ? ['ssh-add'] : []);
});

after(() => rig[Symbol.asyncDispose]());

const base = 'FROM scratch AS base\nCOPY --from=host . /\nFROM base\n';
const planted = 'a-planted-secret-71c4';

const withHost = () => ({ buildContexts: { host } });

async function tarText(workspace: string): Promise<string> {
  return (await readFile(join(workspace, 'out.tar'))).toString('latin1');
}

function mustWork({ output, success }: Built): void {
  assert.ok(success, output);
}

test('BuildKit: secrets come from files and the environment, and are in no layer and no output', async (t) => {
  if (rig.skips(t)) return;
  const built = await rig.build(
    'buildkit',
    {
      dockerfile: `${base}RUN --mount=type=secret,id=token --mount=type=secret,id=file,target=/given,mode=0444 \\
    set -e; test "$(cat /run/secrets/token)" = "$(cat /given)"; echo "told: $(cat /given)"; echo done > /done
`,
      files: { 'secret.txt': planted },
      env: { TOKEN: planted },
    },
    { ...withHost(), secrets: ['id=token,env=TOKEN', 'id=file,src=secret.txt'], outputs: ['type=tar,dest=out.tar'] },
  );
  mustWork(built);
  assert.match(built.output, /told: /);
  assert.ok(!built.output.includes(planted), 'the secret is not printed');
  assert.ok(!JSON.stringify(built.metadata).includes(planted), 'the secret is not in the metadata file');
  const text = await tarText(built.workspace);
  assert.match(text, /done/);
  assert.ok(!text.includes(planted), 'the secret is not in the image');
});

function makeKey(directory: string): string {
  const key = join(directory, 'key');
  const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'nxrc-test-key', '-f', key]);
  assert.equal(made.status, 0, String(made.stderr));
  return key;
}

const skipSsh = needs('ssh-agent', 'ssh-add', 'ssh-keygen');

test(
  'BuildKit: RUN speaks to the agent of the environment, and to one with a key of its own',
  { skip: skipSsh },
  async (t) => {
    if (rig.skips(t)) return;
    const builder = await Builder.create(t);
    const key = makeKey(builder.directory);
    const socket = builder.path('agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => agent.kill());
    await once(agent.stdout, 'data');
    const added = spawnSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    assert.equal(added.status, 0, String(added.stderr));
    const dockerfile = `${base}RUN --mount=type=ssh ssh-add -l > /default
RUN --mount=type=ssh,id=own ssh-add -l > /own
RUN grep -q ED25519 /default && grep -q ED25519 /own
`;
    const built = await rig.build(
      'buildkit',
      { dockerfile, env: { SSH_AUTH_SOCK: socket } },
      { ...withHost(), ssh: ['default', `own=${key}`], outputs: ['type=tar,dest=out.tar'] },
    );
    mustWork(built);
    const [, firstLine = ''] = (await readFile(key, 'utf8')).split('\n');
    assert.ok(firstLine.length > 40);
    assert.ok(!(await tarText(built.workspace)).includes(firstLine), 'the key is not in the image');
  },
);

test('BuildKit: --load puts the image into docker, where it is found by its name', async (t) => {
  if (rig.skips(t)) return;
  if (typeof rig.docker === 'string') return;
  const { env } = rig.docker;
  const docker = (...args: readonly string[]) => spawnSync('docker', args, { env, encoding: 'utf8' });
  if (docker('version', '--format', '{{.Server.Version}}').status !== 0) {
    t.skip('there is no docker daemon to load an image into');
    return;
  }
  for (const engine of ['buildkit', 'embedded'] as const) {
    const tag = `nxrc.test/loaded:${engine}-${process.pid}`;
    t.after(() => docker('image', 'rm', '--force', tag));
    mustWork(
      await rig.build(
        engine,
        { dockerfile: 'FROM scratch\nCOPY a.txt /loaded.txt\nCMD ["/x"]\n', files: { 'a.txt': 'a' } },
        { tags: [tag], load: true },
      ),
    );
    const inspected = docker('image', 'inspect', '--format', '{{json .Config.Cmd}}', tag);
    assert.equal(inspected.stdout.trim(), '["/x"]', inspected.stderr);
    const archive = join(rig.root, `${engine}.tar`);
    assert.equal(docker('save', '--output', archive, tag).status, 0);
    assert.ok([...listTar(archive).keys()].includes('manifest.json'));
  }
});

/** A generator of SBOMs as BuildKit runs them: it writes a statement into the directory that it is told. */
const generator = `${base}CMD ["/bin/sh", "-c", "echo '{\\"_type\\":\\"https://in-toto.io/Statement/v0.1\\",\\"predicateType\\":\\"https://spdx.dev/Document\\",\\"predicate\\":{\\"SPDXID\\":\\"SPDXRef-DOCUMENT\\"}}' > $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json"]
`;

/** Types of the statements about the pushed image. */
async function predicates(name: string): Promise<readonly string[]> {
  const index = await rig.pushedIndex(name);
  assert.ok(index, 'an image with attestations is an index');
  const about = index.manifests.filter(
    ({ annotations }) => annotations?.['vnd.docker.reference.type'] === 'attestation-manifest',
  );
  const found: string[] = [];
  for (const { digest } of about) {
    const stored = await rig.store(name).getManifest(digest);
    assert.ok(stored);
    for (const { annotations } of parseImageManifest(stored.bytes).layers) {
      found.push(annotations?.['in-toto.io/predicate-type'] ?? '');
    }
  }
  return found.sort();
}

test('BuildKit: provenance and an SBOM are attached when asked for, and only then', async (t) => {
  if (rig.skips(t)) return;
  const scanner = rig.tagOf('scanner', 'embedded');
  mustWork(await rig.build('embedded', { dockerfile: generator }, { ...withHost(), tags: [scanner], push: true }));
  const sources = { dockerfile: 'FROM scratch\nCOPY a.txt /', files: { 'a.txt': 'a' } };
  const asked = { provenance: 'mode=max', sbom: `generator=${scanner}` };
  const tags = [rig.tagOf('attested', 'buildkit')];
  mustWork(await rig.build('buildkit', sources, { ...asked, tags, push: true }));
  const found = await predicates('attested:buildkit');
  assert.equal(found.length, 2, found.join());
  assert.match(found.join(), /https:\/\/slsa\.dev\/provenance\/.*https:\/\/spdx\.dev\/Document/);
  mustWork(await rig.build('buildkit', sources, { tags: [rig.tagOf('plain', 'buildkit')], push: true }));
  assert.equal(await rig.pushedIndex('plain:buildkit'), undefined, 'without the options there is no attestation');
});

test('the embedded engine refuses attestations by their options, before the build', async () => {
  const sources = { dockerfile: 'FROM scratch\nCOPY a.txt /', files: { 'a.txt': 'a' } };
  const built = await rig.build('embedded', sources, { provenance: 'mode=min', sbom: true });
  assert.equal(built.success, false);
  assert.match(built.output, /provenance: error OPTION_NOT_SUPPORTED/);
  assert.match(built.output, /sbom: error OPTION_NOT_SUPPORTED/);
  assert.doesNotMatch(built.output, /COPY a\.txt/);
});

async function gone(...texts: readonly string[]): Promise<readonly string[]> {
  let left = await processesWith(...texts);
  for (let attempt = 0; attempt < 100 && left.length > 0; attempt++) {
    await delay(100);
    left = await processesWith(...texts);
  }
  return left;
}

test('BuildKit: SIGINT ends the solve, and nothing goes on running', async (t) => {
  if (rig.skips(t)) return;
  if (typeof rig.docker === 'string') return;
  const { builder: name, env } = rig.docker;
  const seconds = `9${process.pid}`;
  const builder = await Builder.create(t);
  await builder.write({ Dockerfile: `${base}RUN echo started; sleep ${seconds}\n` });
  const options = { ...withHost(), engine: 'buildkit' as const, ...(name !== undefined && { builder: name }) };
  const build = builder.start(options, { env: env as Readonly<Record<string, string>> });
  await build.printed(' started\n');
  // A builder on another machine runs it there.
  const isHere = (await processesWith(`sleep ${seconds}`)).length > 0;
  build.child.kill('SIGINT');
  const { code, output } = await build.result;
  assert.equal(code, 1, output);
  assert.match(output, /interrupted/);
  assert.deepEqual(
    await gone(`sleep ${seconds}`, builder.directory),
    [],
    `the step ran ${isHere ? 'here' : 'elsewhere'}`,
  );
});
