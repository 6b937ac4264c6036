import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageConfig } from '../../src/oci/image-config';
import type { GoldenCase } from '../../src/testing/golden/case';
import type { ImageFile, UnpackedImage } from '../testing/image-files';

/** What a case's `image.json` says of the image: all but times, and digests that depend on times. */
export interface RecordedImage {
  readonly config: Omit<ImageConfig, 'created' | 'rootfs' | 'history'> & { readonly history: readonly unknown[] };
  readonly layers: number;
  /** Files that the base image does not have so, by path; those of it that are gone are null. */
  readonly files: Readonly<Record<string, ImageFile | null>>;
}

export async function readRecordedImage(golden: GoldenCase): Promise<RecordedImage> {
  return JSON.parse(await readFile(join(golden.directory, 'image.json'), 'utf8')) as RecordedImage;
}

/** What is recorded of an image whose base image has the files `base`. */
export function describeImage(
  { config, files }: UnpackedImage,
  base: Readonly<Record<string, ImageFile>>,
): RecordedImage {
  const changed = Object.entries(files).filter(([path, file]) => JSON.stringify(file) !== JSON.stringify(base[path]));
  const removed = Object.keys(base).filter((path) => files[path] === undefined);
  const described = {
    config: {
      ...without(config, ['created', 'rootfs']),
      history: (config.history ?? []).map((entry) => without(entry, ['created'])),
    },
    layers: config.rootfs.diff_ids.length,
    files: { ...Object.fromEntries(changed), ...Object.fromEntries(removed.map((path) => [path, null])) },
  };
  return JSON.parse(JSON.stringify(described)) as RecordedImage;
}

function without(value: object, keys: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}
