import assert from 'node:assert/strict';
import type { RegistryServerOptions } from '../registry-server/server';
import { startRegistryServer } from '../registry-server/server';
import type { Descriptor } from '../oci/descriptor';
import { digestOf, type Digest } from '../oci/digest';
import { serializeManifest, type Manifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { exchange, type ExchangeAnswer, type ExchangeOptions } from './http-exchange';
import { TemporaryDirectory } from './temporary-directory';

/** The embedded registry on a directory of its own, with the requests that most tests begin with. */
export class RegistryServerRig implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly directory: TemporaryDirectory,
    private readonly close: () => Promise<void>,
  ) {}

  static async start(options: Omit<RegistryServerOptions, 'root'> = {}): Promise<RegistryServerRig> {
    const directory = await TemporaryDirectory.create();
    const server = await startRegistryServer({ root: directory.path, ...options });
    return new RegistryServerRig(server.url, directory, () => server.close());
  }

  send(method: string, path: string, options?: ExchangeOptions): Promise<ExchangeAnswer> {
    return exchange(this.url, method, path, options);
  }

  /** Stores a blob with one request. */
  async pushBlob(repository: string, content: string | Uint8Array): Promise<Descriptor> {
    const digest = digestOf(content);
    const answer = await this.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: content });
    assert.equal(answer.status, 201, answer.text);
    return { mediaType: mediaTypes.ociLayer, digest, size: Buffer.byteLength(content) };
  }

  /** Stores a manifest under a tag or under its digest. */
  async pushManifest(repository: string, manifest: Manifest, tag?: string): Promise<Digest> {
    const bytes = serializeManifest(manifest);
    const answer = await this.send('PUT', `/v2/${repository}/manifests/${tag ?? digestOf(bytes)}`, {
      headers: { 'content-type': manifest.mediaType },
      body: bytes,
    });
    assert.equal(answer.status, 201, answer.text);
    return digestOf(bytes);
  }

  /** Stores an image of one layer. */
  async pushImage(repository: string, content: string, tag?: string): Promise<Digest> {
    return this.pushManifest(repository, await this.imageOf(repository, content), tag);
  }

  /** The manifest of an image of one layer, whose blobs are stored. */
  async imageOf(repository: string, content: string): Promise<Manifest & { readonly kind: 'manifest' }> {
    const layer = await this.pushBlob(repository, `layer ${content}`);
    const config = await this.pushBlob(repository, `{"author":"${content}"}`);
    return {
      kind: 'manifest',
      mediaType: mediaTypes.ociManifest,
      config: { ...config, mediaType: mediaTypes.ociConfig },
      layers: [layer],
    };
  }

  /** Begins an upload; its path. */
  async beginUpload(repository: string): Promise<string> {
    const answer = await this.send('POST', `/v2/${repository}/blobs/uploads/`);
    assert.equal(answer.status, 202);
    return answer.headers.location ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.directory[Symbol.asyncDispose]();
  }
}
