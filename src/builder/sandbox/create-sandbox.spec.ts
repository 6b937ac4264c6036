import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink as createSymlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCodedError } from '../../diagnostics/coded-error';
import type { StoredLayer } from '../contract';
import { directory, file, hardlink, marker, symlink } from '../testing/layer-rig';
import {
  contentOf,
  memberNames,
  openSandboxRig,
  type SandboxRig,
  type SandboxRigOptions,
} from '../testing/sandbox-rig';

const isRoot = process.getuid?.() === 0;

interface Kind extends SandboxRigOptions {
  readonly name: string;
  /** Whether it has namespaces, and with them `/proc` and real mounts. */
  readonly isolates: boolean;
  /** Whether other owners than the one user can be made. */
  readonly hasOwners: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'crun', prefer: 'crun', isolates: true, hasOwners: true },
  { name: 'runc', prefer: 'runc', isolates: true, hasOwners: true },
  { name: 'namespaces', prefer: 'namespaces', isolates: true, hasOwners: true },
  ...(isRoot
    ? [{ name: 'chroot', prefer: 'chroot', isolates: false, hasOwners: true } as const]
    : [
        { name: 'runc with one id', prefer: 'runc', subordinateIds: false, isolates: true, hasOwners: false } as const,
        {
          name: 'namespaces with one id',
          prefer: 'namespaces',
          subordinateIds: false,
          isolates: true,
          hasOwners: false,
        } as const,
      ]),
];

async function entryAt(layer: StoredLayer, path: string) {
  const member = (await layer.members()).find((one) => 'entry' in one && one.entry.path === path);
  assert.ok(member && 'entry' in member, `no ${path} in the layer`);
  return member.entry;
}

/** What every way to run a command has to do. */
async function behaves(t: TestContext, kind: Kind, rig: SandboxRig): Promise<void> {
  const needsNamespaces =
    !kind.isolates && `${kind.name} has no namespaces, and with them no mounts, network or limits`;
  const canSwitchUser = kind.hasOwners && !rig.sandbox.description.includes('one id');

  await t.test('gives what changed as a layer, and nothing else', async () => {
    const layer = await rig.run(`
      mkdir -p /out/deep && echo hello > /out/deep/file && chmod 4755 /out/deep/file
      ln -s deep/file /out/link && ln /out/deep/file /out/second
      rm /etc/passwd
      chmod 755 /home && cat /etc/group >> /dev/null && : >> /etc/group
    `);
    assert.deepEqual(await memberNames(layer), [
      'etc',
      '-etc/passwd',
      'out',
      'out/deep',
      'out/deep/file',
      'out/link',
      'out/second=out/deep/file',
    ]);
    assert.equal(await contentOf(layer, 'out/deep/file'), 'hello\n');
    assert.equal((await entryAt(layer, 'out/deep/file')).mode, 0o4755);
    assert.equal((await entryAt(layer, 'out/link')).linkTarget, 'deep/file');
  });

  await t.test('tells a replaced directory from a changed one', async () => {
    const base = await rig.snapshot([
      directory('a'),
      file('a/one', '1'),
      directory('a/sub'),
      file('a/sub/x', 'x'),
      directory('b'),
      file('b/y', 'y'),
    ]);
    const rootfs = rig.base.with(...base.layers);
    const layer = await rig.run('rm -r /a && mkdir -p /a/sub && echo 2 > /a/two; rm -r /b; echo n > /b', { rootfs });
    const tree = await rig.above(rootfs, layer).tree();
    assert.deepEqual(await tree.list('a'), ['sub', 'two']);
    assert.deepEqual(await tree.list('a/sub'), []);
    assert.equal((await tree.lookup('b'))?.type, 'file');
  });

  await t.test('a step sees what the step before left, also after a detour through the layer', async () => {
    const sourceDateEpoch = 1_700_000_000;
    const first = await rig.run('mkdir /d && echo 1 > /d/one && rm /etc/group && rm -r /home && mkdir /home');
    const again = await rig.run('mkdir /d && echo 1 > /d/one && rm /etc/group && rm -r /home && mkdir /home', {
      sourceDateEpoch,
    });
    for (const below of [first, again]) {
      const rootfs = rig.above(rig.base, below);
      const second = await rig.run('cat /d/one > /two; rm -r /d; ls /home /etc >> /two', { rootfs, sourceDateEpoch });
      assert.deepEqual(await memberNames(second), ['-d', 'two']);
      assert.match(await contentOf(second, 'two'), /^1\n/);
      assert.doesNotMatch(await contentOf(second, 'two'), /group|app/);
      assert.equal((await entryAt(second, 'two')).mtimeNs, BigInt(sourceDateEpoch) * 1_000_000_000n);
    }
  });

  await t.test('a step finds unpacked what was prepared, and begins while it still is', async () => {
    const { sandbox } = rig;
    const rootfs = await rig.snapshot([file('early', 'here\n')]);
    const above = rig.base.with(...rootfs.layers);
    const preparing = sandbox.prepare?.(above);
    assert.equal(await rig.print('cat /early', { rootfs: above }), 'here\n');
    await preparing;
    const stopped = AbortSignal.abort(new Error('not needed any more'));
    const unneeded = rig.base.with(...(await rig.snapshot([file('late', 'there\n')])).layers);
    await assert.rejects(async () => sandbox.prepare?.(unneeded, { signal: stopped }), /not needed any more/);
    assert.equal(await rig.print('cat /late', { rootfs: unneeded }), 'there\n');
  });

  await t.test('unpacks links, markers and owners as the layers say', async () => {
    const mtimeNs = 1_600_000_000_000_000_000n;
    const layers = await rig.snapshot(
      [
        directory('data', { mtimeNs }),
        file('data/a', 'a', { mode: 0o600, mtimeNs }),
        directory('gone'),
        file('gone/x', 'x'),
      ],
      [hardlink('data/b', 'data/a', { mode: 0o600, mtimeNs }), symlink('lib', '/data'), marker('opaque', 'gone')],
      [file('lib/c', 'c', { uid: 1000, gid: 1000 }), marker('whiteout', 'data/a')],
    );
    const rootfs = rig.base.with(...layers.layers);
    const printed = await rig.print('cat /data/b /lib/c; ls /data /gone; stat -c "%a %u %Y" /data/c /data/b', {
      rootfs,
    });
    const owner = kind.hasOwners && canSwitchUser ? 1000 : 0;
    assert.equal(printed, `ac/data:\nb\nc\n\n/gone:\n644 ${owner} 0\n600 0 1600000000\n`);
    const touched = await rig.run('chmod 640 /data/c', { rootfs });
    assert.equal((await entryAt(touched, 'data/c')).uid, 1000, 'an owner survives where the kernel cannot show it');
  });

  await t.test('runs a command in an image that has nothing but the command', async () => {
    const busybox = await (await rig.base.tree()).lookup('bin/busybox');
    assert.ok(busybox);
    const [image] = rig.base.layers;
    assert.ok(image);
    const stored = await image.load();
    // It looks at its own name to know what to do.
    const rootfs = await rig.snapshot([
      {
        member: { kind: 'entry', entry: { ...busybox, path: 'busybox' } },
        open: () => stored.openFile('bin/busybox'),
      },
    ]);
    const layer = await rig.run('', { rootfs, exec: { args: ['/busybox', 'touch', '/made'] }, env: [] });
    assert.deepEqual(await memberNames(layer), ['made']);
    const empty = await rig.snapshot();
    const mounts = [{ kind: 'snapshot', dest: '/t', snapshot: rootfs, selector: '/', readOnly: true }] as const;
    const fromNothing = await rig.run('', {
      rootfs: empty,
      mounts,
      exec: { args: ['/t/busybox', 'touch', '/made'] },
      env: [],
    });
    assert.deepEqual(await memberNames(fromNothing), ['made']);
  });

  await t.test('mounts are there while the step runs and leave nothing behind', async () => {
    const cache = join(rig.directory, 'cache');
    await mkdir(join(cache, 'sub'), { recursive: true });
    await writeFile(join(cache, 'sub', 'old'), 'old');
    const source = await rig.snapshot([
      directory('dir'),
      file('dir/file', 'content'),
      symlink('way', '/dir'),
      symlink('out', '../../../../etc'),
    ]);
    const layer = await rig.run(
      `set -e
      test "$(cat /run/secrets/token)" = s3cr3t
      test "$(stat -c %a /run/secrets/token)" = 400
      test "$(cat /one/file)" = content
      test "$(cat /etc/single.conf)" = content
      echo scratch > /two/dir/new
      test "$(cat /cache/old)" = old
      echo new > /cache/new
      echo t > /scratch/x
      echo ok > /ok`,
      {
        mounts: [
          { kind: 'file', dest: '/run/secrets/token', content: Buffer.from('s3cr3t'), mode: 0o400, uid: 0, gid: 0 },
          { kind: 'snapshot', dest: '/one', snapshot: source, selector: '/way', readOnly: true },
          { kind: 'snapshot', dest: '/etc/single.conf', snapshot: source, selector: '/dir/file', readOnly: true },
          { kind: 'snapshot', dest: '/two', snapshot: source, selector: '/', readOnly: false },
          { kind: 'directory', dest: '/cache', directory: cache, selector: '/sub', readOnly: false },
          { kind: 'tmpfs', dest: '/scratch', sizeBytes: 1024 * 1024 },
        ],
      },
    );
    assert.deepEqual(await memberNames(layer), ['ok']);
    assert.equal(await readFile(join(cache, 'sub', 'new'), 'utf8'), 'new\n');
    const unchanged = await rig.print('ls /x/dir', {
      mounts: [{ kind: 'snapshot', dest: '/x', snapshot: source, selector: '/', readOnly: true }],
    });
    assert.equal(unchanged, 'file\n');
    const escape = { kind: 'snapshot', dest: '/x', snapshot: source, selector: '/out', readOnly: true } as const;
    await assert.rejects(rig.run('true', { mounts: [escape] }), (error) =>
      isCodedError(error, 'SANDBOX_MOUNT_MISSING'),
    );
  });

  await t.test('no symlink leads a mount out of the image or the cache', async () => {
    const host = join(rig.directory, 'host');
    await mkdir(host, { recursive: true });
    await writeFile(join(host, 'file'), 'of the host');
    const cache = join(rig.directory, 'cache-with-links');
    await mkdir(cache);
    await createSymlink(host, join(cache, 'absolute'));
    await createSymlink('../host', join(cache, 'relative'));
    for (const selector of ['/absolute', '/relative', '/../host']) {
      const mount = { kind: 'directory', dest: '/m', directory: cache, selector, readOnly: false } as const;
      await assert.rejects(
        rig.run('true', { mounts: [mount] }),
        (error) => isCodedError(error, 'SANDBOX_MOUNT_MISSING'),
        selector,
      );
    }
    const links = [symlink('absolute', host), symlink('relative', `../../../../../../../..${host}`)];
    const rootfs = rig.base.with(...(await rig.snapshot(links)).layers);
    const mounts = ['/absolute/a', '/relative/b'].map((dest) => ({ kind: 'tmpfs', dest }) as const);
    const seen = await rig.print('ls /absolute; cat /absolute/file 2>&1', { rootfs, mounts }).catch(String);
    assert.doesNotMatch(seen, /of the host/);
    assert.deepEqual(await readdir(host), ['file']);
  });

  await t.test('a read-only mount cannot be written to', { skip: needsNamespaces }, async () => {
    const source = await rig.snapshot([directory('dir')]);
    const mounts = [{ kind: 'snapshot', dest: '/m', snapshot: source, selector: '/', readOnly: true }] as const;
    await assert.rejects(rig.run('echo x > /m/dir/x', { mounts }), (error) => isCodedError(error, 'STEP_FAILED'));
  });

  await t.test('gives exactly the environment that was asked for', async () => {
    const env = [
      'PATH=/bin',
      'HOME=/h',
      'npm_config_@a:registry=x y',
      "Q=it's $HOME\n`id`",
      'LD_PRELOAD=/no.so',
      'ENV=/e',
      'UID=7',
      '_=u',
      'PWD=/',
    ];
    const printed = await rig.print('', { exec: { args: ['env'] }, env });
    const expected = ["Q=it's $HOME\n`id`", ...env.filter((one) => !one.startsWith('Q='))];
    for (const variable of expected) assert.ok(printed.includes(`${variable}\n`), `${variable} in ${printed}`);
    const names = printed.split('\n').filter((line) => line.includes('='));
    assert.deepEqual(
      names.map((line) => line.slice(0, line.indexOf('='))).sort(),
      env.map((one) => one.slice(0, one.indexOf('='))).sort(),
    );
  });

  await t.test('finds the user in the image', async () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nworker:x:1001:1002::/work:/bin/sh\n';
    const layers = await rig.snapshot([
      directory('etc'),
      file('etc/passwd', passwd),
      file('etc/group', 'root:x:0:\nworkers:x:1002:\nextra:x:1003:root,worker\n'),
    ]);
    const rootfs = rig.base.with(...layers.layers);
    const script = 'id -u; id -g; id -G; echo $HOME; pwd';
    const exec = { user: 'worker', cwd: '/made/for/me' };
    const groups = canSwitchUser ? '1002 1003' : '1002';
    assert.equal(await rig.print(script, { rootfs, exec }), `1001\n1002\n${groups}\n/work\n/made/for/me\n`);
    const made = await rig.run('touch /tmp/mine', { rootfs, exec });
    const { uid, gid } = await entryAt(made, 'tmp/mine');
    assert.deepEqual([uid, gid], [1001, 1002]);
    assert.match(await rig.print('id -u; id -g', { rootfs, exec: { user: '7:extra' } }), /^7\n1003\n/);
    await assert.rejects(rig.run('true', { exec: { user: 'nobody-here' } }), (error) =>
      isCodedError(error, 'SANDBOX_USER_UNKNOWN'),
    );
    const huge = await rig.snapshot([directory('etc'), file('etc/passwd', passwd.repeat(200_000))]);
    const bloated = rig.base.with(...huge.layers);
    await assert.rejects(
      rig.run('true', { rootfs: bloated, exec: { user: 'worker' } }),
      /is larger than 10485760 bytes/,
    );
  });

  await t.test('streams can be opened again by name, by any user', { skip: needsNamespaces }, async () => {
    const seen = { stdout: '', stderr: '' };
    await rig.run('echo out > /dev/stdout; echo err > /dev/stderr; echo direct >&2', {
      exec: { user: 'app' },
      onOutput: (stream, data) => (seen[stream] += data.toString()),
    });
    assert.deepEqual(seen, { stdout: 'out\n', stderr: 'err\ndirect\n' });
  });

  await t.test('much output arrives whole', async () => {
    let bytes = 0;
    await rig.run('head -c 3000000 /dev/zero', { onOutput: (_stream, data) => (bytes += data.length) });
    assert.equal(bytes, 3_000_000);
  });

  await t.test('says how a command failed', async () => {
    const failure = async (changes: Parameters<SandboxRig['run']>[1], script = '') => {
      const error: unknown = await rig.run(script, changes).then(
        () => assert.fail('it did not fail'),
        (reason: unknown) => reason,
      );
      assert.ok(isCodedError(error, 'STEP_FAILED'), String(error));
      return [error.detail.reason, error.detail.exitCode];
    };
    assert.deepEqual(await failure({}, 'exit 3'), ['exit-code', 3]);
    assert.deepEqual(await failure({ exec: { args: ['/nope'] } }), ['not-found', 127]);
    assert.deepEqual(await failure({ exec: { args: ['nope'] } }), ['not-found', 127]);
    assert.deepEqual(await failure({ exec: { args: ['/etc/passwd'] } }), ['not-executable', 126]);
    assert.deepEqual(await failure({}, '(sleep 0; kill -9 $$) & sleep 5; exit 137'), ['signal', 137]);
    await rig.run('exit 3', { exec: { validExitCodes: [0, 3] } });
  });

  await t.test('what a command leaves running is ended with it', async () => {
    const started = Date.now();
    await rig.run('sleep 30 & echo started');
    assert.ok(Date.now() - started < 15_000);
  });

  await t.test('knows hosts, name, limits and network', { skip: needsNamespaces }, async () => {
    const exec = {
      hostname: 'box',
      extraHosts: [{ host: 'db.local', ip: '10.1.2.3' }],
      ulimits: [{ name: 'nofile', soft: 99, hard: 100 }],
      network: 'none',
    } as const;
    const script = 'hostname; cat /etc/hosts; ulimit -n; ls /sys/class/net; grep -c : /proc/net/dev; ls /proc/self/fd';
    const printed = await rig.print(script, { exec, shmSizeBytes: 1024 * 1024 });
    assert.match(printed, /^box\n127\.0\.0\.1\tlocalhost box\n/);
    assert.match(printed, /\n10\.1\.2\.3\tdb\.local\n99\n/);
    assert.match(printed, /\n1\n0\n1\n2\n/);
  });

  await t.test('keeps the privileges of a container', { skip: needsNamespaces }, async () => {
    const layer = await rig.run(
      'mknod /sda b 8 0 2> /dev/null; head -c 1 /sda 2> /dev/null && echo bad > /read; echo 1 2> /dev/null > /proc/sys/kernel/sysrq && echo bad > /sysrq; true',
    );
    const names = await memberNames(layer);
    assert.ok(!names.includes('read') && !names.includes('sysrq'), names.join());
    const status = await rig.print('grep CapBnd /proc/self/status');
    assert.match(status, /00000000a80425fb/);
  });

  await t.test('an abort ends the command', async () => {
    const stop = new AbortController();
    const started = Date.now();
    const running = rig.run('echo up; sleep 60', { onOutput: () => stop.abort(new Error('enough')) }, stop.signal);
    await assert.rejects(running, /enough/);
    assert.ok(Date.now() - started < 20_000);
    await assert.rejects(rig.run('true', {}, stop.signal), /enough/);
    assert.equal(await rig.print('echo still works'), 'still works\n');
  });

  await t.test('runs several steps at once', async () => {
    const numbers = [1, 2, 3];
    const layers = await Promise.all(numbers.map((number) => rig.run(`sleep 0.2; echo ${number} > /n`)));
    for (const [index, layer] of layers.entries()) assert.equal(await contentOf(layer, 'n'), `${numbers[index]}\n`);
  });
}

for (const kind of kinds) {
  test(`a step run by ${kind.name}`, async (t) => {
    const { prefer, subordinateIds } = kind;
    const rig = await openSandboxRig(t, {
      ...(prefer && { prefer }),
      ...(subordinateIds !== undefined && { subordinateIds }),
    });
    if (rig) await behaves(t, kind, rig);
  });
}
