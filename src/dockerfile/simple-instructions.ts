import type {
  CommandInstruction,
  ExposeInstruction,
  MaintainerInstruction,
  ShellInstruction,
  StopSignalInstruction,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from './ast';
import { parseCommandLine, reportOtherItems } from './command-line';
import { parseFlags } from './flags';
import { baseOf, requireArgument, warnIgnoredFlags } from './instruction-parser';
import { parseJsonArray } from './json-array';
import type { Report } from './problem';
import type { Statement } from './statement';
import { trimSpace } from './white-space';
import { splitWords } from './words';

export function parseCommand(statement: Statement, report: Report): CommandInstruction {
  parseFlags(statement, {}, report);
  const kind = statement.name === 'CMD' ? 'CMD' : 'ENTRYPOINT';
  return { kind, ...baseOf(statement), command: parseCommandLine(statement, statement.rest, report) };
}

export function parseExpose(statement: Statement, report: Report): ExposeInstruction {
  parseFlags(statement, {}, report);
  requireArgument(statement, 'at least one port', report);
  // Sorted before expansion, as in BuildKit: the order shows in the history of the image.
  const ports = splitWords(statement.rest).map(({ text }) => text);
  return { kind: 'EXPOSE', ...baseOf(statement), ports: ports.sort() };
}

export function parseMaintainer(statement: Statement, report: Report): MaintainerInstruction {
  return { kind: 'MAINTAINER', ...baseOf(statement), maintainer: singleText(statement, 'a name', report) };
}

/** SHELL takes an array of strings in JSON and nothing else. */
export function parseShell(statement: Statement, report: Report): ShellInstruction {
  parseFlags(statement, {}, report);
  const { text, offset } = statement.rest;
  const array = parseJsonArray(text);
  const shell = array.kind === 'strings' ? array.items : [];
  if (array.kind === 'other-items') reportOtherItems(statement, offset, report);
  else if (array.kind === 'none' && text !== '') {
    const message = 'SHELL needs an array of strings in JSON';
    report({ code: 'DOCKERFILE_JSON', message, hint: 'such as SHELL ["/bin/sh", "-c"]', offset });
  } else if (shell.length === 0) {
    const message = 'SHELL needs at least the name of a program';
    report({ code: 'DOCKERFILE_ARGUMENTS', message, offset: statement.keyword.offset });
  }
  return { kind: 'SHELL', ...baseOf(statement), shell };
}

export function parseStopSignal(statement: Statement, report: Report): StopSignalInstruction {
  warnIgnoredFlags(statement, report);
  requireArgument(statement, 'a signal', report);
  return { kind: 'STOPSIGNAL', ...baseOf(statement), signal: statement.rest.text };
}

export function parseUser(statement: Statement, report: Report): UserInstruction {
  return { kind: 'USER', ...baseOf(statement), user: singleText(statement, 'a user', report) };
}

export function parseVolume(statement: Statement, report: Report): VolumeInstruction {
  parseFlags(statement, {}, report);
  const { text, offset } = statement.rest;
  const array = parseJsonArray(text);
  if (array.kind === 'other-items') reportOtherItems(statement, offset, report);
  const paths = array.kind === 'strings' ? array.items : splitWords(statement.rest).map((word) => word.text);
  const volumes = paths.map(trimSpace);
  if (volumes.length === 0) {
    report({
      code: 'DOCKERFILE_ARGUMENTS',
      message: 'VOLUME needs at least one path',
      offset: statement.keyword.offset,
    });
  } else if (volumes.includes('')) {
    report({ code: 'DOCKERFILE_ARGUMENTS', message: 'a path of VOLUME is empty', offset });
  }
  return { kind: 'VOLUME', ...baseOf(statement), volumes };
}

export function parseWorkdir(statement: Statement, report: Report): WorkdirInstruction {
  return { kind: 'WORKDIR', ...baseOf(statement), path: singleText(statement, 'a path', report) };
}

/** All that follows the keyword is one argument, spaces included. */
function singleText(statement: Statement, what: string, report: Report): string {
  parseFlags(statement, {}, report);
  requireArgument(statement, what, report);
  return statement.rest.text;
}
