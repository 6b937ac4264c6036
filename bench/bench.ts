/** One benchmark of the suite. */
export interface Bench {
  /** What chooses it on the command line: one word. */
  readonly name: string;
  /** One line. */
  readonly description: string;
  /** Measures and prints. What the machine lacks is left out with a line that says so; a slow result is no error. */
  run(context: BenchContext): Promise<void>;
}

export interface BenchContext {
  /** An empty directory, removed afterwards. */
  readonly directory: string;
  readonly print: (line: string) => void;
}
