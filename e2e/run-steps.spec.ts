import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Builder, type BuildResult, type BuildSettings } from './testing/builder';
import { createHostRoot } from './testing/host-root';
import { needs, output } from './testing/parts';
import { processesWith } from './testing/processes';

const isRoot = process.getuid?.() === 0;
const secret = 'a-planted-secret-3f9c';

const runtimes = [
  { runtime: 'crun', skip: needs('crun') },
  { runtime: 'runc', skip: needs('runc') },
  { runtime: 'namespaces', skip: needs('unshare') },
  { runtime: 'chroot', skip: !isRoot && 'running by chroot needs root' },
] as const;

async function open(t: TestContext, dockerfile: string): Promise<Builder> {
  const builder = await Builder.create(t);
  await createHostRoot(builder.path('host'));
  await builder.write({ Dockerfile: `FROM scratch AS base\nCOPY --from=host . /\n${dockerfile}` });
  return builder;
}

const tarOutput = (builder: Builder) => ({
  buildContexts: { host: builder.path('host') },
  outputs: [`type=tar,dest=${builder.path('out.tar')}`],
});

function fileIn(builder: Builder, path: string): string {
  return output('tar', '-xOf', builder.path('out.tar'), path);
}

function mustWork(result: BuildResult): void {
  assert.equal(result.code, 0, result.output);
}

for (const { runtime, skip } of runtimes) {
  const settings: BuildSettings = { runtime };

  test(`${runtime}: mounts give what they say and leave nothing in the image`, { skip }, async (t) => {
    const builder = await open(
      t,
      `FROM base
COPY <<END /from
copied
END
RUN --mount=type=bind,source=input,target=/bound \\
    --mount=type=cache,id=c,target=/cache,mode=0700 \\
    --mount=type=tmpfs,target=/scratch \\
    --mount=type=secret,id=token,target=/run/token,mode=0444 \\
    --mount=type=secret,id=inenv,env=TOKEN \\
    set -e; cat /bound /from > /seen; echo more >> /cache/log; cat /cache/log > /log; \\
    echo x > /scratch/x; test "$(cat /run/token)" = "$TOKEN"; echo "told: $TOKEN"
RUN --mount=type=cache,id=c,target=/cache,mode=0700 cat /cache/log > /again
`,
    );
    await builder.write({ input: 'bound\n' });
    const options = {
      ...tarOutput(builder),
      secrets: ['id=token,env=PLANTED', 'id=inenv,env=PLANTED'],
      cacheTo: [`type=local,dest=${builder.path('cache')},mode=max`],
    };
    const built = await builder.build(options, { ...settings, env: { PLANTED: secret } });
    mustWork(built);
    assert.equal(fileIn(builder, 'seen'), 'bound\ncopied\n');
    assert.equal(fileIn(builder, 'log'), 'more\n');
    assert.equal(fileIn(builder, 'again'), 'more\n');
    const names = output('tar', '-tf', builder.path('out.tar')).split('\n');
    for (const name of ['scratch/x', 'cache/log', 'run/token', 'bound']) assert.ok(!names.includes(name), name);
    assert.ok(built.output.includes('told: '), built.output);
    assert.ok(!built.output.includes(secret), 'the secret is in the log');
    // Everything that the build wrote, unpacked where it is compressed.
    const found = spawnSync('grep', ['-rlaF', secret, builder.directory], { encoding: 'utf8' });
    assert.equal(found.stdout, '');
    const blobs = builder.path('cache/blobs/sha256');
    const script = 'gzip -dcf "$1" | grep -acF "$2"';
    for (const name of await readdir(blobs)) {
      const { stdout } = spawnSync('sh', ['-c', script, 'sh', `${blobs}/${name}`, secret], { encoding: 'utf8' });
      assert.equal(stdout.trim(), '0', name);
    }
  });

  const skipSsh = skip || needs('ssh-agent');
  test(`${runtime}: an ssh agent can be spoken to`, { skip: skipSsh }, async (t) => {
    const builder = await open(
      t,
      'FROM base\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && ls $SSH_AUTH_SOCK > /seen\n',
    );
    const socket = builder.path('agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => agent.kill());
    await once(agent.stdout, 'data');
    const options = { ...tarOutput(builder), ssh: ['default'] };
    mustWork(await builder.build(options, { ...settings, env: { SSH_AUTH_SOCK: socket } }));
    assert.match(fileIn(builder, 'seen'), /agent/);
  });

  const skipNetwork = skip || (runtime === 'chroot' && 'chroot has no network namespaces, and no /proc');
  test(`${runtime}: --network=host sees the machine's interfaces`, { skip: skipNetwork }, async (t) => {
    const builder = await open(t, 'FROM base\nRUN --network=host cat /proc/net/dev > /seen\n');
    mustWork(await builder.build(tarOutput(builder), settings));
    assert.deepEqual(interfacesIn(fileIn(builder, 'seen')), interfacesIn(await readFile('/proc/net/dev', 'utf8')));
  });

  test(`${runtime}: --network=none sees nothing but loopback`, { skip: skipNetwork }, async (t) => {
    const builder = await open(t, 'FROM base\nRUN --network=none cat /proc/net/dev > /seen\n');
    mustWork(await builder.build(tarOutput(builder), settings));
    assert.deepEqual(interfacesIn(fileIn(builder, 'seen')), ['lo']);
  });

  test(`${runtime}: an interrupt leaves nothing mounted and nothing running`, { skip }, async (t) => {
    const builder = await open(t, 'FROM base\nRUN --mount=type=tmpfs,target=/scratch echo started; sleep 98765\n');
    const build = builder.start(tarOutput(builder), settings);
    await build.printed(' started\n');
    build.child.kill('SIGINT');
    const { code, output: printed } = await build.result;
    assert.equal(code, 1, printed);
    assert.match(printed, /interrupted/);
    assert.ok(!(await readFile('/proc/mounts', 'utf8')).includes(builder.directory));
    assert.deepEqual(await processesWith('98765', builder.directory), []);
    assert.deepEqual(await leftovers(builder), []);
  });

  test(`${runtime}: after kill -9 in a RUN, the next build works`, { skip }, async (t) => {
    const builder = await open(t, 'FROM base\nARG PAUSE\nRUN echo started; sleep $PAUSE; echo done > /done\n');
    const build = builder.start({ ...tarOutput(builder), buildArgs: { PAUSE: '98764' } }, settings);
    await build.printed(' started\n');
    build.child.kill('SIGKILL');
    await build.result;
    mustWork(await builder.build({ ...tarOutput(builder), buildArgs: { PAUSE: '0' } }, settings));
    assert.equal(fileIn(builder, 'done'), 'done\n');
    assert.deepEqual(await processesWith('98764', builder.directory), []);
    assert.ok(!(await readFile('/proc/mounts', 'utf8')).includes(builder.directory));
    assert.deepEqual(await leftovers(builder), []);
  });

  test(`${runtime}: stages that need nothing of each other run at once`, { skip }, async (t) => {
    const stage = (name: string): string => `FROM base AS ${name}\nRUN echo in ${name}; sleep 002; : > /${name}\n`;
    const last = 'FROM base\nCOPY --from=one /one /\nCOPY --from=two /two /\n';
    const builder = await open(t, `${stage('one')}${stage('two')}${last}`);
    const build = builder.start(tarOutput(builder), settings);
    await Promise.all([build.printed(' in one\n'), build.printed(' in two\n')]);
    // Each has two seconds to go: neither waited for the other. A shell may still be about to start its sleep, which is
    // written as nobody else on the machine would.
    let sleeping: readonly string[] = [];
    for (let attempt = 0; attempt < 15 && sleeping.length < 2; attempt++) {
      await delay(100);
      sleeping = (await processesWith('sleep 002')).filter((line) => line.startsWith('sleep'));
    }
    mustWork(await build.result);
    assert.equal(sleeping.length, 2, sleeping.join('\n'));
  });
}

function interfacesIn(text: string): readonly string[] {
  return [...text.matchAll(/^\s*(\S+):/gm)].map(([, name = '']) => name);
}

/** Directories of steps that nobody removed. */
async function leftovers(builder: Builder): Promise<readonly string[]> {
  const all = await readdir(builder.path('state'), { recursive: true });
  return all.filter((path) => /\/runs\/[^/]+$/.test(path));
}
