import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import type { Platform } from '../oci/platform';
import type { Reference } from '../oci/reference';
import type { ImageConfig } from '../oci/image-config';
import type { CallOptions } from '../content/contract';
import type { CompressionOptions } from '../compression/contract';
import type { CacheSource, CacheTarget, StoredCacheTarget } from '../cache/location';
import type { ProgressSink, WarningEvent } from '../progress/event';

export type { CacheSource, CacheTarget, StoredCacheTarget };

/** buildx's `--output`, resolved. */
export type ImageOutput =
  | {
      readonly type: 'image';
      readonly push: boolean;
      readonly compression?: CompressionOptions;
      readonly forceCompression?: boolean;
      readonly ociMediaTypes: boolean;
    }
  | {
      readonly type: 'oci' | 'docker';
      readonly destination: string;
      readonly tar: boolean;
      readonly compression?: CompressionOptions;
    }
  | { readonly type: 'docker-load' }
  | { readonly type: 'local' | 'tar'; readonly destination: string };

/** A secret by value or by where to read it; the value never goes into a layer, a key or a log. */
export interface SecretSource {
  readonly id: string;
  readonly from: { readonly file: string } | { readonly env: string };
}

export interface SshSource {
  readonly id: string;
  /** Paths of keys or of an agent's socket; empty means `SSH_AUTH_SOCK`. */
  readonly paths: readonly string[];
}

export type BuildContext =
  | { readonly type: 'directory'; readonly directory: string }
  | { readonly type: 'image'; readonly reference: Reference }
  | { readonly type: 'oci-layout'; readonly directory: string; readonly tag?: string; readonly digest?: Digest };

/** Where an annotation stands; a descriptor's is in what lists it: the index, or that of an OCI layout. */
export type AnnotationPlace = 'manifest' | 'manifest-descriptor' | 'index' | 'index-descriptor';

/** An annotation elsewhere than in the manifests of all platforms: buildx's `index:key`, `manifest[linux/arm64]:key`. */
export interface PlacedAnnotation {
  readonly place: AnnotationPlace;
  /** One of the request's; not for an index. Default all. */
  readonly platform?: Platform;
  readonly key: string;
  readonly value: string;
}

/** What an image says about how it came to be: buildx's `--attest`. */
export interface Attestation {
  readonly type: 'provenance' | 'sbom';
  /** Such as `mode=max` or `generator=image`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A write-once cache of one stage, under a tag that the stage's content decides. */
export interface StageCache {
  /** Position of the stage in the Dockerfile, from 0. */
  readonly stage: number;
  /** One of the request's; default its first. */
  readonly platform?: Platform;
  readonly target: StoredCacheTarget;
  /**
   * What is there under the tag. What `exists` is written only if it proves to have lost something while the stage was
   * built anyway; what is `broken` is written in any case.
   */
  readonly state: 'missing' | 'exists' | 'broken';
}

/**
 * One more name for the image of one platform, in a cache repository; written last, in the form of the first image output.
 * What is there already stays, unless it is known to be broken. With `ignoreError`, a failure is a warning.
 */
export interface ImageRef {
  readonly reference: Reference;
  /** One of the request's; default its first. */
  readonly platform?: Platform;
  readonly state: 'missing' | 'broken';
  readonly ignoreError?: boolean;
}

/** One build, every option resolved and checked. Paths are absolute. */
export interface BuildRequest {
  readonly context: string;
  readonly dockerfile: { readonly path: string; readonly text: string };
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly buildContexts: Readonly<Record<string, BuildContext>>;
  readonly platforms: readonly Platform[];
  readonly tags: readonly Reference[];
  readonly labels: Readonly<Record<string, string>>;
  /** Of the manifest of each platform. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly placedAnnotations?: readonly PlacedAnnotation[];
  readonly cacheFrom: readonly CacheSource[];
  readonly cacheTo: readonly CacheTarget[];
  /** Caches of single stages, besides those of `cacheTo`. */
  readonly stageCaches?: readonly StageCache[];
  /** Names of its images in a cache repository, one for each platform at most. */
  readonly imageRefs?: readonly ImageRef[];
  readonly outputs: readonly ImageOutput[];
  /** Default none, whatever buildx would add by itself: the image is the same with every engine. */
  readonly attestations?: readonly Attestation[];
  /** What the build may do besides: `network.host`, `security.insecure`, `device`. Default nothing. */
  readonly allow?: readonly string[];
  readonly secrets: readonly SecretSource[];
  readonly ssh: readonly SshSource[];
  readonly network: 'default' | 'host' | 'none';
  readonly extraHosts: readonly { readonly host: string; readonly ip: string }[];
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly shmSizeBytes?: number;
  readonly cgroupParent?: string;
  /** True for all stages, or the names of some. */
  readonly noCache: boolean | readonly string[];
  /** Ask the registry for base images even where a local copy is known. */
  readonly pull: boolean;
  /** Seconds; from `SOURCE_DATE_EPOCH`. Fixes every time in the image. */
  readonly sourceDateEpoch?: number;
  /** Registry hosts that may be spoken to by plain HTTP or with an unknown certificate. Loopback always may. */
  readonly insecureRegistries: readonly string[];
}

export type StepOutcome = 'hit' | 'executed' | 'failed' | 'canceled' | 'not-needed';

/** One line of the final table. */
export interface StepReport {
  readonly vertex: Digest;
  readonly name: string;
  readonly stage?: string;
  readonly outcome: StepOutcome;
  /** For a hit: `local`, or the text of the cache source it came from. */
  readonly source?: string;
  readonly durationMs: number;
  /** Bytes downloaded for this step. */
  readonly bytes: number;
}

export interface CacheExportReport {
  readonly location: string;
  readonly manifest?: Descriptor;
  readonly layers: number;
  /** Undefined where the builder does not tell, as BuildKit. */
  readonly bytesSent?: number;
  readonly bytesSkipped?: number;
  readonly durationMs: number;
  /** Set when the export failed and `ignore-error` let it pass. */
  readonly error?: string;
}

export interface BuildOutcome {
  /** The image manifest (or index) that tags point at; undefined where no image was made (`local`, `tar`). */
  readonly image?: Descriptor;
  readonly config?: { readonly digest: Digest; readonly value?: ImageConfig };
  /** What this build made under the request's `imageRefs`; where something was there, that may be something else. */
  readonly imageRefs?: readonly { readonly reference: Reference; readonly manifest: Descriptor }[];
  readonly steps: readonly StepReport[];
  readonly cacheExports: readonly CacheExportReport[];
  readonly warnings: readonly WarningEvent[];
  /** What the metadata file gets besides buildx's keys for image and cache. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What a URL gave. */
export interface DownloadedFile {
  /** Absolute; there as long as whoever downloaded it works on the build. */
  readonly path: string;
  readonly digest: Digest;
  readonly filename: string;
  /** As the server says it. */
  readonly lastModified?: string;
}

/** Downloads of one build, by what is asked for. */
export type Downloads = Map<string, Promise<DownloadedFile>>;

export interface EngineOptions extends CallOptions {
  readonly progress: ProgressSink;
  /**
   * What base images' references stood for when it was found out about the build, by formatted reference: an engine
   * that resolves them by itself builds on these, so that what is built is what was looked for.
   */
  readonly bases?: ReadonlyMap<string, Digest>;
  /** What was downloaded to find out about the build, for an engine that downloads by itself. */
  readonly downloads?: Downloads;
}

/** One kind of builder. */
export interface Engine {
  readonly name: 'embedded' | 'buildkit';
  build(request: BuildRequest, options: EngineOptions): Promise<BuildOutcome>;
}
