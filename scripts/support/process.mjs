import { spawn } from 'node:child_process';

/**
 * Runs a command to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, capture?: boolean, echo?: boolean }} [options] `capture` keeps what
 *   it prints (standard error included, in the order it came) instead of passing it on; `echo` does both.
 * @returns {Promise<{ code: number, output: string }>} `code` is 128 plus the signal's number if a signal ended it.
 */
export function run(command, args, { cwd, env, capture = false, echo = false } = {}) {
  return new Promise((resolve, reject) => {
    const piped = capture || echo;
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', piped ? 'pipe' : 'inherit', piped ? 'pipe' : 'inherit'],
    });
    const chunks = [];
    const keep = (sink) => (chunk) => {
      chunks.push(chunk);
      if (echo) sink.write(chunk);
    };
    child.stdout?.on('data', keep(process.stdout));
    child.stderr?.on('data', keep(process.stderr));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code: code ?? 128 + (signal === 'SIGINT' ? 2 : 15), output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}
