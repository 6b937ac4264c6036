import { escapeCharacter } from '../dockerfile/directives';
import { resolveGlobalArgs } from '../dockerfile/global-args';
import type { Platform } from '../oci/platform';
import { formatPlatform, normalizePlatform } from '../oci/platform';
import { dockerHubHost, tryParseReference } from '../oci/reference';
import type { ConvertRequest } from './conversion';
import { normalizeContextName, type KnownContext } from './named-context';
import { epochTime } from './finish-image-config';
import type { ExecOperation } from './operation';
import type { Reporter } from './reporter';

/** A request with every default filled in. */
export interface Settings {
  readonly request: ConvertRequest;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  readonly escape: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** What FROM may refer to: the platforms, and the ARGs before the first FROM. */
  readonly globalArgs: ReadonlyMap<string, string>;
  /** By normalised name. */
  readonly contexts: ReadonlyMap<string, KnownContext>;
  readonly network: ExecOperation['network'];
  readonly proxyEnv: ExecOperation['proxyEnv'];
  readonly hostname: string | undefined;
  /** Put before the id of each cache mount. */
  readonly cacheNamespace: string;
  readonly sourceDateEpoch: number | undefined;
  /** The same as ISO text, for history. */
  readonly fixedTime: string | undefined;
  ignoresCache(stageName: string | undefined): boolean;
}

/** Reads the build arguments that BuildKit gives a meaning, and the global ones. */
export function resolveSettings(request: ConvertRequest, reporter: Reporter): Settings {
  const platform = normalizePlatform(request.platform);
  const buildPlatform = normalizePlatform(request.buildPlatform ?? request.platform);
  const given = givenArgs(request);
  checkFrontend(request, given.get('BUILDKIT_SYNTAX'), reporter);
  const { values: declared, diagnostics } = resolveGlobalArgs(request.dockerfile, {
    buildArgs: given,
    predefined: platformArgs({ request, platform, buildPlatform, given }),
  });
  reporter.add(diagnostics);
  const epoch = resolveEpoch(given.get(epochName) ?? declared.get(epochName), reporter);
  const buildArgs = fixEpochArg(given, epoch);
  return {
    request,
    platform,
    buildPlatform,
    escape: escapeCharacter(request.dockerfile.directives),
    buildArgs,
    globalArgs: fixEpochArg(declared, epoch),
    contexts: new Map(
      Object.entries(request.contexts ?? {}).map(([key, context]) => [normalizeContextName(key), { key, context }]),
    ),
    network: request.network ?? 'default',
    proxyEnv: proxyEnv(buildArgs),
    hostname: buildArgs.get('BUILDKIT_SANDBOX_HOSTNAME') || request.hostname,
    cacheNamespace: buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? '',
    sourceDateEpoch: epoch,
    fixedTime: epoch === undefined ? undefined : epochTime(epoch),
    ignoresCache: (stageName) => ignoresCache(request.noCache, stageName),
  };
}

const epochName = 'SOURCE_DATE_EPOCH';

/** The epoch of the request counts as a build argument, as it does with buildx, unless there is one. */
function givenArgs({ buildArgs = {}, sourceDateEpoch }: ConvertRequest): ReadonlyMap<string, string> {
  const given = new Map(Object.entries(buildArgs));
  if (sourceDateEpoch !== undefined && !given.has(epochName)) given.set(epochName, String(sourceDateEpoch));
  return given;
}

/** Frontends whose Dockerfiles mean what they mean here, whatever their version. */
const knownFrontends: ReadonlySet<string> = new Set(['docker/dockerfile', 'docker/dockerfile-upstream']);

/** Another frontend may make anything of the file, so its keys cannot be known here. */
function checkFrontend(request: ConvertRequest, override: string | undefined, reporter: Reporter): void {
  const [frontend = ''] = (override ?? request.dockerfile.directives['syntax'] ?? '').split(/\s/, 1);
  if (frontend === '') return;
  const parsed = tryParseReference(frontend);
  if (parsed.ok && parsed.reference.host === dockerHubHost && knownFrontends.has(parsed.reference.repository)) return;
  reporter.error({
    code: 'DOCKERFILE_FRONTEND',
    message: `the syntax "${frontend}" is not that of docker/dockerfile`,
    hint: 'build it with BuildKit, which can run other frontends',
    ...(override === undefined && { near: frontend, range: { line: 1, endLine: maxDirectiveLine } }),
  });
}

/** Directives stand at the very beginning; no file has more of them than this. */
const maxDirectiveLine = 5;

function platformArgs(options: {
  readonly request: ConvertRequest;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  readonly given: ReadonlyMap<string, string>;
}): ReadonlyMap<string, string> {
  const { request, platform, buildPlatform, given } = options;
  const target = request.target || request.dockerfile.stages.at(-1)?.name;
  const defaults: Readonly<Record<string, string | undefined>> = {
    BUILDPLATFORM: formatPlatform(buildPlatform),
    BUILDOS: buildPlatform.os,
    BUILDOSVERSION: buildPlatform['os.version'],
    BUILDARCH: buildPlatform.architecture,
    BUILDVARIANT: buildPlatform.variant,
    TARGETPLATFORM: formatPlatform(platform),
    TARGETOS: platform.os,
    TARGETOSVERSION: platform['os.version'],
    TARGETARCH: platform.architecture,
    TARGETVARIANT: platform.variant,
    TARGETSTAGE: target ?? 'default',
  };
  return new Map(Object.entries(defaults).map(([key, value]) => [key, given.get(key) ?? value ?? '']));
}

function resolveEpoch(text: string | undefined, reporter: Reporter): number | undefined {
  // A directory of the client has no time of its own: BuildKit takes `context` for one of a git or http context only.
  if (text === undefined || text === '' || text === 'context') return undefined;
  const seconds = Number(text);
  if (/^[+-]?\d+$/.test(text) && Math.abs(seconds) <= maxEpochSeconds) return seconds;
  reporter.error({
    code: 'DOCKERFILE_SOURCE_DATE_EPOCH',
    message: `SOURCE_DATE_EPOCH is "${text}", not a number of seconds since 1970`,
    hint: 'take the time from a commit: git log -1 --format=%ct',
  });
  return undefined;
}

/** What a `Date` can hold, in seconds. */
const maxEpochSeconds = 8_640_000_000_000;

/** A step that declares `SOURCE_DATE_EPOCH` sees the number, or nothing where there is no time. */
function fixEpochArg(args: ReadonlyMap<string, string>, epoch: number | undefined): ReadonlyMap<string, string> {
  if (!args.has(epochName)) return args;
  const fixed = new Map(args);
  if (epoch === undefined) fixed.delete(epochName);
  else fixed.set(epochName, String(epoch));
  return fixed;
}

/** Proxies reach every RUN step apart from its environment, so that they are in no key and no image. */
function proxyEnv(buildArgs: ReadonlyMap<string, string>): ExecOperation['proxyEnv'] {
  const names = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'] as const;
  const values = new Map<string, string>();
  for (const key of [...buildArgs.keys()].sort()) {
    const name = names.find((candidate) => candidate === key.toLowerCase());
    if (name !== undefined) values.set(name, buildArgs.get(key) ?? '');
  }
  if (values.size === 0) return undefined;
  const value = (name: (typeof names)[number]): string => values.get(name) ?? '';
  return {
    httpProxy: value('http_proxy'),
    httpsProxy: value('https_proxy'),
    ftpProxy: value('ftp_proxy'),
    noProxy: value('no_proxy'),
    allProxy: value('all_proxy'),
  };
}

function ignoresCache(noCache: ConvertRequest['noCache'], stageName: string | undefined): boolean {
  if (noCache === undefined || typeof noCache === 'boolean') return noCache ?? false;
  return noCache.some((name) => name.toLowerCase() === (stageName ?? '').toLowerCase());
}
