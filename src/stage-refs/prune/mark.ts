import type { Digest } from '../../oci/digest';
import type { BuildFacts, KeepReason, PruneRules, TagFacts, Verdict } from './contract';
import { matchesPattern } from './pattern';

/**
 * Decides what stays. Roots are what stage refs did not write, what rules name, what is young or of unknown age, and the
 * latest builds of each live target. What stays keeps what it needs:
 *
 * - an image keeps the caches of the stages of every listed build that gave it, and the lists themselves;
 * - a stage's cache keeps those of the stages below it, as far as any list tells;
 * - the cache of a branch keeps the latest build that is listed for that branch;
 * - an image or the cache of a branch keeps the caches all of whose layers it has, since those cost nothing more;
 * - a companion stays with its tag.
 *
 * Pure: the same facts give the same verdicts, in the order of the facts.
 */
export function mark(facts: readonly TagFacts[], rules: PruneRules & { readonly nowMs: number }): readonly Verdict[] {
  const graph = new MarkGraph(facts);
  const newest = newestUse(facts);
  for (const each of facts) {
    // What has a tag to live and die with is no root.
    if (each.of !== undefined && graph.has(each.of)) continue;
    const reason = rootReason(each, newest.get(each.tag), rules);
    if (reason) graph.keep(each.tag, reason);
    if (each.kind !== 'inputs' || !isLive(each, rules)) continue;
    graph.keep(each.tag, { kind: 'latest-build' });
    for (const build of latestBuilds(each, rules, graph)) {
      for (const tag of tagsOf(build)) graph.keep(tag, { kind: 'latest-build' });
    }
  }
  return facts.map((each) => {
    const keep = graph.kept.get(each.tag);
    return { facts: each, ...(keep && { keep }) };
  });
}

function rootReason(
  { kind, problem, tag }: TagFacts,
  createdAtMs: number | undefined,
  { graceMs, keepMs, keepScopes, keepTags, nowMs }: PruneRules & { readonly nowMs: number },
): KeepReason | undefined {
  if (kind === 'other') return { kind: 'foreign' };
  if (keepTags.some((pattern) => matchesPattern(pattern, tag))) return { kind: 'pinned' };
  if (kind === 'scope' && keepScopes.some((pattern) => isScope(pattern, tag))) return { kind: 'scope' };
  if (problem !== undefined) return { kind: 'unreadable' };
  if (createdAtMs === undefined) return kind === 'companion' ? undefined : { kind: 'age-unknown' };
  return nowMs - createdAtMs < Math.max(keepMs, graceMs) ? { kind: 'recent' } : undefined;
}

/**
 * Slugs cannot be turned back into branches. So a branch is held against a slug's text, in which everything but letters,
 * digits, `_`, `.` and `-` is `-`, and which may have the name of a project and a hash behind it. Branches that differ
 * in such characters only stay together.
 */
function isScope(pattern: string, tag: string): boolean {
  const slug = tag.slice('scope-'.length);
  const branch = pattern.replace(/[^A-Za-z0-9_.*-]/g, '-');
  const texts = [slug, slug.replace(/-[0-9a-f]{10}$/, '')];
  return texts.some((text) => matchesPattern(branch, text) || matchesPattern(`${branch}--*`, text));
}

function isLive({ builds }: TagFacts, rules: PruneRules & { readonly nowMs: number }): boolean {
  const { dropTargetsAfterMs, nowMs } = rules;
  const createdAtMs = builds[0]?.createdAtMs;
  return dropTargetsAfterMs === undefined || createdAtMs === undefined || nowMs - createdAtMs < dropTargetsAfterMs;
}

/** Builds whose image is not there, since they failed or have not ended, do not take the place of others. */
function latestBuilds({ builds }: TagFacts, { keepBuilds }: PruneRules, graph: MarkGraph): readonly BuildFacts[] {
  let whole = 0;
  return builds.filter(({ image }) => {
    if (whole >= keepBuilds) return false;
    if (image === undefined || graph.has(image)) whole++;
    return true;
  });
}

/**
 * When each tag was last known to be written: dates in images are those of their newest layer or what the build was
 * told, so a listed build counts, and the newer of the two.
 */
function newestUse(facts: readonly TagFacts[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  const see = (tag: string, timeMs: number | undefined): void => {
    if (timeMs !== undefined) newest.set(tag, Math.max(newest.get(tag) ?? -Infinity, timeMs));
  };
  for (const { tag, createdAtMs, builds } of facts) {
    see(tag, createdAtMs);
    for (const build of builds) {
      for (const each of tagsOf(build)) see(each, build.createdAtMs);
      if (build.scope !== undefined) see(build.scope, build.createdAtMs);
    }
  }
  return newest;
}

function tagsOf({ image, stages }: BuildFacts): readonly string[] {
  return [...(image === undefined ? [] : [image]), ...stages.keys()];
}

/** What needs what, and what has been found to stay so far. */
class MarkGraph {
  readonly kept = new Map<string, KeepReason>();
  readonly #facts: ReadonlyMap<string, TagFacts>;
  readonly #needs = new Map<string, Set<string>>();
  readonly #stagesByFirstLayer = new Map<Digest, TagFacts[]>();

  constructor(facts: readonly TagFacts[]) {
    this.#facts = new Map(facts.map((each) => [each.tag, each]));
    for (const each of facts) {
      if (each.kind === 'companion' && each.of !== undefined) this.#need(each.of, each.tag);
      if (each.kind === 'stage') this.#indexLayers(each);
      for (const build of each.builds) this.#addBuild(build, each.tag);
      this.#addScopes(each);
    }
  }

  has(tag: string): boolean {
    return this.#facts.has(tag);
  }

  /** Keeps a tag and all that it needs. The first reason stands. */
  keep(tag: string, reason: KeepReason): void {
    const open: (readonly [string, KeepReason])[] = [[tag, reason]];
    for (let next = open.pop(); next; next = open.pop()) {
      const [current, why] = next;
      const facts = this.#facts.get(current);
      if (!facts || this.kept.has(current)) continue;
      this.kept.set(current, why);
      for (const needed of [...(this.#needs.get(current) ?? []), ...this.#contained(facts)]) {
        open.push([needed, { kind: 'needed', by: current }]);
      }
    }
  }

  #addBuild({ image, stages }: BuildFacts, list: string): void {
    for (const [stage, below] of stages) {
      if (image !== undefined) this.#need(image, stage);
      for (const other of below) this.#need(stage, other);
    }
    if (image !== undefined) this.#need(image, list);
  }

  /** To each branch its latest build that has its image. */
  #addScopes({ builds }: TagFacts): void {
    const seen = new Set<string>();
    for (const build of builds) {
      const { image, scope } = build;
      if (scope === undefined || seen.has(scope) || (image !== undefined && !this.has(image))) continue;
      seen.add(scope);
      for (const tag of tagsOf(build)) this.#need(scope, tag);
    }
  }

  #need(tag: string, needed: string): void {
    const known = this.#needs.get(tag);
    if (known) known.add(needed);
    else this.#needs.set(tag, new Set([needed]));
  }

  #indexLayers(facts: TagFacts): void {
    const [first] = facts.layers;
    if (first === undefined) return;
    const known = this.#stagesByFirstLayer.get(first);
    if (known) known.push(facts);
    else this.#stagesByFirstLayer.set(first, [facts]);
  }

  /** Caches of stages all of whose layers it has. */
  #contained({ kind, layers }: TagFacts): readonly string[] {
    if (kind !== 'image' && kind !== 'scope') return [];
    const own = new Set(layers);
    return [...own].flatMap((layer) =>
      (this.#stagesByFirstLayer.get(layer) ?? [])
        .filter((stage) => stage.layers.every((each) => own.has(each)))
        .map(({ tag }) => tag),
    );
  }
}
