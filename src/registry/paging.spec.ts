import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCodedError } from '../diagnostics/coded-error';
import { digestOf } from '../oci/digest';
import { serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { sampleBlob, tagsOf } from '../testing/content-store-contract';
import { FakeRegistry } from '../testing/fake-registry';
import type { Fault } from '../testing/fake-registry-fault';
import { nextPage } from './paging';

const page = (tags: unknown, link?: string): Fault => ({
  on: 'GET tags',
  kind: 'status',
  status: 200,
  body: JSON.stringify({ name: 'acme/app', tags }),
  headers: link === undefined ? {} : { link },
});

const next = (target: string): string => `<${target}>; rel="next"`;
const list = '/v2/acme/app/tags/list';

async function listing(...faults: readonly Fault[]): Promise<readonly string[]> {
  await using registry = await FakeRegistry.start({ faults });
  return await tagsOf(registry.repository());
}

const isBroken = (pattern: RegExp) => (error: unknown) => {
  assert.ok(isCodedError(error, 'REGISTRY_PROTOCOL', 'REDIRECT_REFUSED'), String(error));
  assert.match(error.message, pattern);
  return true;
};

describe('a list in pages', () => {
  test('is read to its end', async () => {
    assert.deepEqual(await listing(page(['a', 'b'], next(`${list}?last=b`)), page(['c'])), ['a', 'b', 'c']);
    assert.deepEqual(await listing(page(['a'], next('list?n=1&last=a')), page(['b'])), ['a', 'b'], 'relative');
    assert.deepEqual(await listing(page(null)), []);
    assert.deepEqual(await listing({ on: 'GET tags', kind: 'status', status: 404 }), []);
  });

  test('does not lead to another server, port or protocol', async () => {
    await using other = await FakeRegistry.start();
    for (const target of [
      `${other.url}${list}`,
      'https://registry.example/v2/',
      'http://169.254.169.254/',
      'file:///x',
    ]) {
      await assert.rejects(listing(page(['a'], next(target))), isBroken(/another server/));
    }
    assert.equal(other.log.length, 0);
  });

  test('does not run in a circle, and ends within its bounds', async () => {
    await assert.rejects(listing(page(['a'], next(`${list}?n=1000`))), isBroken(/circle/));
    const loop = [page(['a'], next(`${list}?x=1`)), page(['b'], next(`${list}?x=2`)), page(['c'], next(`${list}?x=1`))];
    await assert.rejects(listing(...loop), isBroken(/circle/));
  });

  test('a page that is not there, or that lists what is no tag, is an error', async () => {
    const missing: Fault = { on: 'GET tags', kind: 'status', status: 404 };
    await assert.rejects(listing(page(['a'], next(`${list}?x=1`)), missing), isBroken(/not there/));
    for (const tag of ['../x', '', 'a b', 7, null]) {
      await assert.rejects(listing(page([tag])), isBroken(/no tag/));
    }
  });

  test('without an end stops at its bound', async () => {
    const endless = Array.from({ length: 30 }, (_, index) => page([], next(`${list}?x=${index}`)));
    await using registry = await FakeRegistry.start({ faults: endless });
    const context = registry.repository('acme/app', { maxListPages: 20 });
    await assert.rejects(tagsOf(context), isBroken(/more than 20 pages/));
    assert.deepEqual(registry.count(), { 'GET tags': 20 });
  });
});

test('the next page is found among other links, and only there', () => {
  const label = { host: 'r.example', request: 'GET /' };
  const find = (link: string): string | undefined =>
    nextPage({ headers: { link }, label, url: new URL('https://r.example/v2/x/tags/list?n=1') })?.href;
  assert.equal(find('</a>; rel="next"'), 'https://r.example/a');
  assert.equal(find('</a>; rel=next'), 'https://r.example/a');
  assert.equal(find('</a>; title="x"; rel="last next"'), 'https://r.example/a');
  assert.equal(find('</b>; rel="prev", </a,b>; rel="next"'), 'https://r.example/a,b');
  assert.equal(find('<?last=a>; rel="next"'), 'https://r.example/v2/x/tags/list?last=a');
  for (const none of ['', '</a>', '</a>; rel="nextish"', '</a>; rel=next2', '/a; rel="next"']) {
    assert.equal(find(none), undefined, none);
  }
});

describe('referrers', () => {
  async function withReferrer(referrers: boolean) {
    const registry = await FakeRegistry.start({ referrers });
    const repository = registry.repository();
    const { descriptor, source } = sampleBlob('x');
    await repository.put(descriptor, source);
    const subject = { ...descriptor, mediaType: mediaTypes.ociManifest };
    const mediaType = mediaTypes.ociManifest;
    const image = {
      kind: 'manifest',
      mediaType,
      config: descriptor,
      layers: [],
      artifactType: 'a/b',
      subject,
    } as const;
    const referrer = await repository.putManifest({ mediaType, bytes: serializeManifest(image) });
    return { registry, repository, subject, referrer, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
  }

  test('come from the API, filtered here where the registry does not', async () => {
    await using rig = await withReferrer(true);
    const { registry, repository, subject, referrer } = rig;
    assert.deepEqual(
      (await repository.referrers(subject.digest)).map(({ digest }) => digest),
      [referrer.digest],
    );
    assert.equal((await repository.referrers(subject.digest, { artifactType: 'a/b' })).length, 1);
    const all = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ ...referrer, artifactType: 'a/b' }],
    });
    registry.addFaults({ on: 'GET referrers', kind: 'status', status: 200, body: all });
    assert.deepEqual(await repository.referrers(subject.digest, { artifactType: 'c/d' }), []);
  });

  test('come from the fallback tag where there is no API', async () => {
    await using rig = await withReferrer(false);
    const { repository, subject, referrer } = rig;
    assert.deepEqual(await repository.referrers(subject.digest), []);
    const mediaType = mediaTypes.ociIndex;
    const index = { kind: 'index', mediaType, manifests: [{ ...referrer, artifactType: 'a/b' }] } as const;
    const tag = subject.digest.replace(':', '-');
    await repository.putManifest({ mediaType, bytes: serializeManifest(index) }, { tag });
    assert.equal((await repository.referrers(subject.digest, { artifactType: 'a/b' })).length, 1);
    assert.equal((await repository.referrers(digestOf('other'))).length, 0);
  });
});
