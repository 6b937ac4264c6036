import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CallOptions } from '../../content/contract';
import { imageNameAnnotation, refNameAnnotation } from '../../content/layout-index';
import { CodedError } from '../../diagnostics/coded-error';
import type { Descriptor } from '../../oci/descriptor';
import { algorithmOf, hexOf } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import type { Remote } from '../../solver/contract';
import type { LayerInput } from '../contract';
import { encodeLayerTar } from '../layers/layer-tar-writer';
import { describeImage, type WrittenImage } from './write-image';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** `docker load` is not there, has no daemon, or refused the image. */
    DOCKER_LOAD_FAILED: { readonly exitCode: number | null };
  }
}

export interface ImageArchiveOptions extends CallOptions {
  /** With `manifest.json` for `docker load`, as buildx's `type=docker` has it. */
  readonly forDocker: boolean;
  /** Full names with tags: `docker.io/acme/api:1`. */
  readonly names: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the manifest's entry in the layout. */
  readonly descriptorAnnotations?: Readonly<Record<string, string>>;
}

export interface ImageArchive extends WrittenImage {
  readonly members: readonly LayerInput[];
}

/** An image as the members of an OCI layout's tar (image-spec, image-layout.md). */
export function imageArchive(
  image: { readonly config: ImageConfig; readonly remote: Remote },
  options: ImageArchiveOptions,
): ImageArchive {
  const { remote, config } = image;
  const described = describeImage(config, remote.descriptors, { ...options, ociMediaTypes: true });
  const manifest = descriptorOf(described.mediaType, described.manifest, described.manifestDigest);
  const blobs: LayerInput[] = [
    ...[...new Map(remote.descriptors.map((layer) => [layer.digest, layer])).values()].map((layer) =>
      file(blobPath(layer), layer.size, (call) => remote.provider.open(layer, call)),
    ),
    bytesFile(blobPath(described.config), described.configBytes),
    bytesFile(blobPath(manifest), described.manifest),
  ];
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: (options.names.length > 0 ? options.names : [undefined]).map((name) => ({
      ...manifest,
      ...((name !== undefined || options.descriptorAnnotations) && {
        annotations: {
          ...options.descriptorAnnotations,
          ...(name === undefined ? {} : namesOf(name)),
        },
      }),
    })),
  };
  const members = [
    directory('blobs'),
    directory('blobs/sha256'),
    ...blobs.sort((a, b) => (memberPath(a) < memberPath(b) ? -1 : 1)),
    bytesFile('index.json', Buffer.from(JSON.stringify(index))),
    ...(options.forDocker ? [bytesFile('manifest.json', dockerManifest(described.config, remote, options.names))] : []),
    bytesFile('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
  ];
  return { manifest, config: described.config, members };
}

/** As containerd and BuildKit put a name into a layout: in full, and the tag alone. */
function namesOf(name: string): Readonly<Record<string, string>> {
  return { [imageNameAnnotation]: name, [refNameAnnotation]: name.slice(name.lastIndexOf(':') + 1) };
}

/** Gives an archive to the docker daemon that the `docker` command talks to. */
export async function loadIntoDocker(
  archive: ImageArchive,
  options: CallOptions & { readonly env: Readonly<Record<string, string | undefined>> },
): Promise<void> {
  const child = spawn('docker', ['load', '--quiet'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: options.env,
    ...(options.signal && { signal: options.signal }),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const fail = (reason: string, exitCode: number | null, cause?: unknown) =>
    new CodedError(
      'DOCKER_LOAD_FAILED',
      `docker load: ${reason}`,
      { exitCode },
      {
        cause,
        hint: 'load needs the docker command and a running daemon; use an output of type oci or docker otherwise',
      },
    );
  const [sent, exit] = await Promise.allSettled([
    pipeline(Readable.from(tarBytes(archive, options)), child.stdin),
    ended,
  ]);
  options.signal?.throwIfAborted();
  if (exit.status === 'rejected') throw fail('the docker command cannot be started', null, exit.reason);
  if (exit.value !== 0) throw fail(complaint.trim() || `exit code ${exit.value ?? 'none'}`, exit.value);
  // The daemon may stop reading at the end marker.
  if (sent.status === 'rejected' && (sent.reason as NodeJS.ErrnoException).code !== 'EPIPE') throw sent.reason;
}

async function* tarBytes(archive: ImageArchive, options: CallOptions): AsyncGenerator<Buffer> {
  for await (const part of encodeLayerTar(archive.members, options)) if (Buffer.isBuffer(part)) yield part;
}

/** What `docker load` read before it knew OCI layouts. */
function dockerManifest(config: Descriptor, { descriptors }: Remote, names: readonly string[]): Buffer {
  return Buffer.from(
    JSON.stringify([
      {
        Config: blobPath(config),
        RepoTags: names.map((name) => name.replace(/^docker\.io\/(library\/)?/, '')),
        Layers: descriptors.map(blobPath),
      },
    ]),
  );
}

function blobPath({ digest }: Pick<Descriptor, 'digest'>): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

function descriptorOf(mediaType: string, bytes: Buffer, digest: Descriptor['digest']): Descriptor {
  return { mediaType, digest, size: bytes.length };
}

const owned = { uid: 0, gid: 0, mtimeNs: 0n } as const;

function directory(path: string): LayerInput {
  return { member: { kind: 'entry', entry: { path, type: 'directory', mode: 0o755, size: 0, ...owned } } };
}

function file(path: string, size: number, open: NonNullable<LayerInput['open']>): LayerInput {
  return { member: { kind: 'entry', entry: { path, type: 'file', mode: 0o644, size, ...owned } }, open };
}

function bytesFile(path: string, bytes: Buffer): LayerInput {
  return file(path, bytes.length, () => Promise.resolve(Readable.from([bytes])));
}

function memberPath({ member }: LayerInput): string {
  return member.kind === 'entry' || member.kind === 'hardlink' ? member.entry.path : member.path;
}
