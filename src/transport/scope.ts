/** What a request needs to be allowed to do in one repository (distribution's token scope). */
export interface RepositoryScope {
  readonly repository: string;
  readonly actions: readonly ('pull' | 'push' | 'delete')[];
}

/** Actions by resource, such as `repository:acme/app` → `pull`, `push`. */
export type ScopeSet = ReadonlyMap<string, ReadonlySet<string>>;

export function scopeSet(scopes: readonly RepositoryScope[]): ScopeSet {
  return mergeScopes(
    ...scopes.map(({ repository, actions }) => new Map([[`repository:${repository}`, new Set<string>(actions)]])),
  );
}

/** Reads the `scope` of a challenge: `type:name:action,action`, several separated by spaces. */
export function parseScopes(text: string): ScopeSet {
  const entries = text.split(' ').flatMap((scope) => {
    const end = scope.lastIndexOf(':');
    if (end <= 0) return [];
    return [
      new Map([
        [
          scope.slice(0, end),
          new Set(
            scope
              .slice(end + 1)
              .split(',')
              .filter(Boolean),
          ),
        ],
      ]),
    ];
  });
  return mergeScopes(...entries);
}

export function mergeScopes(...sets: readonly ScopeSet[]): ScopeSet {
  const merged = new Map<string, Set<string>>();
  for (const [resource, actions] of sets.flatMap((set) => [...set])) {
    merged.set(resource, new Set([...(merged.get(resource) ?? []), ...actions]));
  }
  return merged;
}

/** Whether everything in `needed` is in `granted`. */
export function covers(granted: ScopeSet, needed: ScopeSet): boolean {
  return [...needed].every(([resource, actions]) =>
    [...actions].every((action) => granted.get(resource)?.has(action) === true),
  );
}

/** The resources of `known` that `needed` names, too. */
export function restrictTo(known: ScopeSet, needed: ScopeSet): ScopeSet {
  return new Map([...known].filter(([resource]) => needed.has(resource)));
}

/** As token endpoints take them, sorted, so that equal sets are equal texts. */
export function formatScopes(set: ScopeSet): readonly string[] {
  return [...set].map(([resource, actions]) => `${resource}:${[...actions].sort().join(',')}`).sort();
}
