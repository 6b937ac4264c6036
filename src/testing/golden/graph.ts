import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasErrors } from '../../diagnostics/diagnostic';
import { formatDiagnostics } from '../../diagnostics/format-diagnostics';
import { parseIgnoreFile } from '../../dockerfile/ignore-file';
import { parseDockerfile } from '../../dockerfile/parse';
import { convertDockerfile } from '../../llb/convert';
import type { Conversion, ResolvedImage } from '../../llb/conversion';
import { hexOf, type Digest } from '../../oci/digest';
import { parseImageIndex, parseImageManifest } from '../../oci/manifest';
import { parseImageConfig } from '../../oci/parse-image-config';
import { parsePlatform } from '../../oci/platform';
import type { GoldenCase } from './case';

/** The build graph of a case, its images being layouts beside the folder of cases. */
export async function convertGoldenCase(golden: GoldenCase): Promise<Conversion> {
  const { dockerfile, diagnostics } = parseDockerfile({ path: 'Dockerfile', text: golden.dockerfile });
  if (hasErrors(diagnostics)) throw new Error(formatDiagnostics(diagnostics));
  const { args, platform, target } = golden.parameters;
  const parsed = parsePlatform(platform);
  if (!parsed.ok) throw new Error(parsed.reason);
  const excludePatterns = await readFile(join(golden.directory, 'context/.dockerignore'), 'utf8').then(
    parseIgnoreFile,
    () => [],
  );
  const conversion = await convertDockerfile(
    {
      dockerfile,
      platform: parsed.platform,
      buildArgs: args,
      excludePatterns,
      ...(target !== null && { target }),
    },
    { resolveImage: (reference) => resolveGoldenImage(golden, reference.repository) },
  );
  if (hasErrors(conversion.diagnostics)) throw new Error(formatDiagnostics(conversion.diagnostics));
  return conversion;
}

/** `localhost:5000/golden/base:1` is the one image of the layout `base/`. */
export async function resolveGoldenImage(golden: GoldenCase, repository: string): Promise<ResolvedImage> {
  const layout = join(dirname(dirname(golden.directory)), repository.replace(/^golden\//, ''));
  const blob = (digest: Digest): Promise<Buffer> => readFile(join(layout, 'blobs/sha256', hexOf(digest)));
  const [manifest] = parseImageIndex(await readFile(join(layout, 'index.json'))).manifests;
  if (manifest === undefined) throw new Error(`${layout} has no image`);
  const { config } = parseImageManifest(await blob(manifest.digest));
  return { manifest, config: parseImageConfig(await blob(config.digest)) };
}
