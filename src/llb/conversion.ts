import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Dockerfile } from '../dockerfile/ast';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import type { ImageConfig } from '../oci/image-config';
import type { Platform } from '../oci/platform';
import type { Reference } from '../oci/reference';
import type { Edge, ExecOperation, LocalSource } from './operation';

/** A named context (`--build-context NAME=…`): it stands in for the image or the stage of that name. */
export type NamedContext =
  | { readonly kind: 'local'; readonly excludePatterns?: readonly string[] }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'git' | 'http'; readonly url: string };

export interface ConvertRequest {
  readonly dockerfile: Dockerfile;
  /** Name of the stage to build, in any case; without it the last one. */
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platform: Platform;
  /** The machine's; without it the platform that is built for. */
  readonly buildPlatform?: Platform;
  /** Several platforms are built at once, so vertices are named after theirs. */
  readonly multiPlatform?: boolean;
  /** Patterns of the main context's ignore file, in order. */
  readonly excludePatterns?: readonly string[];
  /** By name as users write it: a stage, an image (`alpine`, `alpine:3.20`), or a word of their own. */
  readonly contexts?: Readonly<Record<string, NamedContext>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** True for every stage, or the names of some. */
  readonly noCache?: boolean | readonly string[];
  readonly network?: ExecOperation['network'];
  readonly extraHosts?: ExecOperation['extraHosts'];
  readonly ulimits?: NonNullable<ExecOperation['ulimits']>;
  readonly shmSizeBytes?: number;
  readonly cgroupParent?: string;
  readonly hostname?: string;
  /** Seconds since the epoch, as if given by the build argument `SOURCE_DATE_EPOCH`, which wins. */
  readonly sourceDateEpoch?: number;
}

export interface ResolvedImage {
  /** What the reference names, which may be an index; without it the manifest. For names only. */
  readonly digest?: Digest;
  /** The image manifest for the platform, not an index. */
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
}

/** A conversion that is only to find mistakes, without any base image. */
export interface CheckMode {
  /**
   * Whether something that the conversion goes by is missing, as it has a mistake itself: instructions that cannot be
   * parsed, options that cannot be read. Then nothing is said about lines with variables.
   */
  readonly isIncomplete: boolean;
}

export interface ConvertOptions {
  readonly signal?: AbortSignal;
  /** Convert as much as possible whatever is wrong, with images that nobody knows: `checkDockerfile`. */
  readonly check?: CheckMode;
  /** Asked at most once for each reference and platform; several calls run at the same time. */
  resolveImage(
    reference: Reference,
    platform: Platform,
    options?: { readonly signal?: AbortSignal },
  ): Promise<ResolvedImage>;
}

/** A stage that the target needs. */
export interface ConvertedStage {
  /** As users name it; undefined where the Dockerfile gives no name. */
  readonly name?: string;
  /** Position in the Dockerfile, from 0. */
  readonly index: number;
  /** What the stage gives; undefined for an empty file system. */
  readonly edge?: Edge;
  readonly platform: Platform;
  /** The image as it would be if the stage were the target. */
  readonly image: ImageConfig;
  /** The base image's config as it came from the registry. */
  readonly baseImage?: ImageConfig;
}

export interface Conversion {
  /** What to build; undefined for an empty file system, and where there are errors. */
  readonly root?: Edge;
  /** The stages that the target needs, in the Dockerfile's order; the target is one of them. */
  readonly stages: readonly ConvertedStage[];
  /** The stage that is built; undefined where there are errors. */
  readonly target?: ConvertedStage;
  /**
   * Every directory of the client that the graph reads, with the paths in it that can matter. Only these need to be
   * hashed, sent or watched.
   */
  readonly localSources: readonly LocalSource[];
  /** Seconds since the epoch, if times are fixed. */
  readonly sourceDateEpoch?: number;
  /** Errors and warnings. With an error among them, the rest of this object is empty. */
  readonly diagnostics: readonly Diagnostic[];
}
