import { nearestWord } from '../diagnostics/nearest-word';
import type { Instruction, OnbuildInstruction } from './ast';
import { parseAdd, parseCopy } from './copy-instruction';
import { parseFlags } from './flags';
import { parseHealthcheck } from './healthcheck-instruction';
import { baseOf, requireArgument, type InstructionParser } from './instruction-parser';
import { parseArg, parseEnv, parseLabel } from './key-value-instructions';
import { didYouMean, type Problem, type Report } from './problem';
import { parseRun, type RunOptions } from './run-instruction';
import {
  parseCommand,
  parseExpose,
  parseMaintainer,
  parseShell,
  parseStopSignal,
  parseUser,
  parseVolume,
  parseWorkdir,
} from './simple-instructions';
import { splitStatement, type Statement } from './statement';

/** Every instruction but FROM, RUN and ONBUILD. */
const PARSERS: Readonly<Record<string, InstructionParser>> = {
  ADD: parseAdd,
  ARG: parseArg,
  CMD: parseCommand,
  COPY: parseCopy,
  ENTRYPOINT: parseCommand,
  ENV: parseEnv,
  EXPOSE: parseExpose,
  HEALTHCHECK: parseHealthcheck,
  LABEL: parseLabel,
  MAINTAINER: parseMaintainer,
  SHELL: parseShell,
  STOPSIGNAL: parseStopSignal,
  USER: parseUser,
  VOLUME: parseVolume,
  WORKDIR: parseWorkdir,
};

const INSTRUCTIONS = ['FROM', 'RUN', 'ONBUILD', ...Object.keys(PARSERS)];

/** Instructions that cannot wait for the next build. */
const NO_TRIGGERS = ['ONBUILD', 'MAINTAINER', 'FROM'];

/** The instruction that an unknown keyword was probably meant to be; undefined for a known one. */
export function nearestInstruction(keyword: string): string | undefined {
  return INSTRUCTIONS.includes(keyword.toUpperCase()) ? undefined : nearestWord(keyword, INSTRUCTIONS);
}

/** Parses any instruction but FROM. Undefined where there was an error, which is reported. */
export function parseInstruction(statement: Statement, report: Report, options: RunOptions): Instruction | undefined {
  const errors: Problem[] = [];
  const watch: Report = (problem) => {
    if (problem.severity !== 'warning') errors.push(problem);
    report(problem);
  };
  const instruction = dispatch(statement, watch, options);
  return errors.length > 0 ? undefined : instruction;
}

function dispatch(statement: Statement, report: Report, options: RunOptions): Instruction | undefined {
  const { name, keyword } = statement;
  if (name === 'RUN') return parseRun(statement, report, options);
  if (name === 'ONBUILD') return parseOnbuild(statement, report, options);
  const parser = Object.hasOwn(PARSERS, name) ? PARSERS[name] : undefined;
  if (parser !== undefined) return parser(statement, report);
  report({
    code: 'DOCKERFILE_UNKNOWN_INSTRUCTION',
    message: `there is no instruction "${keyword.text}"`,
    offset: keyword.offset,
    ...didYouMean(nearestInstruction(keyword.text)),
  });
  return undefined;
}

/** `ONBUILD instruction`: checked now, though it only runs when another build starts from the image. */
function parseOnbuild(statement: Statement, report: Report, options: RunOptions): OnbuildInstruction {
  parseFlags(statement, {}, report);
  if (requireArgument(statement, 'an instruction', report)) {
    const trigger: Statement = { ...statement, ...splitStatement(statement.rest, statement.escape) };
    if (NO_TRIGGERS.includes(trigger.name)) {
      const message = `${trigger.name} cannot follow ONBUILD`;
      report({ code: 'DOCKERFILE_ONBUILD', message, offset: trigger.keyword.offset });
    } else {
      dispatch(trigger, report, options);
    }
  }
  const written = statement.source.replace(/^ONBUILD\s*/i, '');
  const bodies = statement.heredocs.map(({ content, name }) => `\n${content}${name}`);
  return { kind: 'ONBUILD', ...baseOf(statement), expression: written + bodies.join('') };
}
