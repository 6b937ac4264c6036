import { join } from 'node:path';
import { algorithmOf, hexOf, type Digest } from '../oci/digest';

/**
 * Where things lie below the root:
 *
 *     blobs/<algorithm>/<hex>                                  bytes of blobs and manifests, shared by all repositories
 *     repositories/<name>/_blobs/<algorithm>/<hex>             empty: the repository has this blob
 *     repositories/<name>/_manifests/<algorithm>/<hex>         the manifest's media type
 *     repositories/<name>/_tags/<tag>                          the digest that the tag points at
 *     repositories/<name>/_referrers/<alg>/<subject>/<a>-<hex> descriptor of a manifest with that subject
 *     uploads/<id>/                                            an upload that is not finished
 *     tmp/                                                     files before they are renamed into place
 *
 * Components of a repository's name never start with an underscore, so names and folders of ours cannot meet. Every
 * file appears by rename, complete; the directory is the only truth, so several processes can serve it.
 */
export class StorageLayout {
  readonly blobs: string;
  readonly repositories: string;
  readonly uploads: string;
  readonly temporary: string;

  constructor(readonly root: string) {
    this.blobs = join(root, 'blobs');
    this.repositories = join(root, 'repositories');
    this.uploads = join(root, 'uploads');
    this.temporary = join(root, 'tmp');
  }

  blob(digest: Digest): string {
    return join(this.blobs, algorithmOf(digest), hexOf(digest));
  }

  repository(name: string): string {
    return join(this.repositories, ...name.split('/'));
  }

  blobLink(name: string, digest: Digest): string {
    return join(this.repository(name), '_blobs', algorithmOf(digest), hexOf(digest));
  }

  /** Folder of the blobs that the repository has, with a folder for each algorithm in it. */
  blobLinks(name: string): string {
    return join(this.repository(name), '_blobs');
  }

  /** Folder of the manifests that the repository has, with a folder for each algorithm in it. */
  manifestLinks(name: string): string {
    return join(this.repository(name), '_manifests');
  }

  manifestLink(name: string, digest: Digest): string {
    return join(this.repository(name), '_manifests', algorithmOf(digest), hexOf(digest));
  }

  tags(name: string): string {
    return join(this.repository(name), '_tags');
  }

  tag(name: string, tag: string): string {
    return join(this.tags(name), tag);
  }

  referrers(name: string, subject: Digest): string {
    return join(this.repository(name), '_referrers', algorithmOf(subject), hexOf(subject));
  }

  upload(id: string): string {
    return join(this.uploads, id);
  }
}
