import { nearestWord } from '../diagnostics/nearest-word';
import type { RunInstruction, RunMount } from './ast';
import { parseCommandLine } from './command-line';
import { parseFlags } from './flags';
import { baseOf } from './instruction-parser';
import { didYouMean, type Report } from './problem';
import { parseRunMount } from './run-mount';
import type { Located, Statement } from './statement';

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITY_MODES = ['sandbox', 'insecure'] as const;

export interface RunOptions {
  /** Whether `RUN --security=insecure` may be used: BuildKit's entitlement `security.insecure`. */
  readonly insecureAllowed: boolean;
}

/** `RUN [--mount=…]… [--network=…] [--security=…] command` */
export function parseRun(statement: Statement, report: Report, { insecureAllowed }: RunOptions): RunInstruction {
  const flags = parseFlags(statement, { mount: 'texts', network: 'text', security: 'text', device: 'texts' }, report);
  const mounts = flags.all('mount').map((mount) => checkedMount(mount, report));
  const network = oneOf(flags.located('network'), NETWORKS, '--network', report);
  const security = oneOf(flags.located('security'), SECURITY_MODES, '--security', report);
  if (security === 'insecure' && !insecureAllowed) {
    report({
      code: 'DOCKERFILE_INSECURE_RUN',
      message: 'RUN --security=insecure is not enabled for this build',
      hint: 'allow the entitlement security.insecure',
      offset: flags.located('security')?.offset ?? statement.keyword.offset,
    });
  }
  for (const { offset } of flags.all('device')) {
    const message = 'RUN --device is not part of the stable syntax of Dockerfiles';
    report({ code: 'DOCKERFILE_UNSUPPORTED', message, offset });
  }
  return {
    kind: 'RUN',
    ...baseOf(statement),
    command: parseCommandLine(statement, statement.rest, report),
    mounts,
    ...(network === undefined ? {} : { network }),
    ...(security === undefined ? {} : { security }),
  };
}

function checkedMount({ text, offset }: Located, report: Report): RunMount {
  const { mount, problems } = parseRunMount(text);
  for (const problem of problems) {
    const { message, hint } = problem;
    const at = offset + problem.offset;
    report({ code: 'DOCKERFILE_MOUNT', message, offset: at, ...(hint === undefined ? {} : { hint }) });
  }
  return mount;
}

function oneOf<T extends string>(
  value: Located | undefined,
  allowed: readonly T[],
  flag: string,
  report: Report,
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value.text);
  if (found === undefined) {
    const message = `"${value.text}" is no value of ${flag}: ${allowed.join(', ')}`;
    const hint = didYouMean(nearestWord(value.text, allowed));
    report({ code: 'DOCKERFILE_FLAG_VALUE', message, offset: value.offset, ...hint });
  }
  return found;
}
