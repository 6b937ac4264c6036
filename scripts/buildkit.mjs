// npm run buildkit -- start|stop|status [NAME]: a real BuildKit for tests and benchmarks, on a machine with root and
// Debian packages. It is a dockerd of its own in a Debian root; a docker that is installed here is not touched.
// `eval "$(npm run --silent buildkit -- start)"` points the docker CLI of a shell to it.
import { dirname } from 'node:path';
import { debianRoot } from './support/buildkit/places.mjs';
import { findDaemon, startDaemon, stopDaemon } from './support/buildkit/daemon.mjs';

const [command = 'status', name = 'main'] = process.argv.slice(2);
const say = (line) => console.error(line);

/** Shell commands on standard output; everything else goes to standard error. */
function printEnvironment(daemon) {
  for (const [key, value] of Object.entries(daemon.env)) console.log(`export ${key}='${value}'`);
  console.log(`export PATH='${dirname(daemon.docker)}':"$PATH"`);
}

switch (command) {
  case 'start': {
    const result = await startDaemon(name, say);
    if ('reason' in result) {
      say(result.reason);
      process.exitCode = 1;
    } else {
      say(`dockerd ${name} ${result.started ? 'was started' : 'runs already'}, in ${debianRoot}`);
      printEnvironment(result.daemon);
    }
    break;
  }
  case 'stop':
    say((await stopDaemon(name)) ? `dockerd ${name} was stopped` : `dockerd ${name} was not running`);
    break;
  case 'status': {
    const daemon = await findDaemon(name);
    say(daemon ? `dockerd ${name} runs` : `dockerd ${name} does not run`);
    if (daemon) printEnvironment(daemon);
    process.exitCode = daemon ? 0 : 1;
    break;
  }
  default:
    say(`unknown command ${command}: start, stop or status`);
    process.exitCode = 1;
}
