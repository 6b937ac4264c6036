import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { LayerStore, Snapshot } from '../../builder/contract';
import { localLayer } from '../../builder/layers/lazy-layer';
import { LayeredSnapshot } from '../../builder/snapshot';
import type { CallOptions } from '../../content/contract';
import { CodedError } from '../../diagnostics/coded-error';
import type { HttpSource } from '../../llb/operation';
import { algorithmOf, digestOf, finishDigest, type Digest } from '../../oci/digest';
import type { HttpIdentity } from '../../solver/contract';
import type { Transport } from '../../transport/transport';
import type { DownloadedFile, Downloads } from '../contract';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** What a URL served is not what `--checksum` says. */
    CHECKSUM_MISMATCH: { readonly url: string; readonly expected: Digest; readonly actual: Digest };
  }
}

const nanosecondsPerMillisecond = 1_000_000n;
/** BuildKit's mode of a downloaded file where none is asked for. */
const defaultMode = 0o600;

export interface HttpSourcesOptions {
  readonly transport: Pick<Transport, 'download'>;
  readonly store: LayerStore;
  readonly temporaryDirectory: string;
  /** Shared with others who work on the same build. */
  readonly downloads?: Downloads;
}

/** What `ADD https://…` reads: each URL is downloaded once in a build, and only if its key or its bytes are needed. */
export class HttpSources implements AsyncDisposable {
  readonly #options: HttpSourcesOptions;
  readonly #downloads: Downloads;
  #directory: Promise<string> | undefined;

  constructor(options: HttpSourcesOptions) {
    this.#options = options;
    this.#downloads = options.downloads ?? new Map<string, Promise<DownloadedFile>>();
  }

  /** With a checksum nothing has to be asked. */
  async resolve(source: HttpSource, options?: CallOptions): Promise<HttpIdentity> {
    if (source.checksum) return { digest: source.checksum, filename: fileNameOf(source) };
    const { digest, filename, lastModified } = await this.#download(source, options);
    return { digest, filename, ...(lastModified !== undefined && { lastModified }) };
  }

  /** A file system with that one file. Fails with `CHECKSUM_MISMATCH`, or with what the transport throws. */
  async fetch(source: HttpSource, options?: CallOptions): Promise<Snapshot> {
    const { store } = this.#options;
    const { path, filename, lastModified } = await this.#download(source, options);
    const { size } = await stat(path);
    const mtimeMs = lastModified === undefined ? 0 : Date.parse(lastModified);
    const entry = {
      path: filename,
      type: 'file' as const,
      mode: source.mode ?? defaultMode,
      uid: source.uid ?? 0,
      gid: source.gid ?? 0,
      mtimeNs: BigInt(Number.isNaN(mtimeMs) ? 0 : mtimeMs) * nanosecondsPerMillisecond,
      size,
    };
    const open = () => Promise.resolve(createReadStream(path));
    const layer = await store.write([{ member: { kind: 'entry', entry }, open }], options);
    return LayeredSnapshot.of([localLayer(store, layer)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#downloads.values());
    if (this.#directory) await rm(await this.#directory, { recursive: true, force: true });
  }

  #download(source: HttpSource, options?: CallOptions): Promise<DownloadedFile> {
    const key = JSON.stringify([source.url, source.checksum, source.filename]);
    let download = this.#downloads.get(key);
    if (!download) {
      download = this.#fetch(source, options);
      this.#downloads.set(key, download);
    }
    return download;
  }

  async #fetch(source: HttpSource, options?: CallOptions): Promise<DownloadedFile> {
    this.#directory ??= mkdtemp(join(this.#options.temporaryDirectory, 'http-'));
    const path = join(await this.#directory, digestOf(JSON.stringify([source.url, source.checksum])).slice(-16));
    const algorithm = source.checksum ? algorithmOf(source.checksum) : 'sha256';
    const hash = createHash(algorithm);
    const response = await this.#options.transport.download(new URL(source.url), options);
    const tap = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(response.body, tap, createWriteStream(path), { signal: options?.signal });
    const digest = finishDigest(hash, algorithm);
    if (source.checksum && digest !== source.checksum) {
      throw new CodedError(
        'CHECKSUM_MISMATCH',
        `ADD ${source.url}: the checksum is ${digest}, not ${source.checksum}`,
        { url: source.url, expected: source.checksum, actual: digest },
        { hint: 'the file changed upstream, or the checksum in the Dockerfile is wrong' },
      );
    }
    const lastModified = response.headers['last-modified'];
    const filename = fileNameOf(source, response.headers['content-disposition']);
    return { path, digest, filename, ...(lastModified !== undefined && { lastModified }) };
  }
}

const dispositionName = /filename="?([^";]+)"?/i;

/** BuildKit's `getFileName`: what was asked for, else what the server says, else the URL's last part. */
function fileNameOf(source: HttpSource, contentDisposition?: string): string {
  if (source.filename) return source.filename;
  const offered = dispositionName.exec(contentDisposition ?? '')?.[1];
  const name = basename(offered ?? new URL(source.url).pathname);
  return name === '' || name === '.' || name === '/' ? 'download' : name;
}
