import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertText, operationsOf, problemsOf } from './testing/convert-text';

test('the frontends of Docker are accepted in any version, others are not', async () => {
  for (const syntax of [
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile:1.7-labs',
    'docker/dockerfile-upstream:master',
  ]) {
    assert.deepEqual(problemsOf(await convertText(`# syntax=${syntax}\nFROM base`)), [], syntax);
  }
  const other = '# escape=`\n# syntax=ghcr.io/acme/front:1 arg\nFROM base';
  assert.deepEqual(problemsOf(await convertText(other)), ['2:10 DOCKERFILE_FRONTEND']);
  assert.deepEqual(problemsOf(await convertText(other, { buildArgs: { BUILDKIT_SYNTAX: 'docker/dockerfile' } })), []);
  const build = await convertText('FROM base', { buildArgs: { BUILDKIT_SYNTAX: 'acme/front' } });
  assert.deepEqual(problemsOf(build), ['0:0 DOCKERFILE_FRONTEND']);
});

test('platforms are there for FROM, and for a stage that declares them', async () => {
  const text = [
    'ARG BASE=base-${TARGETARCH}${TARGETVARIANT}',
    'FROM --platform=$BUILDPLATFORM $BASE AS x',
    'ARG BUILDPLATFORM TARGETPLATFORM TARGETVARIANT TARGETSTAGE TARGETOSVERSION',
    'RUN x',
  ].join('\n');
  const asked: string[] = [];
  const conversion = await convertText(text, {
    platform: { os: 'linux', architecture: 'arm' },
    buildPlatform: { os: 'linux', architecture: 'amd64' },
    buildArgs: { BUILDPLATFORM: 'linux/386' },
    asked,
  });
  assert.deepEqual(asked, ['docker.io/library/base-armv7:latest linux/386']);
  assert.deepEqual(operationsOf(conversion, 'exec')[0]?.env.slice(1), [
    'BUILDPLATFORM=linux/386',
    'TARGETPLATFORM=linux/arm/v7',
    'TARGETVARIANT=v7',
    'TARGETSTAGE=x',
    'TARGETOSVERSION=',
  ]);
});

test('the epoch comes from a build argument, the request, or the Dockerfile', async () => {
  const text = 'FROM base\nARG SOURCE_DATE_EPOCH\nRUN x';
  const given = await convertText(text, { sourceDateEpoch: 5 });
  assert.equal(given.sourceDateEpoch, 5);
  assert.deepEqual(operationsOf(given, 'exec')[0]?.env.slice(1), ['SOURCE_DATE_EPOCH=5']);
  const overridden = await convertText(text, { sourceDateEpoch: 5, buildArgs: { SOURCE_DATE_EPOCH: '6' } });
  assert.equal(overridden.sourceDateEpoch, 6);
  const inFile = await convertText(`ARG SOURCE_DATE_EPOCH=7\n${text}`);
  assert.equal(inFile.sourceDateEpoch, 7);
  const none = await convertText(`ARG SOURCE_DATE_EPOCH=context\n${text}`);
  assert.equal(none.sourceDateEpoch, undefined);
  assert.deepEqual(operationsOf(none, 'exec')[0]?.env, ['PATH=/usr/bin:/bin']);
});

test('proxies in any case, the last in order of name', async () => {
  const buildArgs = { https_proxy: 'b', HTTPS_PROXY: 'a', All_Proxy: 'c' };
  const [exec] = operationsOf(await convertText('FROM base\nRUN x', { buildArgs }), 'exec');
  assert.deepEqual(exec?.proxyEnv, { httpProxy: '', httpsProxy: 'b', ftpProxy: '', noProxy: '', allProxy: 'c' });
});
