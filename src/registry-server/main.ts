import { isCodedError } from '../diagnostics/coded-error';
import { formatDiagnostics } from '../diagnostics/format-diagnostics';
import { parseServeArguments, serveUsage } from './cli';
import type { RequestLogEntry } from './handler';
import { startRegistryServer } from './server';

/** `npm run serve-registry -- --port N --root DIR`: serves until it is told to stop. */
async function main(): Promise<void> {
  const parsed = parseServeArguments(process.argv.slice(2), process.cwd());
  if (!parsed.ok) {
    process.stderr.write(`${formatDiagnostics(parsed.diagnostics)}\n\n`);
    process.stderr.write(`${serveUsage}\n`);
    process.exitCode = 2;
    return;
  }
  const { log, ...options } = parsed.value;
  const server = await startRegistryServer({ ...options, ...(log && { log: printRequest }) });
  process.stdout.write(`registry listening on ${server.url}, content in ${options.root}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
}

function printRequest({ error, method, path, status }: RequestLogEntry): void {
  process.stdout.write(`${method} ${path} ${status}${error === undefined ? '' : ` ${error}`}\n`);
}

main().catch((error: unknown) => {
  // Without a code it is a bug of ours, and then only the stack tells where.
  if (!isCodedError(error)) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  else {
    const hint = error.hint === undefined ? '' : `  hint: ${error.hint}\n`;
    process.stderr.write(`error ${error.code}: ${error.message}\n${hint}`);
  }
  process.exitCode = 1;
});
