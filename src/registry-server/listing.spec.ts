import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf, type Digest } from '../oci/digest';
import { parseImageIndex, type Manifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { errorCodes } from '../testing/http-exchange';
import { RegistryServerRig } from '../testing/registry-server-rig';

/** All pages of a listing, following `Link`. */
async function pagesOf(rig: RegistryServerRig, first: string, key: string): Promise<readonly (readonly string[])[]> {
  const pages: (readonly string[])[] = [];
  for (let next: string | undefined = first; next !== undefined;) {
    const answer = await rig.send('GET', next);
    assert.equal(answer.status, 200, answer.text);
    pages.push((JSON.parse(answer.text) as Readonly<Record<string, readonly string[]>>)[key] ?? []);
    next = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers.link ?? ''))?.[1];
  }
  return pages;
}

describe('lists of the embedded registry', () => {
  test('tags come in lexical order, page by page', async () => {
    await using rig = await RegistryServerRig.start();
    const image = await rig.imageOf('acme/app', 'a');
    for (const tag of ['c', 'B', 'a', 'a.1', 'a-1']) await rig.pushManifest('acme/app', image, tag);
    const list = (query: string) => pagesOf(rig, `/v2/acme/app/tags/list${query}`, 'tags');
    const sorted = ['B', 'a', 'a-1', 'a.1', 'c'];
    assert.deepEqual(await list(''), [sorted]);
    assert.deepEqual(await list('?n=2'), [['B', 'a'], ['a-1', 'a.1'], ['c']]);
    assert.deepEqual(await list('?n=5'), [sorted]);
    assert.deepEqual(await list('?n=0'), [[]]);
    assert.deepEqual(await list('?n=2&last=a-1'), [['a.1', 'c']]);
    assert.deepEqual(await list('?last=zzz'), [[]]);
  });

  test('a number of entries that is none is refused, a huge one is cut', async () => {
    await using rig = await RegistryServerRig.start();
    await rig.pushImage('acme/app', 'a', 'v1');
    for (const n of ['-1', 'many', '1.5', '']) {
      const answer = await rig.send('GET', `/v2/acme/app/tags/list?n=${n}`);
      assert.deepEqual([answer.status, errorCodes(answer)], [400, ['PAGINATION_NUMBER_INVALID']]);
    }
    assert.equal((await rig.send('GET', '/v2/acme/app/tags/list?n=999999999')).status, 200);
  });

  test('a repository without tags has none; one that is not there is NAME_UNKNOWN', async () => {
    await using rig = await RegistryServerRig.start();
    await rig.pushBlob('acme/app', 'x');
    assert.deepEqual(JSON.parse((await rig.send('GET', '/v2/acme/app/tags/list')).text), {
      name: 'acme/app',
      tags: [],
    });
    const answer = await rig.send('GET', '/v2/acme/none/tags/list');
    assert.deepEqual([answer.status, errorCodes(answer)], [404, ['NAME_UNKNOWN']]);
  });

  test('the catalog names every repository that holds something', async () => {
    await using rig = await RegistryServerRig.start();
    assert.deepEqual(await pagesOf(rig, '/v2/_catalog', 'repositories'), [[]]);
    for (const name of ['b', 'a/b', 'a', 'a/blobs/uploads']) await rig.pushBlob(name, 'x');
    await rig.beginUpload('only/begun');
    assert.deepEqual(await pagesOf(rig, '/v2/_catalog?n=3', 'repositories'), [['a', 'a/b', 'a/blobs/uploads'], ['b']]);
  });

  test('a repository may be called like a part of the API', async () => {
    await using rig = await RegistryServerRig.start();
    for (const name of ['blobs', 'manifests/tags', 'a/blobs/uploads', 'tags/list', 'v2']) {
      const digest = await rig.pushImage(name, 'x', 'latest');
      const head = await rig.send('HEAD', `/v2/${name}/manifests/latest`);
      assert.equal(head.headers['docker-content-digest'], digest, name);
      assert.deepEqual(await pagesOf(rig, `/v2/${name}/tags/list`, 'tags'), [['latest']]);
    }
  });
});

describe('referrers in the embedded registry', () => {
  async function pushReferrer(rig: RegistryServerRig, subject: Digest, more: Partial<Manifest>): Promise<Digest> {
    const image = await rig.imageOf('acme/app', JSON.stringify(more));
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: subject, size: 100 };
    return rig.pushManifest('acme/app', { ...image, subject: descriptor, ...more } as Manifest);
  }

  test('manifests with a subject are listed under it, with type and annotations', async () => {
    await using rig = await RegistryServerRig.start();
    const subject = await rig.pushImage('acme/app', 'a', 'v1');
    const annotations = { 'org.example.note': 'yes' };
    const signature = await pushReferrer(rig, subject, { artifactType: 'application/x-signature', annotations });
    const plain = await pushReferrer(rig, subject, {});
    const list = async (query = '') => {
      const answer = await rig.send('GET', `/v2/acme/app/referrers/${subject}${query}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], mediaTypes.ociIndex);
      return { ...parseImageIndex(answer.bytes, mediaTypes.ociIndex), filters: answer.headers['oci-filters-applied'] };
    };
    const all = await list();
    assert.deepEqual(all.manifests.map(({ digest }) => digest).sort(), [signature, plain].sort());
    assert.equal(all.filters, undefined);
    const filtered = await list('?artifactType=application%2Fx-signature');
    assert.equal(filtered.filters, 'artifactType');
    assert.equal(filtered.manifests.length, 1);
    const { artifactType, annotations: noted, digest } = filtered.manifests[0]!;
    assert.deepEqual([digest, artifactType, noted], [signature, 'application/x-signature', annotations]);
    const byConfig = await list(`?artifactType=${encodeURIComponent(mediaTypes.ociConfig)}`);
    assert.deepEqual(
      byConfig.manifests.map((each) => each.digest),
      [plain],
      'the config’s type stands in',
    );
  });

  test('a deleted referrer is not listed any more; one without any has an empty list', async () => {
    await using rig = await RegistryServerRig.start();
    const subject = digestOf('to come');
    const list = async () =>
      parseImageIndex((await rig.send('GET', `/v2/acme/app/referrers/${subject}`)).bytes).manifests.length;
    assert.equal(await list(), 0);
    const digest = await pushReferrer(rig, subject, {});
    assert.equal(await list(), 1);
    await rig.send('DELETE', `/v2/acme/app/manifests/${digest}`);
    assert.equal(await list(), 0);
  });
});
