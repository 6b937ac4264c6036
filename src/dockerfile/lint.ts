import type { Diagnostic } from '../diagnostics/diagnostic';
import type { Dockerfile, Instruction, KeyValue, Stage } from './ast';
import { parseCheckOptions } from './check-options';
import { LintReport } from './lint-rule';
import { lintVariables } from './lint-variables';
import { SourceFile } from './source-file';

const RESERVED_STAGE_NAMES = ['context', 'scratch'];

/** Of these only the last in a stage counts. */
const USED_ONCE: readonly Instruction['kind'][] = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'];

const SECRET_WORD = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const HARMLESS_WORD = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/**
 * Warns about what BuildKit accepts and what is still likely a mistake: the rules of its linter that are about
 * correctness. A `# check=` directive switches rules off or turns warnings into errors.
 */
export function lintDockerfile(dockerfile: Dockerfile): readonly Diagnostic[] {
  const options = parseCheckOptions(dockerfile.directives['check']);
  const report = new LintReport(new SourceFile(dockerfile.path, dockerfile.text), options);
  for (const part of options.invalid) {
    const message = `"${part}" is no option of the directive "check"`;
    report.addProblem({ code: 'DOCKERFILE_DIRECTIVE', message, hint: 'skip=Rule,Rule or error=true' }, 1);
  }
  lintStageNames(dockerfile.stages, report);
  for (const instruction of dockerfile.metaArgs) lintInstruction(instruction, report);
  for (const stage of dockerfile.stages) {
    for (const instruction of stage.instructions) lintInstruction(instruction, report);
    lintUsedOnce(stage, report);
  }
  lintWorkdirs(dockerfile.stages, report);
  lintVariables(dockerfile, report);
  return report.diagnostics.sort((a, b) => (a.location?.line ?? 0) - (b.location?.line ?? 0));
}

function lintStageNames(stages: readonly Stage[], report: LintReport): void {
  const seen = new Set<string>();
  for (const { name, range } of stages) {
    if (name === undefined) continue;
    const { line } = range;
    if (RESERVED_STAGE_NAMES.includes(name)) {
      report.add({ code: 'DOCKERFILE_RESERVED_STAGE_NAME', line, message: `"${name}" is reserved, not for a stage` });
    }
    if (seen.has(name)) {
      const message = `a stage above has the name "${name}" as well; COPY --from takes the last`;
      report.add({ code: 'DOCKERFILE_DUPLICATE_STAGE_NAME', line, message });
    }
    seen.add(name);
  }
}

function lintInstruction(instruction: Instruction, report: LintReport): void {
  const { line } = instruction.range;
  switch (instruction.kind) {
    case 'ARG':
      for (const { key } of instruction.args) lintSecret('ARG', key, line, report);
      return;
    case 'ENV':
      for (const { key } of instruction.variables) lintSecret('ENV', key, line, report);
      lintOldForm('ENV', instruction.variables, line, report);
      return;
    case 'LABEL':
      lintOldForm('LABEL', instruction.labels, line, report);
      return;
    case 'CMD':
    case 'ENTRYPOINT':
      if (instruction.command.form === 'exec') return;
      report.add({
        code: 'DOCKERFILE_JSON_ARGS_RECOMMENDED',
        line,
        message: `${instruction.kind} in shell form: signals reach the shell, not the program`,
        hint: /^\[.*\]$/s.test(instruction.command.script)
          ? 'this is no valid JSON: items need double quotes'
          : `such as ${instruction.kind} ["program", "argument"]`,
      });
      return;
    case 'MAINTAINER': {
      const hint = 'LABEL org.opencontainers.image.authors="…"';
      report.add({ code: 'DOCKERFILE_MAINTAINER_DEPRECATED', line, message: 'MAINTAINER is deprecated', hint });
    }
  }
}

function lintSecret(kind: string, key: string, line: number, report: LintReport): void {
  if (!SECRET_WORD.test(key) || HARMLESS_WORD.test(key)) return;
  const message = `${kind} "${key}" looks like a secret, and would stay readable in the image`;
  const hint = 'use RUN --mount=type=secret';
  report.add({ code: 'DOCKERFILE_SECRETS_USED_IN_ARG_OR_ENV', line, message, hint });
}

function lintOldForm(kind: string, pairs: readonly KeyValue[], line: number, report: LintReport): void {
  if (!pairs.some(({ noDelimiter }) => noDelimiter === true)) return;
  const message = `${kind} without "=" takes all that follows as one value`;
  report.add({ code: 'DOCKERFILE_LEGACY_KEY_VALUE_FORMAT', line, message, hint: `write ${kind} key=value` });
}

function lintUsedOnce({ instructions }: Stage, report: LintReport): void {
  for (const kind of USED_ONCE) {
    for (const { range } of instructions.filter((instruction) => instruction.kind === kind).slice(0, -1)) {
      const message = `this ${kind} has no effect: only the last one of a stage counts`;
      report.add({ code: 'DOCKERFILE_MULTIPLE_INSTRUCTIONS_DISALLOWED', line: range.line, message });
    }
  }
}

/** A relative path before any absolute one depends on the base image. */
function lintWorkdirs(stages: readonly Stage[], report: LintReport): void {
  const settled = new Set<string>();
  for (const { name, base, instructions } of stages) {
    const [first] = instructions.filter(({ kind }) => kind === 'WORKDIR');
    if (first?.kind === 'WORKDIR' && !settled.has(base) && !/^["']?[/$]/.test(first.path)) {
      const message = `WORKDIR "${first.path}" is relative to whatever directory the base image has`;
      report.add({ code: 'DOCKERFILE_WORKDIR_RELATIVE_PATH', line: first.range.line, message });
    }
    if (name !== undefined && (first !== undefined || settled.has(base))) settled.add(name);
  }
}
