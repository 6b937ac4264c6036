import { parseDockerfile } from '../../dockerfile/parse';
import { digestOf } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import { formatPlatform } from '../../oci/platform';
import { formatReference } from '../../oci/reference';
import { convertDockerfile } from '../convert';
import type { Conversion, ConvertRequest, ResolvedImage } from '../conversion';
import type { Operation, Vertex } from '../operation';

/** A base image such as registries have, with one layer. */
export const plainImage: ImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  created: '2023-11-14T22:13:20Z',
  config: { Env: ['PATH=/usr/bin:/bin'], Cmd: ['/bin/sh'], WorkingDir: '/' },
  rootfs: { type: 'layers', diff_ids: [digestOf('layer of the base')] },
  history: [{ created: '2023-11-14T22:13:20Z', created_by: 'COPY rootfs /' }],
};

export interface ConvertTextOptions extends Partial<Omit<ConvertRequest, 'dockerfile'>> {
  /** By full reference with tag; others are {@link plainImage}. */
  readonly images?: Readonly<Record<string, ImageConfig>>;
  /** Collects what is asked of the registry, as `reference platform`. */
  readonly asked?: string[];
}

/** Parses and converts a Dockerfile for linux/amd64, with images that exist only in the test. */
export async function convertText(text: string, options: ConvertTextOptions = {}): Promise<Conversion> {
  const { images = {}, asked = [], ...request } = options;
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
  const conversion = await convertDockerfile(
    { dockerfile, platform: { os: 'linux', architecture: 'amd64' }, ...request },
    {
      resolveImage: (reference, platform): Promise<ResolvedImage> => {
        const name = formatReference(reference);
        asked.push(`${name} ${formatPlatform(platform)}`);
        const manifest = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(name), size: 1 };
        return Promise.resolve({ manifest, config: images[name] ?? plainImage });
      },
    },
  );
  return { ...conversion, diagnostics: [...diagnostics, ...conversion.diagnostics] };
}

/** All vertices of a conversion, inputs before what uses them. */
export function verticesOf({ root }: Conversion): readonly Vertex[] {
  const vertices = new Set<Vertex>();
  const visit = (vertex: Vertex): void => {
    for (const input of vertex.inputs) visit(input.vertex);
    vertices.add(vertex);
  };
  if (root !== undefined) visit(root.vertex);
  return [...vertices];
}

/** The operations of one kind, in order. */
export function operationsOf<K extends Operation['kind']>(
  conversion: Conversion,
  kind: K,
): readonly Extract<Operation, { kind: K }>[] {
  return verticesOf(conversion)
    .map((vertex) => vertex.operation)
    .filter((operation): operation is Extract<Operation, { kind: K }> => operation.kind === kind);
}

/** Messages as `line:column code`, for tables. */
export function problemsOf(conversion: Conversion): readonly string[] {
  return conversion.diagnostics.map(({ code, location }) => `${location?.line ?? 0}:${location?.column ?? 0} ${code}`);
}
