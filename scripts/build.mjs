// npm run build: installs if need be, then compiles into dist/. Schemas are used in place, from src/.
import { build, ensureInstalled } from './support/prepare.mjs';

await ensureInstalled();
process.exitCode = await build();
