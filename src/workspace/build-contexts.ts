import type { BuildContext } from '../engine/contract';
import { isDigest } from '../oci/digest';
import { tryParseReference, withDefaultTag } from '../oci/reference';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { absolutePath, requirePath } from './paths';
import { parseProjectImage } from './project-image-name';
import { readProjectImage } from './project-images';

const imageScheme = 'docker-image://';
const layoutScheme = 'oci-layout://';
const remoteContext = /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|target:)/i;

/**
 * Named contexts: a directory, `docker-image://reference`, `oci-layout://directory[:tag][@digest]`, or `nx-project:NAME`
 * for the image of a project.
 */
export async function readBuildContexts(
  option: Readonly<Record<string, string>> | undefined,
  invocation: Invocation,
  mistakes: Mistakes,
): Promise<Readonly<Record<string, BuildContext>>> {
  const contexts = await Promise.all(
    Object.entries(option ?? {}).map(async ([name, value]) => {
      const context = await readBuildContext(value, `buildContexts.${name}`, invocation, mistakes);
      // Stage names are compared without case, and a context stands in for a stage.
      return context === undefined ? [] : [[name.toLowerCase(), context] as const];
    }),
  );
  return Object.fromEntries(contexts.flat());
}

async function readBuildContext(
  value: string,
  option: string,
  invocation: Invocation,
  mistakes: Mistakes,
): Promise<BuildContext | undefined> {
  const project = parseProjectImage(value);
  if (project !== undefined) return readProjectImage(project, option, invocation, mistakes);
  if (value.startsWith(imageScheme)) return readImage(value.slice(imageScheme.length), option, mistakes);
  if (value.startsWith(layoutScheme)) return readLayout(value.slice(layoutScheme.length), option, invocation, mistakes);
  if (remoteContext.test(value)) {
    const hint = `a directory, ${imageScheme}reference, ${layoutScheme}directory[:tag][@digest] or nx-project:name`;
    mistakes.add('OPTION_NOT_SUPPORTED', option, `"${value}" is no kind of context that is supported`, hint);
    return undefined;
  }
  const directory = absolutePath(value, invocation);
  return (await requirePath(directory, 'directory', option, mistakes)) ? { type: 'directory', directory } : undefined;
}

function readImage(text: string, option: string, mistakes: Mistakes): BuildContext | undefined {
  const parsed = tryParseReference(text);
  if (parsed.ok) return { type: 'image', reference: withDefaultTag(parsed.reference) };
  mistakes.add('OPTION_INVALID', option, `"${text}" is not an image reference: ${parsed.reason}`);
  return undefined;
}

async function readLayout(
  text: string,
  option: string,
  invocation: Invocation,
  mistakes: Mistakes,
): Promise<BuildContext | undefined> {
  const [named = '', digest] = text.split('@', 2);
  const [, path = named, tag] = /^(.+?)(?::([\w][\w.-]{0,127}))?$/.exec(named) ?? [];
  if (digest !== undefined && !isDigest(digest)) {
    mistakes.add('OPTION_INVALID', option, `"${digest}" is not a digest`, 'sha256: and 64 lower-case hex digits');
    return undefined;
  }
  const directory = absolutePath(path, invocation);
  if (!(await requirePath(directory, 'directory', option, mistakes))) return undefined;
  return {
    type: 'oci-layout',
    directory,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}
