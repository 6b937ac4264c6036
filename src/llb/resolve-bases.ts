import { CodedError } from '../diagnostics/coded-error';
import { unreachable } from '../diagnostics/unreachable';
import { formatPlatform, type Platform } from '../oci/platform';
import { formatReference, tryParseReference, withDefaultTag, withDigest, type Reference } from '../oci/reference';
import type { BuildState } from './build-state';
import type { ConvertOptions, ResolvedImage } from './conversion';
import { parseGitReference } from './git-reference';
import { emptyImage, inheritImage } from './image-draft';
import { findNamedContext, type FoundContext } from './named-context';
import { stageLabel, type ResolvedBase, type StageNode } from './stage-node';
import type { StageNaming } from './stage-naming';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    BASE_IMAGE_UNRESOLVED: { readonly reference: string; readonly file: string; readonly line: number };
  }
}

const scratchName = 'scratch';

export interface BaseResolverOptions {
  readonly build: BuildState;
  readonly convert: ConvertOptions;
  readonly naming: StageNaming;
  /** The stage that `name` may have been meant to be. */
  suggest(name: string): string | undefined;
}

/** Finds what stages start from and what `--from` names: images, named contexts, or nothing. */
export class BaseResolver {
  readonly #images = new Map<string, Promise<ResolvedImage>>();

  constructor(readonly options: BaseResolverOptions) {}

  /**
   * Resolves each of `nodes` that starts from no stage and is not resolved yet, all at the same time, or none if one of
   * them names something that is no image.
   *
   * @throws CodedError `BASE_IMAGE_UNRESOLVED` if an image cannot be had; the cause says why.
   */
  async resolve(nodes: Iterable<StageNode>): Promise<void> {
    const open = [...nodes].filter((node) => node.base === undefined && node.resolved === undefined);
    // The first to ask for an image gives the vertex its name, so the order must not be left to chance.
    open.sort((a, b) => a.range.line - b.range.line);
    const starts = open.flatMap((node) => {
      const start = this.#plan(node);
      return start === undefined ? [] : [{ node, start }];
    });
    const { check } = this.options.build;
    if (check) for (const node of open) node.resolved = unknownBase(this.#platformOf(node));
    else if (starts.length < open.length) return;
    await Promise.all(
      starts.map(async ({ node, start }) => {
        node.resolved = await start();
      }),
    );
  }

  #platformOf(node: StageNode): Platform {
    return node.platform ?? this.options.build.settings.platform;
  }

  /** What to do for one node; undefined, and reported, where its name is no good. */
  #plan(node: StageNode): StartResolving | undefined {
    const { settings } = this.options.build;
    const platform = this.#platformOf(node);
    if (node.replacement !== undefined) return this.#planContext(node, node.replacement, platform);
    if (node.baseName === scratchName) return ready(withoutImage(undefined, settings.platform));
    const reference = this.#parse(node, node.baseName);
    if (reference === undefined) return undefined;
    const found = findNamedContext(formatReference(reference), { contexts: settings.contexts, platform });
    if (found !== undefined) return this.#planContext(node, found, platform);
    return () => this.#image(node, { reference, platform });
  }

  #planContext(node: StageNode, found: FoundContext, platform: Platform): StartResolving | undefined {
    const { graph, contextPaths, reporter } = this.options.build;
    const { context, key } = found;
    const name = `[context ${found.name}]`;
    switch (context.kind) {
      case 'image': {
        if (context.reference === scratchName) return ready(withoutImage(undefined, platform));
        const reference = this.#parse(node, context.reference);
        if (reference === undefined) return undefined;
        return () => this.#image(node, { reference, platform, name: `${name} ${formatReference(reference)}` });
      }
      case 'local': {
        contextPaths.follow(key, node.usedPaths);
        const operation = { kind: 'local', name: key, excludePatterns: context.excludePatterns ?? [] } as const;
        return ready(withoutImage(graph.add({ operation, name: `${name} load from client` }), platform));
      }
      case 'git': {
        const git = parseGitReference(context.url);
        if (git.kind === 'git') {
          const title = `[internal] load git source ${git.source.url}`;
          return ready(withoutImage(graph.add({ operation: git.source, name: title }), platform));
        }
        const problem = git.kind === 'bad' ? git.message : 'it is no address of a git repository';
        reporter.error({ code: 'BUILD_CONTEXT', message: `bad context "${key}": ${problem}` });
        return undefined;
      }
      case 'http': {
        const operation = { kind: 'http', url: context.url, filename: 'context' } as const;
        return ready(withoutImage(graph.add({ operation, name: `${name} ${context.url}` }), platform));
      }
      default:
        return unreachable(context);
    }
  }

  async #image(
    node: StageNode,
    options: { readonly reference: Reference; readonly platform: Platform; readonly name?: string },
  ): Promise<ResolvedBase> {
    const { platform } = options;
    const { graph } = this.options.build;
    const resolved = await this.#ask(node, options.reference, platform);
    this.#checkPlatform(node, platform, resolved);
    const reference = withDigest(options.reference, resolved.digest ?? resolved.manifest.digest);
    const image = inheritImage(resolved.config);
    if (resolved.config.rootfs.diff_ids.length === 0) {
      return { edge: undefined, image, baseImage: resolved.config, platform };
    }
    const edge = graph.add({
      operation: { kind: 'image', reference, platform, manifest: resolved.manifest },
      name: options.name ?? this.options.naming.name(node, `FROM ${formatReference(reference)}`, undefined),
      ...(node.stage !== undefined && { stage: stageLabel(node.stage), line: node.range.line }),
    });
    return { edge, image, baseImage: resolved.config, platform };
  }

  #ask(node: StageNode, reference: Reference, platform: Platform): Promise<ResolvedImage> {
    const text = formatReference(reference);
    const key = `${text} ${formatPlatform(platform)}`;
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    const { convert } = this.options;
    const { signal } = convert;
    const asked = Promise.resolve()
      .then(() => convert.resolveImage(reference, platform, signal === undefined ? {} : { signal }))
      .catch((error: unknown) => {
        if (signal?.aborted) throw error;
        throw this.#unresolved(node, text, error);
      });
    this.#images.set(key, asked);
    return asked;
  }

  #unresolved(node: StageNode, reference: string, cause: unknown): CodedError<'BASE_IMAGE_UNRESOLVED'> {
    const { path: file } = this.options.build.settings.request.dockerfile;
    const { line } = node.range;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const stage = this.options.suggest(node.baseName);
    const hint = stage === undefined ? hintOf(cause) : `did you mean the stage "${stage}"?`;
    return new CodedError(
      'BASE_IMAGE_UNRESOLVED',
      `${file}:${line}: cannot resolve the image ${reference}: ${reason}`,
      { reference, file, line },
      { cause, ...(hint !== undefined && { hint }) },
    );
  }

  #parse(node: StageNode, text: string): Reference | undefined {
    const parsed = tryParseReference(text);
    if (parsed.ok) return withDefaultTag(parsed.reference);
    const stage = this.options.suggest(text);
    this.options.build.reporter.error({
      code: 'DOCKERFILE_IMAGE_REFERENCE',
      message: `"${text}" is neither a stage nor an image reference: ${parsed.reason}`,
      ...(stage !== undefined && { hint: `did you mean the stage "${stage}"?` }),
      range: node.range,
      near: text,
    });
    return undefined;
  }

  #checkPlatform(node: StageNode, expected: Platform, { config }: ResolvedImage): void {
    if (node.stage === undefined) return;
    if (config.os === expected.os && config.architecture === expected.architecture) return;
    this.options.build.reporter.warning({
      code: 'DOCKERFILE_BASE_PLATFORM',
      message: `${node.baseName} is for ${formatPlatform(config)}, but the stage is built for ${formatPlatform(expected)}`,
      range: node.range,
      near: node.baseName,
    });
  }
}

function hintOf(error: unknown): string | undefined {
  return error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
}

/** Resolves one node; an image is asked for only when this is called. */
type StartResolving = () => Promise<ResolvedBase>;

function ready(base: ResolvedBase): StartResolving {
  return () => Promise.resolve(base);
}

/** A base whose name is no good, where the rest is to be checked all the same. */
function unknownBase(platform: Platform): ResolvedBase {
  return { ...withoutImage(undefined, platform), baseImage: emptyImage(platform) };
}

function withoutImage(edge: ResolvedBase['edge'], platform: Platform): ResolvedBase {
  return { edge, image: emptyImage(platform), baseImage: undefined, platform };
}
