import { dirname, join, relative } from 'node:path';
import type { BuildContext, BuildOutcome, BuildRequest } from '../engine/contract';
import { isDigest, type Digest } from '../oci/digest';
import { formatRepository, tryParseReference } from '../oci/reference';

/**
 * What `imageFile` gets: the image, and where builds that are based on it find it. The same image gives the same bytes,
 * so that Nx sees no change where there is none.
 */
export interface ImageFile {
  readonly digest: Digest;
  /** Repositories that it was pushed to. Without tags, which may name commits. */
  readonly repositories: readonly string[];
  /** OCI layout folders, relative to the file's own. */
  readonly layouts: readonly string[];
}

/** The content of the file at `path`; undefined where the build made no image. */
export function describeImage(
  path: string,
  request: BuildRequest,
  { image }: Pick<BuildOutcome, 'image'>,
): ImageFile | undefined {
  if (image === undefined) return undefined;
  const isPushed = request.outputs.some((output) => output.type === 'image' && output.push);
  const layouts = request.outputs.flatMap((output) =>
    output.type === 'oci' && !output.tar ? [relative(dirname(path), output.destination).replaceAll('\\', '/')] : [],
  );
  return {
    digest: image.digest,
    repositories: isPushed ? [...new Set(request.tags.map(formatRepository))].sort() : [],
    layouts: [...new Set(layouts)].sort(),
  };
}

/** Reads the text of an image file; undefined where it is none. */
export function parseImageFile(text: string): ImageFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { digest, repositories, layouts } = value as Readonly<Record<string, unknown>>;
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  return { digest, repositories: strings(repositories), layouts: strings(layouts) };
}

/**
 * Where a build takes the image from: the registry it was pushed to, which every engine reaches, else the layout on this
 * machine. Undefined where it is in neither.
 */
export function imageContext(path: string, { digest, repositories, layouts }: ImageFile): BuildContext | undefined {
  for (const repository of repositories) {
    const parsed = tryParseReference(`${repository}@${digest}`);
    if (parsed.ok) return { type: 'image', reference: parsed.reference };
  }
  const [layout] = layouts;
  return layout === undefined ? undefined : { type: 'oci-layout', directory: join(dirname(path), layout), digest };
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
