import type { AttributesOption, DockerBuildOptions } from './docker-build-options';

/** Options of a build whose elements are lists of attributes. */
const splitOptions = ['cacheFrom', 'cacheTo', 'outputs', 'secrets'] as const;

const fragment = /^(?<name>[A-Za-z][\w.-]*)=[^,"]*$/;

/**
 * Puts together what Nx took apart: it splits `--cacheTo=type=registry,ref=x,mode=max` at its commas, as the option is a
 * list. Neighbours that are a single `name=value` each belong together until a name comes again. Nothing that means
 * something by itself changes, since all but `type=inline` needs a second attribute.
 */
export function rejoinTexts(values: readonly AttributesOption[]): readonly AttributesOption[] {
  const joined: AttributesOption[] = [];
  let names: Set<string> | undefined;
  for (const value of values) {
    const name = typeof value === 'string' ? fragment.exec(value)?.groups?.['name']?.toLowerCase() : undefined;
    if (name === undefined) {
      joined.push(value);
      names = undefined;
    } else if (names === undefined || names.has(name)) {
      joined.push(value);
      names = new Set([name]);
    } else {
      joined.push(`${joined.pop() as string},${value as string}`);
      names.add(name);
    }
  }
  return joined;
}

/** The options of a build with what Nx took apart put together. */
export function rejoinSplitOptions(options: DockerBuildOptions): DockerBuildOptions {
  const joined = splitOptions.flatMap((name) => {
    const given = options[name];
    return given === undefined ? [] : [[name, rejoinTexts(given)] as const];
  });
  return { ...options, ...Object.fromEntries(joined) };
}
