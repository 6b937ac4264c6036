import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecOperation } from './operation';
import { convertText, operationsOf, problemsOf, verticesOf, type ConvertTextOptions } from './testing/convert-text';

/** The last RUN of a stage on a plain image. */
async function runOf(lines: string, options?: ConvertTextOptions): Promise<ExecOperation> {
  const conversion = await convertText(`FROM base\n${lines}\n`, options);
  assert.deepEqual(conversion.diagnostics, []);
  return operationsOf(conversion, 'exec').at(-1)!;
}

const root = { type: 'bind', dest: '/', selector: '', readOnly: false, input: 0, output: 0 };

test('a shell command runs in the shell of the image', async () => {
  assert.deepEqual((await runOf('RUN a && b')).args, ['/bin/sh', '-c', 'a && b']);
  assert.deepEqual((await runOf('SHELL ["/bin/bash", "-eu", "-c"]\nRUN a')).args, ['/bin/bash', '-eu', '-c', 'a']);
  assert.deepEqual((await runOf('RUN ["a", "b c"]')).args, ['a', 'b c']);
});

test('the environment holds ARGs and ENVs in the order of their last assignment', async () => {
  const { env } = await runOf('ARG A=1\nARG B\nENV C=3\nENV A=2\nRUN x', { buildArgs: { B: 'given', OTHER: 'x' } });
  assert.deepEqual(env, ['PATH=/usr/bin:/bin', 'B=given', 'C=3', 'A=2']);
});

test('a stage sees the ARGs of the stage it starts from, behind which the variables of the image come again', async () => {
  const conversion = await convertText('FROM base AS a\nARG A=1\nENV E=2\nFROM a\nRUN x');
  assert.deepEqual(operationsOf(conversion, 'exec')[0]?.env, ['A=1', 'PATH=/usr/bin:/bin', 'E=2']);
});

test('an image without PATH gets the usual one', async () => {
  const conversion = await convertText('FROM scratch\nRUN x');
  assert.deepEqual(operationsOf(conversion, 'exec')[0]?.env, [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]);
  assert.equal(operationsOf(conversion, 'exec')[0]?.mounts[0]?.input, -1);
});

test('a here-document is the script, or a file of its own if it begins with #!', async () => {
  assert.deepEqual((await runOf('RUN <<EOF\none\n\ttwo\nEOF')).args, ['/bin/sh', '-c', 'one\n\ttwo\n']);
  assert.deepEqual((await runOf('RUN <<-EOF\n\tone\n\t\ttwo\nEOF')).args, ['/bin/sh', '-c', 'one\ntwo\n']);
  assert.deepEqual((await runOf('RUN <<A cat - <<B\na\nA\nb\nB')).args, ['/bin/sh', '-c', '<<A cat - <<B\na\nA\nb\nB']);

  const conversion = await convertText('FROM base\nRUN <<EOF\n#!/usr/bin/env node\n$1\nEOF');
  const [exec] = operationsOf(conversion, 'exec');
  assert.deepEqual(exec?.args, ['/bin/sh', '-c', '/dev/pipes/EOF']);
  assert.deepEqual(exec.mounts, [
    root,
    { type: 'bind', dest: '/dev/pipes/', selector: '/', readOnly: true, input: 1, output: -1 },
  ]);
  const [action] = operationsOf(conversion, 'file')[0]?.actions ?? [];
  assert.ok(action?.kind === 'mkfile');
  assert.equal(action.mode, 0o755);
  assert.equal(Buffer.from(action.data).toString(), '#!/usr/bin/env node\n$1\n');
});

test('mounts have the defaults of BuildKit', async (t) => {
  const table: readonly { readonly flag: string; readonly mount: object }[] = [
    { flag: 'target=/c', mount: { type: 'bind', dest: '/c', selector: '', readOnly: true, input: 1, output: -1 } },
    {
      flag: 'type=bind,source=src,target=c,rw',
      mount: { type: 'bind', dest: '/w/c', selector: '/src', readOnly: false, input: 1, output: -1 },
    },
    {
      flag: 'type=cache,target=/root/.npm/',
      mount: {
        type: 'cache',
        dest: '/root/.npm/',
        selector: '',
        readOnly: false,
        input: -1,
        output: -1,
        cache: { id: '//root/.npm', sharing: 'shared' },
      },
    },
    {
      flag: 'type=cache,target=cache,id=x,sharing=locked,ro',
      mount: {
        type: 'cache',
        dest: '/w/cache',
        selector: '',
        readOnly: true,
        input: -1,
        output: -1,
        cache: { id: '/x', sharing: 'locked' },
      },
    },
    {
      flag: 'type=tmpfs,target=/t,size=1m',
      mount: {
        type: 'tmpfs',
        dest: '/t',
        selector: '',
        readOnly: false,
        input: -1,
        output: -1,
        tmpfs: { sizeBytes: 1_048_576 },
      },
    },
    {
      flag: 'type=secret,id=dir/token',
      mount: {
        type: 'secret',
        dest: '/run/secrets/token',
        selector: '',
        readOnly: false,
        input: -1,
        output: -1,
        secret: { id: 'dir/token', uid: 0, gid: 0, mode: 0o400, optional: true },
      },
    },
    {
      flag: 'type=secret,target=/etc/key,required,uid=5',
      mount: {
        type: 'secret',
        dest: '/etc/key',
        selector: '',
        readOnly: false,
        input: -1,
        output: -1,
        secret: { id: 'key', uid: 5, gid: 0, mode: 0o400, optional: false },
      },
    },
    {
      flag: 'type=ssh',
      mount: {
        type: 'ssh',
        dest: '/run/buildkit/ssh_agent.0',
        selector: '',
        readOnly: false,
        input: -1,
        output: -1,
        ssh: { id: '', uid: 0, gid: 0, mode: 0o600, optional: true },
      },
    },
  ];
  for (const { flag, mount } of table) {
    await t.test(flag, async () => {
      const { mounts } = await runOf(`WORKDIR /w\nRUN --mount=${flag} x`);
      assert.deepEqual(mounts, [root, mount]);
    });
  }
});

test('a cache mount with an owner starts from a directory made for it', async () => {
  const conversion = await convertText('FROM base\nRUN --mount=type=cache,target=/c,uid=7,mode=0700 x');
  assert.deepEqual(operationsOf(conversion, 'exec')[0]?.mounts[1], {
    type: 'cache',
    dest: '/c',
    selector: '/cache',
    readOnly: false,
    input: 1,
    output: -1,
    cache: { id: '//c', sharing: 'shared' },
  });
  const [action] = operationsOf(conversion, 'file')[0]?.actions ?? [];
  assert.deepEqual(action, {
    kind: 'mkdir',
    input: -1,
    secondaryInput: -1,
    output: 0,
    path: '/cache',
    mode: 0o700,
    makeParents: false,
    owner: { user: { id: 7 }, group: { id: 0 } },
    timestamp: -1n,
  });
});

test('mounts are sorted by destination, one input serves several, secrets and agents come last', async () => {
  const { mounts, env } = await runOf(
    'RUN --mount=type=ssh --mount=type=secret,id=s --mount=target=/z --mount=target=/a,source=x --mount=type=tmpfs,target=/m x',
  );
  assert.deepEqual(
    mounts.map(({ dest, input }) => [dest, input]),
    [
      ['/', 0],
      ['/a', 1],
      ['/m', -1],
      ['/z', 1],
      ['/run/secrets/s', -1],
      ['/run/buildkit/ssh_agent.0', -1],
    ],
  );
  assert.deepEqual(env, ['PATH=/usr/bin:/bin', 'SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0']);
});

test('a secret can be a variable, which shows as stars', async () => {
  const conversion = await convertText('FROM base\nRUN --mount=type=secret,id=t,env=TOKEN,required use $TOKEN $X');
  const vertex = verticesOf(conversion).at(-1);
  assert.equal(vertex?.name, '[stage-0 2/2] RUN --mount=type=secret,id=t,env=TOKEN,required use **** $X');
  const [exec] = operationsOf(conversion, 'exec');
  assert.deepEqual(exec?.secretEnv, [{ id: 't', name: 'TOKEN', optional: false }]);
  assert.equal(exec.mounts.length, 1);
});

test('values of mounts may be variables', async () => {
  const { mounts } = await runOf('ARG U=5\nENV D=/d\nRUN --mount=type=cache,target=$D,uid=$U x');
  assert.equal(mounts[1]?.dest, '/d');
  assert.equal(mounts[1].selector, '/cache');
});

test('what the build asks for reaches every RUN', async () => {
  const exec = await runOf('RUN x', {
    network: 'none',
    hostname: 'h',
    cgroupParent: '/g',
    shmSizeBytes: 1024,
    extraHosts: [{ host: 'a', ip: '10.0.0.1' }],
    ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
    buildArgs: { HTTP_PROXY: 'http://p', no_proxy: 'localhost', BUILDKIT_CACHE_MOUNT_NS: 'ns' },
  });
  assert.equal(exec.network, 'none');
  assert.equal(exec.hostname, 'h');
  assert.equal(exec.cgroupParent, '/g');
  assert.deepEqual(exec.extraHosts, [{ host: 'a', ip: '10.0.0.1' }]);
  assert.deepEqual(exec.ulimits, [{ name: 'nofile', soft: 1, hard: 2 }]);
  assert.deepEqual(exec.mounts[1], {
    type: 'tmpfs',
    dest: '/dev/shm',
    selector: '',
    readOnly: false,
    input: -1,
    output: -1,
    tmpfs: { sizeBytes: 1024 },
  });
  assert.deepEqual(exec.proxyEnv, {
    httpProxy: 'http://p',
    httpsProxy: '',
    ftpProxy: '',
    noProxy: 'localhost',
    allProxy: '',
  });
  assert.deepEqual(exec.env, ['PATH=/usr/bin:/bin']);
});

test('build arguments of BuildKit: namespace of cache mounts, host name', async () => {
  const buildArgs = { BUILDKIT_CACHE_MOUNT_NS: 'ns', BUILDKIT_SANDBOX_HOSTNAME: 'box' };
  const exec = await runOf('RUN --mount=type=cache,target=/c x', { buildArgs, hostname: 'h' });
  assert.equal(exec.mounts[1]?.cache?.id, 'ns//c');
  assert.equal(exec.hostname, 'box');
});

test('the flags of an instruction win over the build', async () => {
  assert.equal((await runOf('RUN --network=host x', { network: 'none' })).network, 'host');
  assert.equal((await runOf('RUN --network=default x', { network: 'none' })).network, 'none');
});

test('history has the ARGs that a RUN could see', async () => {
  const conversion = await convertText('FROM base\nARG A=1\nARG B\nENV A=2\nRUN make\n');
  const last = conversion.target?.image.history?.at(-1);
  assert.deepEqual(last, { created_by: 'RUN |2 A=2 B= /bin/sh -c make # buildkit', comment: 'buildkit.dockerfile.v0' });
});

test('mistakes in mounts that only show once variables are known', async () => {
  const conversion = await convertText(
    'FROM base\nARG U=me\nRUN --mount=type=cache,target=/c,uid=$U x\nRUN --mount=target=. y',
  );
  assert.deepEqual(problemsOf(conversion), ['3:13 DOCKERFILE_MOUNT', '4:13 DOCKERFILE_MOUNT']);
  assert.equal(conversion.root, undefined);
});
