import type { Descriptor } from './descriptor';

/** OCI image-spec, image-index.md, in Go's names: `linux`, `amd64`, `v7`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}

export type PlatformResult =
  { readonly ok: true; readonly platform: Platform } | { readonly ok: false; readonly reason: string };

const component = /^[A-Za-z0-9_-]+$/;

const architectureNames: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['i386', '386'],
  ['i486', '386'],
  ['i586', '386'],
  ['i686', '386'],
  ['aarch64', 'arm64'],
  ['armhf', 'arm'],
  ['armel', 'arm'],
]);

const knownArchitectures: ReadonlySet<string> = new Set([
  ...architectureNames.keys(),
  ...['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mipsle', 'mips64', 'mips64le'],
  ...['ppc64', 'ppc64le', 'riscv64', 's390x', 'wasm'],
]);

/**
 * Parses `os/architecture[/variant]`, `os` or `architecture` alone, or `local`; the last three take what is missing
 * from `host` and are refused without one. The result is normalised.
 */
export function parsePlatform(text: string, options?: { readonly host?: Platform }): PlatformResult {
  const parts = text.split('/');
  const [first = '', second, third] = parts;
  if (parts.length > 3 || !parts.every((part) => component.test(part))) {
    return { ok: false, reason: `"${text}" is not of the form os/architecture[/variant]` };
  }
  if (second !== undefined) {
    const variant = third === undefined ? {} : { variant: third };
    return { ok: true, platform: normalizePlatform({ os: first, architecture: second, ...variant }) };
  }
  const host = options?.host;
  if (host === undefined) return { ok: false, reason: `"${text}" needs both, as in linux/amd64` };
  if (first === 'local') return { ok: true, platform: normalizePlatform(host) };
  const alone = knownArchitectures.has(first.toLowerCase())
    ? { os: host.os, architecture: first }
    : { os: first, architecture: host.architecture, ...(host.variant === undefined ? {} : { variant: host.variant }) };
  return { ok: true, platform: normalizePlatform(alone) };
}

/**
 * One spelling for each platform, the one that containerd uses: `x86_64` is `amd64`, `arm` without a variant is `v7`,
 * `arm64` is `v8` and therefore has none.
 */
export function normalizePlatform(platform: Platform): Platform {
  const given = platform.architecture.toLowerCase();
  const architecture = architectureNames.get(given) ?? given;
  const os = platform.os.toLowerCase() === 'macos' ? 'darwin' : platform.os.toLowerCase();
  const variant = normalizeVariant(given, platform.variant?.toLowerCase() ?? '');
  return {
    os,
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(platform['os.version'] === undefined ? {} : { 'os.version': platform['os.version'] }),
    ...(platform['os.features'] === undefined ? {} : { 'os.features': [...platform['os.features']].sort() }),
  };
}

function normalizeVariant(givenArchitecture: string, variant: string): string {
  const named = /^[0-9]+$/.test(variant) ? `v${variant}` : variant;
  switch (architectureNames.get(givenArchitecture) ?? givenArchitecture) {
    case 'amd64':
      return named === 'v1' ? '' : named;
    case '386':
      return givenArchitecture === '386' ? variant : '';
    case 'arm64':
      return named === 'v8' ? '' : named;
    case 'arm':
      if (givenArchitecture === 'armel') return 'v6';
      return named === '' || givenArchitecture === 'armhf' ? 'v7' : named;
    default:
      return variant;
  }
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined || variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** Whether both name the same platform, `os.version` and `os.features` aside. */
export function isSamePlatform(left: Platform, right: Platform): boolean {
  return formatPlatform(normalizePlatform(left)) === formatPlatform(normalizePlatform(right));
}

/**
 * The manifest of an index that runs best on `platform`: the platform itself, then older variants of its
 * architecture, then the 32-bit architecture that the same processor runs. Where several match equally well, the first
 * wins. Attestations (`unknown/unknown`) never match. If nothing matches and the index has exactly one child that does
 * not say its platform, that one is given; its config then has to be checked.
 */
export function selectManifest(manifests: readonly Descriptor[], platform: Platform): Descriptor | undefined {
  const versioned = manifests.filter((manifest) => hasOsVersion(manifest, platform));
  for (const candidate of runnablePlatforms(platform)) {
    const found = versioned.find(
      (m) => m.platform !== undefined && formatPlatform(normalizePlatform(m.platform)) === candidate,
    );
    if (found !== undefined) return found;
  }
  const silent = manifests.filter((manifest) => manifest.platform === undefined);
  return silent.length === 1 ? silent[0] : undefined;
}

/** Windows images run on one build of the kernel only: `10.0.17763.*`. */
function hasOsVersion(manifest: Descriptor, platform: Platform): boolean {
  const wanted = platform['os.version'];
  const offered = manifest.platform?.['os.version'];
  if (platform.os !== 'windows' || wanted === undefined || wanted === '' || offered === undefined) return true;
  return offered.split('.').slice(0, 3).join('.') === wanted.split('.').slice(0, 3).join('.');
}

/** Formatted platforms that run on `platform`, best first. */
function runnablePlatforms(platform: Platform): readonly string[] {
  const { os, architecture, variant } = normalizePlatform(platform);
  const older = (name: string, from: number, lowest: number): string[] => {
    const versions = Array.from({ length: Math.max(from - lowest + 1, 0) }, (_, step) => from - step);
    return versions.map((version) =>
      formatPlatform(normalizePlatform({ os, architecture: name, variant: `v${version}` })),
    );
  };
  const exact = formatPlatform(normalizePlatform(platform));
  const level = Number(/^v([0-9]{1,2})$/.exec(variant ?? '')?.[1] ?? NaN);
  switch (architecture) {
    case 'amd64':
      return [exact, ...older('amd64', level || 1, 1), `${os}/386`];
    case 'arm':
      return [exact, ...older('arm', level || 7, 5)];
    case 'arm64':
      return [exact, ...older('arm64', level || 8, 8), ...older('arm', 8, 5)];
    default:
      return [exact];
  }
}

const nodeArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  mipsel: 'mipsle',
  // Node runs on the little-endian one only, but calls it by the name of the other.
  ppc64: 'ppc64le',
};

/** The platform of a process, from `process.platform` and `process.arch`. */
export function hostPlatform(process: { readonly platform: string; readonly arch: string }): Platform {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  return normalizePlatform({ os, architecture: nodeArchitectures[process.arch] ?? process.arch });
}
