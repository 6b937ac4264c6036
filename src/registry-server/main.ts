import { parseServeArguments, serveUsage } from './cli';
import { startRegistryServer } from './server';

/** `npm run serve-registry -- --port N --root DIR`: serves until it is told to stop. */
async function main(): Promise<void> {
  const parsed = parseServeArguments(process.argv.slice(2), process.cwd());
  if (!parsed.ok) {
    for (const { message, hint } of parsed.diagnostics) {
      process.stderr.write(`error: ${message}${hint === undefined ? '' : ` (${hint})`}\n`);
    }
    process.stderr.write(`${serveUsage}\n`);
    process.exitCode = 2;
    return;
  }
  const server = await startRegistryServer(parsed.value);
  process.stdout.write(`registry listening on ${server.url}, content in ${parsed.value.root}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
