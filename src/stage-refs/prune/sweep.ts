import type { CallOptions, ContentStore } from '../../content/contract';
import { Limiter } from '../../content/limiter';
import { settleAll } from '../../content/settle-all';
import { isCodedError } from '../../diagnostics/coded-error';
import type { Digest } from '../../oci/digest';
import type { PruneOutcome, TagFacts, Verdict } from './contract';

/** Manifests that are deleted at a time. */
const concurrentDeletes = 4;
/** Manifests that are deleted before the repository is looked at again. */
export const manifestsPerRound = 100;

export interface SweepOptions extends CallOptions {
  /** What is there by now, with what is to become of it; asked before each round. What is new there stays. */
  readonly review: () => Promise<readonly Verdict[]>;
  /** Told after each manifest, with the tags that it had. */
  readonly onManifest?: (tags: number) => void;
}

/**
 * Deletes what verdicts say, and what they still say when its turn comes. By digest where nothing that stays has the same
 * manifest, else only the tag. What goes wrong with one tag is its outcome; a registry that refuses to delete is not
 * asked again.
 */
export async function sweep(
  store: ContentStore,
  verdicts: readonly Verdict[],
  { signal, review, onManifest }: SweepOptions,
): Promise<ReadonlyMap<string, PruneOutcome>> {
  const run = new SweepRun(store, signal ? { signal } : {});
  const limiter = new Limiter(concurrentDeletes);
  const groups = [...byDigest(verdicts.filter(({ keep }) => !keep).map(({ facts }) => facts))];
  for (let start = 0; start < groups.length; start += manifestsPerRound) {
    const current = new Map((await review()).map((verdict) => [verdict.facts.tag, verdict]));
    const isDoomed = ({ digest, tag }: TagFacts): boolean => {
      const verdict = current.get(tag);
      return verdict !== undefined && !verdict.keep && verdict.facts.digest === digest;
    };
    const kept = [...current.values()].filter(({ keep }) => keep).map(({ facts }) => facts);
    const needed = neededBy(kept);
    const remove = async ([digest, group]: readonly [Digest, readonly TagFacts[]]): Promise<void> => {
      const doomed = group.filter(isDoomed);
      for (const { tag } of group.filter((facts) => !doomed.includes(facts))) {
        run.outcomes.set(tag, { kind: current.has(tag) ? 'changed' : 'gone' });
      }
      if (doomed.length > 0) await run.remove(digest, doomed, { tagOnly: needed.has(digest) });
      onManifest?.(group.length);
    };
    const round = groups.slice(start, start + manifestsPerRound);
    // The first alone: a registry that refuses is asked once.
    const [first] = start === 0 ? round.splice(0, 1) : [];
    if (first) await remove(first);
    // Only an abort rejects.
    await settleAll(round.map((group) => limiter.run(() => remove(group), signal)));
  }
  await removeChildren(run, groups, review);
  return run.outcomes;
}

/**
 * What deleted indexes listed. It has no tag of its own, so that nobody could delete it later; it goes last, when it is
 * known what else has it.
 */
async function removeChildren(
  run: SweepRun,
  groups: readonly (readonly [Digest, readonly TagFacts[]])[],
  review: SweepOptions['review'],
): Promise<void> {
  const isDeleted = ({ tag }: TagFacts): boolean => run.outcomes.get(tag)?.kind === 'deleted';
  const deleted = groups.flatMap(([, group]) => group.filter(isDeleted).slice(0, 1)).filter(hasChildren);
  if (deleted.length === 0) return;
  const needed = new Set(neededBy((await review()).map(({ facts }) => facts)));
  for (const facts of deleted) {
    for (const child of facts.children.filter((digest) => !needed.has(digest))) {
      needed.add(child);
      await run.removeChild(child, facts);
    }
  }
}

function hasChildren({ children }: TagFacts): boolean {
  return children.length > 0;
}

/** Manifests that tags point at or count on. */
function neededBy(facts: readonly TagFacts[]): ReadonlySet<Digest> {
  return new Set(facts.flatMap(({ children, digest, subjects }) => [digest, ...children, ...subjects]));
}

function byDigest(facts: readonly TagFacts[]): ReadonlyMap<Digest, readonly TagFacts[]> {
  const groups = new Map<Digest, TagFacts[]>();
  for (const each of facts) {
    const group = groups.get(each.digest);
    if (group) group.push(each);
    else groups.set(each.digest, [each]);
  }
  return groups;
}

class SweepRun {
  readonly outcomes = new Map<string, PruneOutcome>();
  /** What the registry said when it refused. */
  #refusal: string | undefined;

  constructor(
    private readonly store: ContentStore,
    private readonly call: CallOptions,
  ) {}

  async remove(digest: Digest, group: readonly TagFacts[], options: { readonly tagOnly: boolean }): Promise<void> {
    this.call.signal?.throwIfAborted();
    try {
      const present = await this.#present(digest, group);
      if (present.length === 0) return;
      if (this.#refusal !== undefined) this.#set(present, { kind: 'refused', message: this.#refusal });
      else if (options.tagOnly) await this.#untag(present);
      else await this.#delete(digest, present);
    } catch (error) {
      this.call.signal?.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      const open = group.filter(({ tag }) => !this.outcomes.has(tag));
      if (!isRefusal(error)) this.#set(open, { kind: 'failed', message });
      // A registry that does not delete single tags may well delete manifests.
      else if (options.tagOnly) this.#set(open, { kind: 'shared' });
      else {
        this.#refusal = message;
        this.#set(open, { kind: 'refused', message });
      }
    }
  }

  /** Deletes what an index listed; what goes wrong is told with the tag of the index. */
  async removeChild(digest: Digest, parent: TagFacts): Promise<void> {
    this.call.signal?.throwIfAborted();
    try {
      await this.store.deleteManifest(digest, this.call);
    } catch (error) {
      this.call.signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      this.#set([parent], {
        kind: 'failed',
        message: `it is deleted, but ${digest}, which it listed, is not: ${reason}`,
      });
    }
  }

  /** The tags that point at the manifest now, directly before it goes. */
  async #present(digest: Digest, group: readonly TagFacts[]): Promise<readonly TagFacts[]> {
    const found = await Promise.all(
      group.map(async (facts) => {
        const now = await this.store.resolve(facts.tag, this.call);
        if (now?.digest === digest) return [facts];
        this.#set([facts], { kind: now ? 'changed' : 'gone' });
        return [];
      }),
    );
    return found.flat();
  }

  async #delete(digest: Digest, group: readonly TagFacts[]): Promise<void> {
    const isDeleted = await this.#deleteDigest(digest, group);
    if (isDeleted || !(await this.store.resolve(digest, this.call))) {
      this.#set(group, { kind: isDeleted ? 'deleted' : 'gone' });
      return;
    }
    const message = `${this.store.name} says that it has no such manifest, but gives it`;
    this.#refusal = message;
    this.#set(group, { kind: 'refused', message });
  }

  async #deleteDigest(digest: Digest, group: readonly TagFacts[]): Promise<boolean> {
    try {
      return await this.store.deleteManifest(digest, this.call);
    } catch (error) {
      // Google's registries delete only what has no tags.
      const wantsUntagged = isCodedError(error, 'REGISTRY_RESPONSE') && error.detail.codes.some(isDanglingTag);
      if (!wantsUntagged) throw error;
      for (const { tag } of group) await this.store.deleteManifest(tag, this.call);
      return this.store.deleteManifest(digest, this.call);
    }
  }

  async #untag(group: readonly TagFacts[]): Promise<void> {
    for (const facts of group) {
      const isDeleted = await this.store.deleteManifest(facts.tag, this.call);
      this.#set([facts], { kind: isDeleted ? 'untagged' : 'gone' });
    }
  }

  #set(group: readonly TagFacts[], outcome: PruneOutcome): void {
    for (const { tag } of group) this.outcomes.set(tag, outcome);
  }
}

function isDanglingTag(code: string): boolean {
  return code.endsWith('MANIFEST_DANGLING_TAG');
}

/** Statuses by which registries say that this is not how they delete. */
const refusingStatuses: ReadonlySet<number> = new Set([400, 405, 501]);

function isRefusal(error: unknown): boolean {
  if (isCodedError(error, 'REGISTRY_UNAUTHORIZED')) return true;
  return isCodedError(error, 'REGISTRY_RESPONSE') && refusingStatuses.has(error.detail.status);
}
