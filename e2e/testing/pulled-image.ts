import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { output } from './parts';

/** One path of an unpacked image as `tar` lists it: `-rw-r--r-- 0/0`, and for links where they lead. */
export type ImageFiles = ReadonlyMap<string, string>;

export interface PulledImage {
  /** The image config, as the specification of OCI images has it. */
  readonly config: {
    readonly config: Readonly<Record<string, unknown>>;
    readonly rootfs: { readonly diff_ids: readonly string[] };
    readonly history?: readonly unknown[];
  };
  readonly files: ImageFiles;
  /** The last content of a file. */
  readonly content: (path: string) => string;
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/**
 * Copies an image with skopeo into `directory`, which verifies every digest, and applies its layers with GNU tar: no code
 * of this project has a hand in it. `from` is a transport of skopeo, such as `docker://127.0.0.1:5000/app:1`.
 */
export async function pullWithSkopeo(from: string, directory: string): Promise<PulledImage> {
  output('skopeo', 'copy', '--quiet', '--insecure-policy', '--src-tls-verify=false', from, `dir:${directory}`);
  const blob = (digest: string): string => join(directory, digest.slice(digest.indexOf(':') + 1));
  const manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;
  const config = JSON.parse(await readFile(blob(manifest.config.digest), 'utf8')) as PulledImage['config'];
  const files = new Map<string, string>();
  const layerOf = new Map<string, string>();
  for (const { digest } of manifest.layers) {
    for (const [path, line] of listTar(blob(digest))) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (name.startsWith('.wh.')) {
        const gone = `${path.slice(0, path.length - name.length)}${name.slice('.wh.'.length)}`;
        for (const known of [...files.keys()]) if (known === gone || known.startsWith(`${gone}/`)) files.delete(known);
      } else {
        files.set(path, line);
        layerOf.set(path, blob(digest));
      }
    }
  }
  const content = (path: string): string => output('tar', '-xOf', layerOf.get(path) ?? '', path);
  return { config, files, content };
}

/** Members of a tar archive, compressed or not, each as `<mode> <owner>/<group>`, links with `-> target`. */
export function listTar(archive: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const line of output('tar', '-tvf', archive, '--numeric-owner', '--quoting-style=literal').split('\n')) {
    const [, mode = '', owner = '', rest = ''] = /^(\S+) (\d+\/\d+) +\S+ \S+ \S+ (.*)$/.exec(line) ?? [];
    if (mode === '') continue;
    const [, path = '', link = ''] = /^(.*?)\/?( -> .*| link to .*)?$/.exec(rest) ?? [];
    files.set(path.replace(/^\.\//, ''), `${mode} ${owner}${link}`);
  }
  return files;
}
