import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Instruction, InstructionRange } from './ast';
import { parseDockerfile } from './parse';

export interface Trigger {
  readonly instruction?: Instruction;
  readonly diagnostics: readonly Diagnostic[];
}

/** Where a trigger comes from: an ONBUILD of this file, or the configuration of a base image. */
export interface TriggerOrigin {
  /** For diagnostics. */
  readonly path: string;
  /** The FROM that the trigger runs behind; the instruction takes it as its own. */
  readonly range: InstructionRange;
}

/** The text that stands before a trigger, so that it parses as a stage. */
const HEAD = 'FROM scratch\n';

/**
 * Parses what an image or stage wants to run in the stage that is built from it. The escape character is the backslash,
 * whatever the file of origin had. Exactly one instruction is expected.
 */
export function parseOnbuildTrigger(expression: string, { path, range }: TriggerOrigin): Trigger {
  const { dockerfile, diagnostics } = parseDockerfile({ path, text: HEAD + expression });
  const located = diagnostics.map((diagnostic) => ({
    ...diagnostic,
    message: `in the ONBUILD of the base: ${diagnostic.message}`,
    location: { file: path, line: range.line, lineText: expression },
  }));
  const [instruction, ...more] = dockerfile.stages[0]?.instructions ?? [];
  if (located.length > 0) return { diagnostics: located };
  if (instruction === undefined || more.length > 0 || dockerfile.stages.length > 1) {
    const message = 'an ONBUILD of the base must be exactly one instruction';
    const location = { file: path, line: range.line, lineText: expression };
    return { diagnostics: [{ code: 'DOCKERFILE_ONBUILD', severity: 'error', message, location }] };
  }
  return { instruction: { ...instruction, range }, diagnostics: [] };
}
