import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Descriptor } from './descriptor';
import { digestOf } from './digest';
import { formatPlatform, hostPlatform, isSamePlatform, parsePlatform, selectManifest } from './platform';

const host = { os: 'linux', architecture: 'arm', variant: 'v6' };

const spellings: readonly (readonly [text: string, normal: string])[] = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['Linux/AMD64/v1', 'linux/amd64'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm64/8', 'linux/arm64'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/i386', 'linux/386'],
  ['macos/arm64', 'darwin/arm64'],
  ['linux/riscv64', 'linux/riscv64'],
  ['local', 'linux/arm/v6'],
  ['windows', 'windows/arm/v6'],
  ['arm64', 'linux/arm64'],
];

for (const [text, normal] of spellings) {
  test(`the platform ${text} is ${normal}`, () => {
    const result = parsePlatform(text, { host });
    assert.ok(result.ok);
    assert.equal(formatPlatform(result.platform), normal);
  });
}

test('what is no platform is refused', () => {
  for (const text of ['', 'linux/', 'linux/amd64/v1/x', 'linux/amd 64', '/amd64']) {
    assert.ok(!parsePlatform(text, { host }).ok, text);
  }
  assert.ok(!parsePlatform('amd64').ok);
});

const child = (text: string): Descriptor => {
  const [os = '', architecture = '', variant] = text.split('/');
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  return { mediaType: 'm', digest: digestOf(text), size: 1, platform };
};

const selections: readonly (readonly [platform: string, children: readonly string[], chosen: string | undefined])[] = [
  ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
  ['linux/amd64', ['linux/386'], 'linux/386'],
  ['linux/amd64', ['unknown/unknown', 'windows/amd64'], undefined],
  ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
  ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm64'], 'linux/arm/v6'],
  ['linux/arm/v6', ['linux/arm/v7', 'linux/arm'], undefined],
  ['linux/arm', ['linux/arm/v6', 'linux/arm'], 'linux/arm'],
  ['linux/arm64', ['linux/arm/v7', 'linux/arm64/v8'], 'linux/arm64/v8'],
  ['linux/arm64', ['linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
  ['linux/arm64/v9', ['linux/arm64'], 'linux/arm64'],
];

for (const [text, children, chosen] of selections) {
  test(`of ${children.join(', ')} the platform ${text} takes ${chosen ?? 'none'}`, () => {
    const wanted = parsePlatform(text);
    assert.ok(wanted.ok);
    assert.deepEqual(
      selectManifest(children.map(child), wanted.platform),
      chosen === undefined ? undefined : child(chosen),
    );
  });
}

test('a child that says no platform is taken only if it is the only such one', () => {
  const silent: Descriptor = { mediaType: 'm', digest: digestOf('s'), size: 1 };
  const platform = { os: 'linux', architecture: 'amd64' };
  assert.equal(selectManifest([silent, child('linux/s390x')], platform), silent);
  assert.equal(selectManifest([silent, silent], platform), undefined);
});

test('Windows takes the image of its own build', () => {
  const build = (version: string): Descriptor => {
    const base = child('windows/amd64');
    return { ...base, platform: { os: 'windows', architecture: 'amd64', 'os.version': version } };
  };
  const wanted = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1' };
  assert.deepEqual(selectManifest([build('10.0.17763.9'), build('10.0.20348.9')], wanted), build('10.0.20348.9'));
});

test('the platform of a process is named as Go does', () => {
  assert.equal(formatPlatform(hostPlatform({ platform: 'linux', arch: 'x64' })), 'linux/amd64');
  assert.equal(formatPlatform(hostPlatform({ platform: 'win32', arch: 'ia32' })), 'windows/386');
  assert.equal(formatPlatform(hostPlatform({ platform: 'darwin', arch: 'arm64' })), 'darwin/arm64');
  assert.equal(formatPlatform(hostPlatform({ platform: 'linux', arch: 'ppc64' })), 'linux/ppc64le');
  assert.ok(
    isSamePlatform({ os: 'linux', architecture: 'arm64', variant: 'v8' }, { os: 'linux', architecture: 'aarch64' }),
  );
});
