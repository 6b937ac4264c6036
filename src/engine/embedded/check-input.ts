import { hasErrors, type Diagnostic } from '../../diagnostics/diagnostic';
import { checkDockerfile } from '../../llb/check';
import type { BuildRequest } from '../contract';
import { unsupportedByEmbedded } from '../supported-options';
import { failOnErrors, readBuildInput, type BuildInput } from './build-input';
import { convertRequest, targetPlatforms } from './convert-build';

/**
 * Reads the Dockerfile and the ignore files, and checks all that can be known of them without a registry. Fails with
 * `BUILD_INPUT_INVALID`, all mistakes at once: of syntax, of the conversion, and of options that this engine lacks.
 */
export async function readCheckedInput(request: BuildRequest): Promise<BuildInput> {
  const unsupported = unsupportedByEmbedded(request);
  const input = await readBuildInput(request);
  const mistakes = await checkInput(request, input, { isIncomplete: hasErrors(unsupported) });
  failOnErrors([...unsupported, ...mistakes]);
  return input;
}

/**
 * What is wrong with the files of a request whose options have mistakes, too, so that both are told at once. Nothing if
 * the file is for another frontend, which may give everything another meaning.
 */
export async function findFileMistakes(request: BuildRequest): Promise<readonly Diagnostic[]> {
  const mistakes = await checkInput(request, await readBuildInput(request), { isIncomplete: true });
  if (mistakes.some(({ code }) => code === 'DOCKERFILE_FRONTEND')) return [];
  return mistakes.filter(({ severity }) => severity === 'error');
}

async function checkInput(
  request: BuildRequest,
  input: BuildInput,
  { isIncomplete }: { readonly isIncomplete: boolean },
): Promise<readonly Diagnostic[]> {
  const found = [...input.diagnostics];
  const known = new Set(found.map(keyOf));
  const check = { isIncomplete: isIncomplete || hasErrors(found) };
  for (const platform of targetPlatforms(request)) {
    for (const diagnostic of await checkDockerfile(convertRequest(request, input, platform), check)) {
      if (known.has(keyOf(diagnostic))) continue;
      known.add(keyOf(diagnostic));
      found.push(diagnostic);
    }
  }
  return found.sort(byPlace(request.dockerfile.path));
}

/** The Dockerfile's in its order, then those of other files. */
function byPlace(dockerfile: string): (a: Diagnostic, b: Diagnostic) => number {
  const rank = ({ location }: Diagnostic): number => (location?.file === dockerfile ? 0 : 1);
  return (a, b) => rank(a) - rank(b) || (a.location?.line ?? 0) - (b.location?.line ?? 0);
}

function keyOf({ code, message, location }: Diagnostic): string {
  return [code, location?.file, location?.line, message].join(' ');
}
