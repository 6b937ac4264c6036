import { readFile } from 'node:fs/promises';
import { CodedError } from '../../diagnostics/coded-error';
import type { Edge, Vertex } from '../../llb/operation';
import { formatPlatform, hostPlatform, type Platform } from '../../oci/platform';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** RUN steps are for platforms whose programs this machine cannot run. */
    PLATFORM_NOT_RUNNABLE: { readonly platforms: readonly string[]; readonly steps: readonly string[] };
  }
}

/** Names by which binfmt_misc has the emulators of QEMU, where they are not the architecture's own. */
const qemuNames: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  '386': 'i386',
  arm64: 'aarch64',
  loong64: 'loongarch64',
  mips64le: 'mips64el',
  mipsle: 'mipsel',
};

/** What runs without an emulator besides a machine's own programs. */
const alsoNative: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] };

/**
 * Refuses a build whose RUN steps are for platforms that this machine can neither run nor emulate (binfmt_misc). Fails
 * with `PLATFORM_NOT_RUNNABLE`, before any step. Files of foreign platforms can always be copied.
 */
export async function refuseForeignRuns(roots: readonly Edge[]): Promise<void> {
  const foreign = runSteps(roots).filter(({ platform }) => !isNative(platform));
  const missing: (typeof foreign)[number][] = [];
  for (const step of foreign) if (!(await isEmulated(step.platform))) missing.push(step);
  const [first] = missing;
  if (first === undefined) return;
  const platforms = [...new Set(missing.map(({ platform }) => formatPlatform(platform)))];
  throw new CodedError(
    'PLATFORM_NOT_RUNNABLE',
    `this machine cannot run programs for ${platforms.join(', ')}, which ${first.name} needs`,
    { platforms, steps: missing.map(({ name }) => name) },
    {
      hint: 'run the step on FROM --platform=$BUILDPLATFORM, install QEMU for binfmt_misc, or use engine: buildkit',
    },
  );
}

function runSteps(roots: readonly Edge[]): readonly { readonly name: string; readonly platform: Platform }[] {
  const seen = new Set<Vertex>();
  const open = roots.map(({ vertex }) => vertex);
  const found = [];
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    if (seen.has(vertex)) continue;
    seen.add(vertex);
    open.push(...vertex.inputs.map((input) => input.vertex));
    if (vertex.operation.kind === 'exec') found.push({ name: vertex.name, platform: vertex.operation.platform });
  }
  return found;
}

function isNative({ os, architecture }: Platform): boolean {
  const own = hostPlatform(process).architecture;
  return os === 'linux' && (architecture === own || (alsoNative[own] ?? []).includes(architecture));
}

async function isEmulated({ architecture }: Platform): Promise<boolean> {
  const name = qemuNames[architecture] ?? architecture;
  const state = await readFile(`/proc/sys/fs/binfmt_misc/qemu-${name}`, 'utf8').catch(() => '');
  return state.startsWith('enabled');
}
