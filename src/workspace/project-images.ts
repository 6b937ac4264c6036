import { readFile } from 'node:fs/promises';
import { resolveGlobalArgs } from '../dockerfile/global-args';
import { parseDockerfile } from '../dockerfile/parse';
import { selectStages } from '../dockerfile/select-stages';
import { resolveStages } from '../dockerfile/stages';
import type { BuildContext, BuildRequest } from '../engine/contract';
import { imageContext, parseImageFile } from './image-file';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { absolutePath } from './paths';
import { findProjectName, isImageExecutor, mainImageTarget, parseProjectImage } from './project-image-name';
import { replaceTokens } from './tokens';

/** The part of Nx's project configuration that tells where a project's image is. */
export interface ImageProject {
  readonly root: string;
  readonly targets?: Readonly<Record<string, { readonly executor?: string; readonly options?: unknown }>>;
}

/**
 * The image of the project that `nx-project:NAME` in `option` names, by the digest that was built last. Nx builds it
 * first where the target depends on it, as inferred targets do. Undefined, with a mistake noted, where there is none.
 */
export async function readProjectImage(
  name: string,
  option: string,
  invocation: Invocation,
  mistakes: Mistakes,
): Promise<BuildContext | undefined> {
  const refuse = (message: string, hint?: string): BuildContext | undefined => {
    mistakes.add('OPTION_PROJECT_IMAGE', option, `nx-project:${name}: ${message}`, hint);
    return undefined;
  };
  const { projects = {} } = invocation;
  const found = findProjectName(name, Object.keys(projects));
  const project = found === undefined ? undefined : projects[found];
  if (found === undefined || project === undefined) {
    return refuse('there is no such project', 'give a name that nx show projects lists; / and @ of it become -');
  }
  const candidates = Object.entries(project.targets ?? {}).filter(([, { executor }]) => isImageExecutor(executor));
  const target = mainImageTarget(candidates.map(([candidate]) => candidate));
  if (target === undefined) return refuse('the project builds no image', 'give it a Dockerfile');
  const { imageFile } = (project.targets?.[target]?.options ?? {}) as { readonly imageFile?: unknown };
  if (typeof imageFile !== 'string') {
    return refuse(`its target ${target} does not say where its image is`, 'give it the option imageFile');
  }
  const path = imageFilePath(imageFile, { ...invocation, projectName: found, projectRoot: project.root }, mistakes);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const image = text === undefined ? undefined : parseImageFile(text);
  const build = `run nx run ${found}:${target} first, or let this target depend on it`;
  if (image === undefined) return refuse('its image is not built', build);
  const context = imageContext(path, image);
  return (
    context ??
    refuse(
      'its image is in no registry and no layout',
      `give ${found}:${target} push: true, or an output type=oci,dest=…,tar=false`,
    )
  );
}

/** The images of projects that the Dockerfile names itself, as named contexts for the names it uses. */
export async function readDockerfileProjectImages(
  request: Pick<BuildRequest, 'dockerfile' | 'buildArgs' | 'target' | 'buildContexts'>,
  invocation: Invocation,
  mistakes: Mistakes,
): Promise<Readonly<Record<string, BuildContext>>> {
  const texts = [request.dockerfile.text, ...Object.values(request.buildArgs)];
  if (!texts.some((text) => text.includes('nx-project:'))) return {};
  const { dockerfile } = parseDockerfile(request.dockerfile);
  const { values: globalArgs } = resolveGlobalArgs(dockerfile, {
    buildArgs: new Map(Object.entries(request.buildArgs)),
    predefined: new Map(),
  });
  const { graph } = resolveStages(dockerfile, {
    globalArgs,
    namedContexts: new Set(Object.keys(request.buildContexts)),
  });
  const references = new Map<string, number>();
  for (const { base, dependencies, stage } of selectStages(dockerfile, graph, request.target).required) {
    if (base.kind === 'image') references.set(base.reference, stage.range.line);
    for (const { source, instruction } of dependencies) {
      if (source.kind === 'image') references.set(source.reference, instruction.range.line);
    }
  }
  const contexts = await Promise.all(
    [...references].map(async ([reference, line]) => {
      const name = parseProjectImage(reference);
      if (name === undefined) return [];
      const context = await readProjectImage(name, `${request.dockerfile.path}:${line}`, invocation, mistakes);
      return context === undefined ? [] : [[reference, context] as const];
    }),
  );
  return Object.fromEntries(contexts.flat());
}

function imageFilePath(option: string, invocation: Invocation, mistakes: Mistakes): string {
  // A file that is named after a commit could not be found by the next one.
  const found = replaceTokens({ imageFile: option }, { invocation, git: () => ({}) }, mistakes);
  return absolutePath(found.imageFile, invocation);
}
