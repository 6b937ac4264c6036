import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { algorithmOf, digestOf, finishDigest, isDigest, type Digest, type DigestAlgorithm } from '../oci/digest';
import { fileSize, ifPresent, listDirectory, readTextIfPresent } from './files';
import type { StorageLayout } from './layout';
import { refusal } from './refusal';

/** An upload that someone began: bytes are appended to `file` until they are all there. */
export interface UploadSession {
  readonly id: string;
  readonly repository: string;
  readonly file: string;
  readonly sizeBytes: number;
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Uploads that nobody finished. They live on disk only, so that any process can go on with any of them. */
export class UploadStorage {
  /** Uploads that a request of this process is writing to: a guard against a client that sends two at once. */
  readonly #writing = new Set<string>();

  constructor(private readonly layout: StorageLayout) {}

  async begin(repository: string): Promise<UploadSession> {
    const id = randomUUID();
    const folder = this.layout.upload(id);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'data'), '');
    await writeFile(join(folder, 'repository'), repository);
    return { id, repository, file: join(folder, 'data'), sizeBytes: 0 };
  }

  /** The session of that repository, or a refusal with 404. */
  async find(repository: string, id: string): Promise<UploadSession> {
    const folder = this.layout.upload(id);
    const owner = idPattern.test(id) ? await readTextIfPresent(join(folder, 'repository')) : undefined;
    const file = join(folder, 'data');
    const sizeBytes = owner === repository ? await fileSize(file) : undefined;
    if (sizeBytes === undefined) throw refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'there is no such upload');
    return { id, repository, file, sizeBytes };
  }

  /**
   * Appends a request's body. What arrived before a broken connection stays, and the client can ask how much that is.
   * Gives the session with its new size.
   */
  async append(session: UploadSession, body: Readable, algorithm: DigestAlgorithm = 'sha256'): Promise<UploadSession> {
    if (this.#writing.has(session.id)) {
      throw refusal(409, 'BLOB_UPLOAD_INVALID', 'another request is writing to this upload');
    }
    this.#writing.add(session.id);
    try {
      const hash = session.sizeBytes === 0 ? createHash(algorithm) : undefined;
      let received = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash?.update(chunk);
          received += chunk.byteLength;
          done(null, chunk);
        },
      });
      await pipeline(body, measure, createWriteStream(session.file, { flags: 'a' }));
      const sizeBytes = session.sizeBytes + received;
      if (hash !== undefined && received > 0) await this.#remember(session, sizeBytes, finishDigest(hash, algorithm));
      return { ...session, sizeBytes };
    } finally {
      this.#writing.delete(session.id);
    }
  }

  /** The digest of what was uploaded. Reads the file only if it did not arrive in one request. */
  async digest(session: UploadSession, algorithm: DigestAlgorithm): Promise<Digest> {
    if (session.sizeBytes === 0) return digestOf('', algorithm);
    const known = await this.#recall(session);
    if (known !== undefined && algorithmOf(known) === algorithm) return known;
    const hash = createHash(algorithm);
    await pipeline(createReadStream(session.file), hash);
    return finishDigest(hash, algorithm);
  }

  /** Forgets a session with all its bytes. */
  async discard(session: UploadSession): Promise<void> {
    await rm(this.layout.upload(session.id), { recursive: true, force: true });
  }

  /** Removes uploads and temporary files that nobody has touched for `maxAgeMs`. Any number of processes may do it. */
  async sweep(maxAgeMs: number, now: number): Promise<void> {
    for (const folder of [this.layout.uploads, this.layout.temporary]) {
      for (const name of await listDirectory(folder)) {
        const path = join(folder, name);
        const touched = (await ifPresent(stat(join(path, 'data')))) ?? (await ifPresent(stat(path)));
        if (touched !== undefined && now - touched.mtimeMs > maxAgeMs) await rm(path, { recursive: true, force: true });
      }
    }
  }

  /**
   * A hash cannot be kept on disk while it is unfinished. The common client sends the whole blob in one PATCH and
   * names the digest in an empty PUT, so the finished hash of the first request is kept, with the size that it covers:
   * a file is only ever appended to, so the same size means the same bytes.
   */
  async #remember(session: UploadSession, sizeBytes: number, digest: Digest): Promise<void> {
    await writeFile(join(this.layout.upload(session.id), 'digest'), `${sizeBytes} ${digest}`);
  }

  async #recall(session: UploadSession): Promise<Digest | undefined> {
    const text = await readTextIfPresent(join(this.layout.upload(session.id), 'digest'));
    const [size, digest] = text?.split(' ') ?? [];
    return Number(size) === session.sizeBytes && isDigest(digest) ? digest : undefined;
  }
}
