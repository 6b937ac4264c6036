import type { CompressionOptions } from '../compression/contract';
import type { CallOptions, ContentStore } from '../content/contract';
import type { Digest } from '../oci/digest';
import type { Reference } from '../oci/reference';
import type { StageKey } from './stage-tags';

/**
 * How much of a hit is checked before it is trusted. `none`: that the image's tag is there. `manifest`: that its manifest
 * can be read and is what its digest says. `blobs`: also that the registry still has everything that it lists.
 */
export const verifyModes = ['none', 'manifest', 'blobs'] as const;
export type VerifyMode = (typeof verifyModes)[number];

export interface StageRefSettings {
  /** Repositories whose refs are read: the first that has one wins. Tags and digests of the references do not count. */
  readonly reads: readonly [Reference, ...Reference[]];
  /** The one of them that refs are written to; undefined if they are only read. */
  readonly writes: Reference | undefined;
  /** Caches that are read behind the stage refs, in order: those of the branch, of its base, of the default branch. */
  readonly scopes: readonly Reference[];
  /** The cache of the branch, which is written after something was built. */
  readonly exportScope: Reference | undefined;
  /** Without them, whatever is in the repositories is believed. */
  readonly signatures: RefSignatures | undefined;
  /** Whether this build is one that others trust, for the report. */
  readonly isTrusted: boolean;
  readonly verify: VerifyMode;
  /** Only say what a build would do. */
  readonly dryRun: boolean;
  /** Of the layers that go into stage refs. */
  readonly compression: CompressionOptions;
  /** Whether a ref that cannot be written fails only with a warning. */
  readonly ignoreError: boolean;
}

/** Who vouches for refs. What is not signed is as good as missing, and written anew. */
export interface RefSignatures {
  /** Whether the manifest with this digest was signed for this tag. */
  accepts(store: ContentStore, tag: string, digest: Digest, options: CallOptions): Promise<boolean>;
  /** False if the store does not have the manifest. */
  sign(store: ContentStore, tag: string, digest: Digest, options: CallOptions): Promise<boolean>;
}

/** What is known of a stage ref: `unneeded` for a stage that has no steps, and so nothing to keep. */
export type StageRefState = 'present' | 'missing' | 'broken' | 'unneeded';

/** One stage on the way to the target, as it was planned. */
export interface StageReport {
  /** Its name, or `stage-N`. */
  readonly stage: string;
  /** Position in the Dockerfile, from 0. */
  readonly index: number;
  /** Such as `linux/arm64`, where there are several. */
  readonly platform?: string;
  readonly key: StageKey;
  /** Of its cache. */
  readonly ref?: string;
  readonly state: StageRefState;
  /** Whether its result is needed to build the target, given what is present. */
  readonly needed: boolean;
  /** Bytes of the layers in its ref that the build may have to fetch; known of refs that were read. */
  readonly bytes?: number;
  /** Why it is not present, the most likely cause first. */
  readonly causes: readonly MissCause[];
}

/** Why a ref is not there, against the nearest earlier build of the same target. */
export type MissCause =
  /** No earlier build of this target is known. */
  | { readonly kind: 'first-build' }
  /** An earlier build had the same key; its ref was deleted, or never written. */
  | { readonly kind: 'ref-gone' }
  /** A blob of the ref is gone from the registry. */
  | { readonly kind: 'blob-gone' }
  /** The ref is there without a signature that counts. */
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'new-stage' }
  | { readonly kind: 'base-image'; readonly image: string; readonly before?: string; readonly after?: string }
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'build-arg'; readonly name: string; readonly change: 'added' | 'removed' | 'value' }
  | {
      readonly kind: 'instruction';
      readonly change: 'added' | 'removed' | 'changed';
      readonly before?: string;
      readonly after?: string;
      readonly line?: number;
    }
  | {
      readonly kind: 'file';
      readonly instruction: string;
      readonly line?: number;
      readonly path: string;
      readonly change: 'added' | 'removed' | 'content' | 'mode';
    }
  /** What a URL or a git repository gave. */
  | { readonly kind: 'remote-source'; readonly source: string }
  /** Platform, network, labels and other settings of the build. */
  | { readonly kind: 'settings' };

/** What came of the refs that a build wrote, where there is a secret to sign them with. */
export interface SigningReport {
  readonly signed: readonly string[];
  /** Their digest is not known, so nobody vouches for them: they are no hits for builds with a secret. */
  readonly unsigned: readonly string[];
}

/** What stage refs did for a build. */
export interface StageRefReport {
  /** `hit`: no builder was needed. */
  readonly outcome: 'hit' | 'built' | 'dry-run';
  /** Whether the build may write what trusted builds read. */
  readonly trusted: boolean;
  /** Only where refs have to be signed. What was found had a signature. */
  readonly signatures?: SigningReport;
  /** How a hit was served. */
  readonly served?: 'in-place' | 'tagged' | 'assembled';
  /** Where the image was or would be found. */
  readonly imageRef?: string;
  /** The same for several platforms, such as `linux/arm64`. */
  readonly imageRefs?: Readonly<Record<string, string>>;
  /** Empty where the image was found before any stage was looked at. */
  readonly stages: readonly StageReport[];
}
