import type { DockerBuildOptions } from './docker-build-options';

/** Options whose elements are lists of attributes, and the attributes that one element begins with. */
const lists = {
  cacheFrom: /^(?:type|ref)=/,
  cacheTo: /^(?:type|ref)=/,
  outputs: /^(?:type|dest)=/,
  secrets: /^(?:type|id)=/,
} as const;

/**
 * Puts together what Nx took apart: of a list that is given on the command line, it cuts `--cacheTo=type=registry,ref=…`
 * at the commas. An element that is an attribute, but none that an element begins with, belongs to the one before.
 */
export function joinSplitAttributes(options: DockerBuildOptions): DockerBuildOptions {
  const joined: Record<string, unknown> = {};
  for (const [name, first] of Object.entries(lists)) {
    const given = options[name as keyof typeof lists];
    if (given !== undefined) joined[name] = joinElements(given, first);
  }
  return { ...options, ...joined };
}

function joinElements(given: readonly unknown[], first: RegExp): readonly unknown[] {
  const result: unknown[] = [];
  for (const element of given) {
    const before = result.at(-1);
    const begins = before === undefined || typeof before !== 'string' || !first.test(before);
    if (
      begins ||
      typeof element !== 'string' ||
      !/^[a-z][a-z.-]*=/i.test(element) ||
      startsAnew(element, before, first)
    ) {
      result.push(element);
    } else {
      result[result.length - 1] = `${before},${element}`;
    }
  }
  return result;
}

/** Whether the attribute begins an element: `ref=…` after `type=registry` does not. */
function startsAnew(element: string, before: string, first: RegExp): boolean {
  if (!first.test(element)) return false;
  const name = element.slice(0, element.indexOf('='));
  return before.split(',').some((attribute) => attribute.startsWith(`${name}=`));
}
