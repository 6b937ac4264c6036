import type { Diagnostic } from '../diagnostics/diagnostic';
import type { ArgInstruction, Instruction, ParseResult, Stage } from './ast';
import { parseDirectives } from './directives';
import { parseFrom } from './from-instruction';
import { LineReader } from './line-reader';
import type { LogicalLine } from './logical-line';
import { nearestInstruction, parseInstruction } from './parse-instruction';
import { toDiagnostic, type Problem } from './problem';
import { SourceFile } from './source-file';
import { StatementReader, type ReadStatement } from './statement-reader';

export interface DockerfileSource {
  /** As the user would type it; goes into every diagnostic. */
  readonly path: string;
  readonly text: string;
  /** Entitlements of the build, such as `security.insecure`; none unless given. */
  readonly entitlements?: readonly string[];
}

/**
 * Parses a Dockerfile in BuildKit's stable syntax. Never throws: everything that is wrong is in `diagnostics`, in the
 * order of the file, and instructions with errors are left out of the tree. Values stay unexpanded.
 */
export function parseDockerfile(source: DockerfileSource): ParseResult {
  return new DockerfileParser(source).parse();
}

/** What FROM says about a stage. */
type StageHead = Omit<Stage, 'index' | 'instructions'>;

/** A stage whose instructions are still being read. */
type OpenStage = Omit<Stage, 'instructions'> & { readonly instructions: Instruction[] };

class DockerfileParser {
  readonly #file: SourceFile;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #metaArgs: ArgInstruction[] = [];
  readonly #stages: OpenStage[] = [];
  /** About instructions before the first FROM that are no ARG; not told where there is no FROM at all. */
  readonly #early: Diagnostic[] = [];

  constructor(private readonly source: DockerfileSource) {
    this.#file = new SourceFile(source.path, source.text);
  }

  parse(): ParseResult {
    const report = (problem: Problem, line: number): void => this.#report(problem, line, 1);
    const { values: directives, escape } = parseDirectives(this.#file, report);
    const lines = new LineReader(this.#file, { escape, report });
    const reader = new StatementReader(lines, { escape, report: (line, problem) => this.#reportIn(line, problem) });
    let count = 0;
    for (let read = reader.next(); read !== undefined; read = reader.next(), count++) this.#statement(read);
    this.#checkStages(count);
    const { path, text } = this.source;
    return {
      dockerfile: { path, text, directives, metaArgs: this.#metaArgs, stages: this.#stages },
      diagnostics: this.#diagnostics.sort((a, b) => (a.location?.line ?? 0) - (b.location?.line ?? 0)),
    };
  }

  #statement({ statement, line, complete }: ReadStatement): void {
    const report = (problem: Problem): void => this.#reportIn(line, problem);
    if (statement.name === 'FROM') {
      this.#open(parseFrom(statement, report));
      return;
    }
    const insecureAllowed = this.source.entitlements?.includes('security.insecure') === true;
    const instruction = parseInstruction(statement, report, { insecureAllowed });
    // A misspelt FROM still begins a stage, or all that follows would be reported as well.
    if (nearestInstruction(statement.keyword.text) === 'FROM') {
      this.#open({ base: 'scratch', range: line.range, source: statement.source });
    }
    if (instruction !== undefined && complete) this.#add(instruction, line);
  }

  #add(instruction: Instruction, line: LogicalLine): void {
    const stage = this.#stages.at(-1);
    if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === 'ARG') this.#metaArgs.push(instruction);
    else {
      const { line: number, column } = line.place(0);
      const message = `${instruction.kind} stands before the first FROM, where only ARG may`;
      this.#early.push(toDiagnostic({ code: 'DOCKERFILE_BEFORE_FROM', message }, this.#file, number, column));
    }
  }

  #open(head: StageHead): void {
    this.#stages.push({ ...head, index: this.#stages.length, instructions: [] });
  }

  #checkStages(statements: number): void {
    if (statements === 0) {
      this.#report({ code: 'DOCKERFILE_EMPTY', message: 'the file has no instructions' }, 1, 1);
    } else if (this.#stages.length === 0) {
      const hint = 'begin with FROM and the name of an image, or FROM scratch';
      this.#report({ code: 'DOCKERFILE_NO_STAGE', message: 'the file has no FROM', hint }, 1, 1);
    } else {
      this.#diagnostics.push(...this.#early);
    }
  }

  #reportIn(line: LogicalLine, problem: Problem): void {
    const place = line.place(problem.offset ?? 0);
    this.#report(problem, place.line, place.column);
  }

  #report(problem: Problem, line: number, column: number): void {
    this.#diagnostics.push(toDiagnostic(problem, this.#file, line, column));
  }
}
