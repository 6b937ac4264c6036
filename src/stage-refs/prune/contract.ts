import type { Descriptor } from '../../oci/descriptor';
import type { Digest } from '../../oci/digest';

/** What a tag of a cache repository is for; `other` is whatever stage refs did not write. */
export const tagKinds = ['stage', 'image', 'scope', 'inputs', 'companion', 'other'] as const;
export type TagKind = (typeof tagKinds)[number];

export interface TagName {
  readonly tag: string;
  readonly kind: TagKind;
  /** Of a companion, such as a signature: the tag that it lives and dies with. */
  readonly of?: string;
}

/** One build as a manifest of inputs lists it, newest first there. */
export interface BuildFacts {
  /** Milliseconds since the epoch. */
  readonly createdAtMs?: number;
  /** Tag of its image. */
  readonly image?: string;
  /** Tag of the branch's cache that it wrote. */
  readonly scope?: string;
  /** Tags of the caches of its stages, each with those of the stages that it starts or copies from. */
  readonly stages: ReadonlyMap<string, readonly string[]>;
}

/** What was found out about one tag. */
export interface TagFacts extends TagName {
  readonly digest: Digest;
  /** When it was written, as far as anything tells; milliseconds since the epoch. */
  readonly createdAtMs?: number;
  /** Everything that goes when the manifest goes: itself, its config, its layers, and those of its children. */
  readonly blobs: readonly Descriptor[];
  /** Layers only; those of an index are its children's. */
  readonly layers: readonly Digest[];
  /** Manifests that an index lists, directly or not. They have no tag, as a rule, and go when the last index goes. */
  readonly children: readonly Digest[];
  /** What a manifest is about, which must stay as long as it does. */
  readonly subjects: readonly Digest[];
  /** Of `inputs-…`: empty for every other kind. */
  readonly builds: readonly BuildFacts[];
  /** Why it could not be read; such a tag is left alone. */
  readonly problem?: string;
}

/** What decides about a tag. */
export interface PruneRules {
  /** What is younger stays; milliseconds. */
  readonly keepMs: number;
  /** What is younger stays whatever else is said: it may belong to a build that has not ended; milliseconds. */
  readonly graceMs: number;
  /** Latest builds of each target that stay at any age. */
  readonly keepBuilds: number;
  /** A target whose latest build is older is not live; undefined: every target is. */
  readonly dropTargetsAfterMs?: number;
  /** Tags that stay: texts in which `*` stands for anything. */
  readonly keepTags: readonly string[];
  /** Branches whose scopes stay at any age; `*` stands for anything. */
  readonly keepScopes: readonly string[];
}

/** Why a tag stays. */
export type KeepReason =
  /** Stage refs did not write it. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'pinned' }
  | { readonly kind: 'scope' }
  | { readonly kind: 'recent' }
  | { readonly kind: 'age-unknown' }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'latest-build' }
  /** Something that stays needs it. */
  | { readonly kind: 'needed'; readonly by: string };

export interface Verdict {
  readonly facts: TagFacts;
  /** Undefined: it goes. */
  readonly keep?: KeepReason;
}

/** What became of a tag that is to go. */
export type PruneOutcome =
  | { readonly kind: 'planned' }
  | { readonly kind: 'deleted' }
  /** Only the tag: its manifest has another one that stays. */
  | { readonly kind: 'untagged' }
  /** Its manifest has another tag that stays, and the registry does not delete single tags: it costs nothing more. */
  | { readonly kind: 'shared' }
  /** Somebody else was faster. */
  | { readonly kind: 'gone' }
  /** It points at something else by now, or something new needs it. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'failed'; readonly message: string }
  /** The registry does not delete by this API, or not for these credentials. Then nothing more is asked of it. */
  | { readonly kind: 'refused'; readonly message: string };

export interface PrunedTag extends Verdict {
  /** Of what is to go. */
  readonly outcome?: PruneOutcome;
}

export interface PruneReport {
  readonly repository: string;
  readonly applied: boolean;
  /** In the order of their names. */
  readonly tags: readonly PrunedTag[];
  /** Bytes of blobs and manifests that only deleted (in a dry run: to be deleted) tags list, each counted once. */
  readonly freedBytes: number;
  /** Bytes that the others list. */
  readonly keptBytes: number;
  /** What to do where the registry refused. */
  readonly remedy?: string;
}
