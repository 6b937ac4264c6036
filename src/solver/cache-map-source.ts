import type { GitSource, HttpSource, ImageSource } from '../llb/operation';
import { digestOf, type Digest } from '../oci/digest';
import type { GitIdentity, HttpIdentity } from './contract';
import { goJson, omitEmpty } from './go-json';

/** Digest of a source from what identifies it (BuildKit `ops/source.go`). */
export function sourceDigest(key: string): Digest {
  return digestOf(`buildkit.source.v0:${key}`);
}

/** An image by its manifest and platform (BuildKit `containerimage.mainManifestKey`). */
export function imageKey(image: Pick<ImageSource, 'manifest' | 'platform'>): string {
  const { platform } = image;
  return digestOf(
    goJson({
      Digest: image.manifest.digest,
      OS: platform.os,
      Arch: platform.architecture,
      Variant: omitEmpty(platform.variant),
      OSVersion: omitEmpty(platform['os.version']),
      OSFeatures: omitEmpty(platform['os.features']),
    }),
  );
}

/** An image by the chain ID of its layers (OCI image-spec, config.md); undefined if it has none. */
export function chainIdKey(diffIds: readonly Digest[]): string | undefined {
  let chain: Digest | undefined;
  for (const diffId of diffIds) chain = chain === undefined ? diffId : digestOf(`${chain} ${diffId}`);
  return chain;
}

/** A URL by what it served (BuildKit `http.formatCacheKey`). */
export function httpKey(source: HttpSource, identity: HttpIdentity): string {
  return digestOf(
    goJson({
      Filename: identity.filename,
      Perm: source.mode ?? 0,
      UID: source.uid ?? 0,
      GID: source.gid ?? 0,
      Checksum: identity.digest,
      LastModTime: omitEmpty(identity.lastModified),
    }),
  );
}

/** A git repository by its commit (BuildKit `git.shaToCacheKey`). */
export function gitKey(source: GitSource, identity: GitIdentity): string {
  let key = identity.commit;
  if (source.keepGitDir) key += identity.ref === '' ? '.git' : `.git#${identity.ref}`;
  return source.subdirectory ? `${key}:${source.subdirectory}` : key;
}
