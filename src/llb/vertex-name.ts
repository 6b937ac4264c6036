import type { RunInstruction } from '../dockerfile/ast';

/** What the names of a stage's vertices are made of; `number` counts them from 1. */
export interface VertexNaming {
  /** Name of the stage; empty where the Dockerfile has only one. */
  readonly label: string;
  readonly total: number;
  /** `linux/amd64` or `linux/amd64->arm64`, where several platforms are built at once. */
  readonly platform?: string;
}

const userinfo = /\b(https?:\/\/)[^\s\/@'"]+@/gi;

/**
 * `[deps 2/4] COPY package.json ./`, as BuildKit's progress output shows it; credentials in URLs, which arguments may have
 * brought there, are hidden.
 */
export function vertexName(naming: VertexNaming, number: number, instruction: string): string {
  const text = instruction.replace(userinfo, '$1***@');
  if (naming.total === 0) return text;
  const width = String(naming.total).length;
  const words = [naming.platform, naming.label].filter((word) => word !== undefined && word !== '');
  return `[${[...words, ''].join(' ')}${String(number).padStart(width)}/${naming.total}] ${text}`;
}

/** `text` with its first word, the instruction, in capitals. */
export function capitaliseInstruction(text: string): string {
  const space = text.indexOf(' ');
  return space < 0 ? text.toUpperCase() : text.slice(0, space).toUpperCase() + text.slice(space);
}

/** A RUN instruction as shown to the user: one whose script is a here-document shows the first line of it. */
export function describeRun(instruction: RunInstruction): string {
  const { command } = instruction;
  const heredoc = command.form === 'shell' && isSingleHeredoc(command.script) ? command.heredocs[0] : undefined;
  if (heredoc === undefined) return instruction.source;
  const lines = heredoc.content.trim().replaceAll('\r\n', '\n').split('\n');
  return `${instruction.source} (${lines[0] ?? ''}${lines.length > 1 ? '...' : ''})`;
}

/** Whether a script is nothing but the word of one here-document, such as `<<EOF`. */
export function isSingleHeredoc(script: string): boolean {
  return /^\d*<<-?\s*(?:[^<\s'"]+|'[^']+'|"[^"]+")$/.test(script.trim());
}
