import { unreachable } from '../diagnostics/unreachable';
import { compareNames } from '../filetree/paths';
import { containsWildcards } from '../filetree/wildcard';
import type { CopyAction, FileAction, FileOperation, FileOwner, UserIdentity } from '../llb/operation';
import { baseName } from '../llb/posix-path';
import { digestOf } from '../oci/digest';
import type { CacheMap, CacheMapInput } from './cache-map';
import { normalizeSelectors, selectPath, type ContentSelector } from './content-selector';
import { goJson, omitEmpty, type GoValue } from './go-json';

/** The key of COPY, ADD, WORKDIR and the like (BuildKit `ops/file.go`). `inputCount` is the vertex's number of inputs. */
export function fileCacheMap(operation: FileOperation, inputCount: number): CacheMap {
  const indexes = operation.actions.map((action) => [action.input, action.secondaryInput, action.output]);
  const json = goJson({
    Type: 'buildkit.file.v0',
    Actions: operation.actions.map((action) => Buffer.from(goJson(actionJson(action, inputCount)))),
    indexes: isUsualIndexes(indexes) ? undefined : omitEmpty(indexes),
  });
  const selectors = selectorsByInput(operation, inputCount);
  return {
    digest: digestOf(json),
    inputs: Array.from({ length: inputCount }, (_, input) => inputOf(selectors.get(input))),
  };
}

function inputOf(selectors: readonly ContentSelector[] | undefined): CacheMapInput {
  if (selectors === undefined) return {};
  const paths = selectors.map((selector) => selector.path).sort((a, b) => compareNames(b, a));
  return { selector: digestOf(paths.join('\0')), content: normalizeSelectors(selectors) };
}

/**
 * What is read from each input. An input that an action also writes to has no selectors: its whole content shows in the
 * result.
 */
function selectorsByInput(operation: FileOperation, inputCount: number): ReadonlyMap<number, ContentSelector[]> {
  const selectors = new Map<number, ContentSelector[]>();
  const add = (input: number, selector: ContentSelector): void => {
    const known = selectors.get(input);
    if (known) known.push(selector);
    else selectors.set(input, [selector]);
  };
  for (const action of operation.actions) {
    for (const { input, path } of ownerFiles(action)) add(input, selectPath(path, { followLinks: true }));
    if (action.kind === 'copy' && action.secondaryInput >= 0 && action.secondaryInput < inputCount) {
      add(action.secondaryInput, copySelector(action));
    }
  }
  for (const action of operation.actions) selectors.delete(action.input);
  return selectors;
}

function copySelector(action: CopyAction): ContentSelector {
  return {
    path: action.src,
    wildcard: action.allowWildcard && containsWildcards(action.src),
    followLinks: action.followSymlink,
    includePatterns: action.includePatterns,
    excludePatterns: action.excludePatterns,
    requiredPaths: action.requiredPaths,
  };
}

/** Where names of users and groups are looked up. */
function ownerFiles(action: FileAction): readonly { readonly input: number; readonly path: string }[] {
  if (action.kind === 'rm' || action.owner === undefined) return [];
  const { user, group } = action.owner;
  return [
    ...(user && 'name' in user ? [{ input: user.input, path: '/etc/passwd' }] : []),
    ...(group && 'name' in group ? [{ input: group.input, path: '/etc/group' }] : []),
  ];
}

/** The action as BuildKit's protobuf structs have it: `solver/pb/ops.pb.go`, every field with `omitempty`. */
function actionJson(action: FileAction, inputCount: number): GoValue {
  switch (action.kind) {
    case 'copy':
      return copyJson(action, inputCount);
    case 'mkfile':
      return {
        path: omitEmpty(action.path),
        mode: omitEmpty(action.mode),
        data: omitEmpty(action.data),
        owner: ownerJson(action.owner),
        timestamp: omitEmpty(action.timestamp),
      };
    case 'mkdir':
      return {
        path: omitEmpty(action.path),
        mode: omitEmpty(action.mode),
        makeParents: omitEmpty(action.makeParents),
        owner: ownerJson(action.owner),
        timestamp: omitEmpty(action.timestamp),
      };
    case 'rm':
      return {
        path: omitEmpty(action.path),
        allowNotFound: omitEmpty(action.allowNotFound),
        allowWildcard: omitEmpty(action.allowWildcard),
      };
    default:
      return unreachable(action);
  }
}

function copyJson(action: CopyAction, inputCount: number): GoValue {
  // The directory of a source shows in the selector, so that moving a file does not change the operation's key.
  const readsInput = action.secondaryInput !== -1 && action.secondaryInput < inputCount;
  return {
    src: omitEmpty(readsInput ? baseName(action.src) : action.src),
    dest: omitEmpty(action.dest),
    owner: ownerJson(action.owner),
    mode: omitEmpty(action.mode),
    followSymlink: omitEmpty(action.followSymlink),
    dirCopyContents: omitEmpty(action.dirCopyContents),
    attemptUnpackDockerCompatibility: omitEmpty(action.attemptUnpackDockerCompatibility),
    createDestPath: omitEmpty(action.createDestPath),
    allowWildcard: omitEmpty(action.allowWildcard),
    allowEmptyWildcard: omitEmpty(action.allowEmptyWildcard),
    timestamp: omitEmpty(action.timestamp),
    include_patterns: omitEmpty(action.includePatterns),
    exclude_patterns: omitEmpty(action.excludePatterns),
    alwaysReplaceExistingDestPaths: omitEmpty(action.alwaysReplaceExistingDestPaths),
    modeStr: omitEmpty(action.modeString ?? ''),
    required_paths: omitEmpty(action.requiredPaths),
  };
}

function ownerJson(owner: FileOwner | undefined): GoValue {
  return owner && { user: userJson(owner.user), group: userJson(owner.group) };
}

function userJson(user: UserIdentity | undefined): GoValue {
  if (user === undefined) return undefined;
  const identity =
    'name' in user
      ? { byName: { name: omitEmpty(user.name), input: omitEmpty(user.input) } }
      : { byId: omitEmpty(user.id) };
  return { User: identity };
}

/**
 * Whether the actions form the usual chain: each works on the result of the one before, copies from the second input at
 * most, and only the last has an output. Keys do not mention such indexes.
 */
function isUsualIndexes(indexes: readonly (readonly number[])[]): boolean {
  return (
    indexes.length > 0 &&
    indexes.every(([input, secondary, output], position) => {
      const isLast = position === indexes.length - 1;
      const usualInput = position === 0 ? 0 : indexes.length + position - 1;
      return input === usualInput && (secondary === -1 || secondary === 1) && output === (isLast ? 0 : -1);
    })
  );
}
