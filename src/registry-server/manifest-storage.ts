import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from '../oci/descriptor';
import { isDigest, type Digest } from '../oci/digest';
import { fileSize, ifPresent, listDirectory, readTextIfPresent, removeFile, writeFileAtomically } from './files';
import type { StorageLayout } from './layout';

/** Manifests, tags and referrers of repositories. */
export class ManifestStorage {
  constructor(private readonly layout: StorageLayout) {}

  /** What the repository has under a tag or digest; undefined if nothing. */
  async find(repository: string, reference: string): Promise<Descriptor | undefined> {
    const digest = isDigest(reference) ? reference : await readTextIfPresent(this.layout.tag(repository, reference));
    if (!isDigest(digest)) return undefined;
    const mediaType = await readTextIfPresent(this.layout.manifestLink(repository, digest));
    const size = mediaType === undefined ? undefined : await fileSize(this.layout.blob(digest));
    return mediaType === undefined || size === undefined ? undefined : { mediaType, digest, size };
  }

  async read(digest: Digest): Promise<Buffer | undefined> {
    return ifPresent(readFile(this.layout.blob(digest)));
  }

  /** Stores bytes that hash to `digest`, and links them last. */
  async put(repository: string, digest: Digest, mediaType: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomically(this.layout.temporary, this.layout.blob(digest), bytes);
    await writeFileAtomically(this.layout.temporary, this.layout.manifestLink(repository, digest), mediaType);
  }

  async setTag(repository: string, tag: string, digest: Digest): Promise<void> {
    await writeFileAtomically(this.layout.temporary, this.layout.tag(repository, tag), digest);
  }

  async removeTag(repository: string, tag: string): Promise<boolean> {
    return removeFile(this.layout.tag(repository, tag));
  }

  /** Removes a manifest and the tags that point at it. Its bytes stay for other repositories. */
  async remove(repository: string, digest: Digest): Promise<boolean> {
    for (const tag of await listDirectory(this.layout.tags(repository))) {
      const path = this.layout.tag(repository, tag);
      if ((await readTextIfPresent(path)) === digest) await removeFile(path);
    }
    return removeFile(this.layout.manifestLink(repository, digest));
  }

  /** Tags in lexical order, or undefined where there is no such repository. */
  async tags(repository: string): Promise<readonly string[] | undefined> {
    if (!(await this.#hasRepository(repository))) return undefined;
    return [...(await listDirectory(this.layout.tags(repository)))].sort();
  }

  async addReferrer(repository: string, subject: Digest, referrer: Descriptor): Promise<void> {
    const path = join(this.layout.referrers(repository, subject), referrer.digest.replace(':', '-'));
    await writeFileAtomically(this.layout.temporary, path, JSON.stringify(referrer));
  }

  async removeReferrer(repository: string, subject: Digest, referrer: Digest): Promise<void> {
    await removeFile(join(this.layout.referrers(repository, subject), referrer.replace(':', '-')));
  }

  /** Descriptors of manifests with that subject, in a stable order. */
  async referrers(repository: string, subject: Digest): Promise<readonly Descriptor[]> {
    const folder = this.layout.referrers(repository, subject);
    const texts = [];
    for (const name of [...(await listDirectory(folder))].sort()) {
      const text = await readTextIfPresent(join(folder, name));
      if (text !== undefined) texts.push(text);
    }
    return texts.map((text) => JSON.parse(text) as Descriptor);
  }

  /** Names of all repositories that hold something, in lexical order. */
  async repositories(): Promise<readonly string[]> {
    const found: string[] = [];
    const walk = async (folder: string, name: string): Promise<void> => {
      const entries = (await ifPresent(readdir(folder, { withFileTypes: true }))) ?? [];
      if (entries.some((entry) => entry.name === '_manifests' || entry.name === '_blobs')) found.push(name);
      for (const entry of entries.filter((each) => each.isDirectory() && !each.name.startsWith('_'))) {
        await walk(join(folder, entry.name), name === '' ? entry.name : `${name}/${entry.name}`);
      }
    };
    await walk(this.layout.repositories, '');
    return found.sort();
  }

  async #hasRepository(repository: string): Promise<boolean> {
    const folder = this.layout.repository(repository);
    for (const part of ['_manifests', '_blobs']) {
      if ((await ifPresent(stat(join(folder, part)))) !== undefined) return true;
    }
    return false;
  }
}
