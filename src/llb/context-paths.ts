import type { LocalSource } from './operation';
import { cleanPath, joinPath } from './posix-path';

/** Name of the main build context among the local sources. */
export const mainContextName = 'context';

/**
 * Which paths of each local source are read, and so have to be sent and hashed. A source that is read in several places
 * gets one list for all of them; stages that start from one share the list of it.
 */
export class ContextPaths {
  readonly #lists = new Map<string, Set<ReadonlySet<string>>>();
  readonly #main = new Set<string>();

  constructor() {
    this.follow(mainContextName, this.#main);
  }

  /** `path` of the main context is read. */
  addMain(path: string): void {
    this.#main.add(joinPath('/', path));
  }

  /** What is or will be in `paths` is read from the local source `name`. */
  follow(name: string, paths: ReadonlySet<string>): void {
    const lists = this.#lists.get(name);
    if (lists === undefined) this.#lists.set(name, new Set([paths]));
    else lists.add(paths);
  }

  /** `source` with its paths, sorted and relative; with none where all of it is read. */
  finish(source: LocalSource): LocalSource {
    const all = new Set([...(this.#lists.get(source.name) ?? [])].flatMap((list) => [...list]));
    if (all.size === 0 || all.has('/')) return source;
    const paths = [...all].map((path) => cleanPath(path).replace(/^\/+/, ''));
    return { ...source, followPaths: paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))) };
  }
}
