import { nearestWord } from '../diagnostics/nearest-word';
import type { Dockerfile, Instruction, Stage } from './ast';
import { escapeCharacter } from './directives';
import { processWord, type ExpandOptions } from './expand';
import { expandedWords } from './expanded-words';
import type { LintReport } from './lint-rule';
import { didYouMean } from './problem';

/** Set in every build. */
const PLATFORM_ARGS = ['PLATFORM', 'OS', 'OSVERSION', 'ARCH', 'VARIANT'];
const PREDEFINED_ARGS = [
  ...['BUILD', 'TARGET'].flatMap((side) => PLATFORM_ARGS.map((arg) => side + arg)),
  'TARGETSTAGE',
];

/** What a stage starts with. */
const ALWAYS_SET = 'PATH';

interface Scope {
  readonly names: ReadonlySet<string>;
  /** Whether all names are known, which needs the chain of bases to end in scratch. */
  readonly complete: boolean;
}

/**
 * Warns about variables that nothing sets. Behind a base image, whose own variables are not known here, only about those
 * that look like a slip of one that is set.
 */
export function lintVariables(dockerfile: Dockerfile, report: LintReport): void {
  const globals = new Set(PREDEFINED_ARGS);
  for (const { args } of dockerfile.metaArgs) for (const { key } of args) globals.add(key);
  const scopes = new Map<string, Scope>();
  for (const stage of dockerfile.stages) {
    lintFrom(dockerfile, stage, globals, report);
    const scope = scopes.get(stage.base) ?? { names: new Set([ALWAYS_SET]), complete: stage.base === 'scratch' };
    const names = lintStage(dockerfile, stage, scope, report);
    if (stage.name !== undefined) scopes.set(stage.name, { names, complete: scope.complete });
  }
}

function lintFrom(dockerfile: Dockerfile, stage: Stage, globals: ReadonlySet<string>, report: LintReport): void {
  const escape = escapeCharacter(dockerfile.directives);
  for (const text of [stage.base, stage.platform ?? '']) {
    for (const name of unsetNames(text, globals, { escape })) {
      const message = `FROM uses "${name}", which no ARG before the first FROM declares`;
      const hint = didYouMean(nearestWord(name, globals));
      report.add({ code: 'DOCKERFILE_UNDEFINED_ARG_IN_FROM', line: stage.range.line, message, ...hint });
    }
  }
}

function lintStage(dockerfile: Dockerfile, stage: Stage, scope: Scope, report: LintReport): ReadonlySet<string> {
  const names = new Set(scope.names);
  const escape = escapeCharacter(dockerfile.directives);
  for (const instruction of stage.instructions) {
    const unset = new Set<string>();
    for (const { text, options } of expandedWords(instruction, escape)) {
      for (const name of unsetNames(text, names, options)) unset.add(name);
    }
    for (const name of unset) {
      const meant = nearestWord(name, names);
      if (meant === undefined && !scope.complete) continue;
      const message = `nothing sets the variable "${name}"`;
      report.add({ code: 'DOCKERFILE_UNDEFINED_VAR', line: instruction.range.line, message, ...didYouMean(meant) });
    }
    for (const name of setBy(instruction)) names.add(name);
  }
  return names;
}

function unsetNames(text: string, names: ReadonlySet<string>, options: ExpandOptions): ReadonlySet<string> {
  if (!text.includes('$')) return new Set();
  return processWord(text, (name) => (names.has(name) ? name : undefined), options).unmatched;
}

function setBy(instruction: Instruction): readonly string[] {
  if (instruction.kind === 'ENV') return instruction.variables.map(({ key }) => key);
  return instruction.kind === 'ARG' ? instruction.args.map(({ key }) => key) : [];
}
