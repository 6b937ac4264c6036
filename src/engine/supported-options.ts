import type { Diagnostic } from '../diagnostics/diagnostic';
import type { BuildRequest } from './contract';

const embeddedEntitlements: readonly string[] = ['network.host'];

/**
 * What of a request the embedded engine cannot do, each with the option it comes from. BuildKit can do everything, as
 * far as its builder can, which is only known when it answers.
 */
export function unsupportedByEmbedded(request: BuildRequest): readonly Diagnostic[] {
  const { attestations = [], allow = [], outputs, platforms, extraHosts } = request;
  const found: Diagnostic[] = attestations.map(({ type }) =>
    unsupported(type === 'sbom' ? 'sbom' : 'provenance', `the embedded engine makes no ${type} attestations`),
  );
  for (const [index, entitlement] of allow.entries()) {
    if (embeddedEntitlements.includes(entitlement)) continue;
    found.push(unsupported(`allow[${index}]`, `the embedded engine cannot grant ${entitlement}`));
  }
  for (const [index, { ip }] of extraHosts.entries()) {
    if (ip !== 'host-gateway') continue;
    found.push(unsupported(`addHosts[${index}]`, 'host-gateway needs a docker daemon', 'give the address'));
  }
  if (platforms.length > 1 && outputs.some(({ type }) => type === 'docker-load' || type === 'docker')) {
    const hint = 'build one of them, or use outputs: type=oci';
    found.push(unsupported('platforms', 'docker can load the image of one platform only', hint));
  }
  return found;
}

function unsupported(option: string, message: string, hint = 'use engine: buildkit'): Diagnostic {
  return { code: 'OPTION_NOT_SUPPORTED', severity: 'error', message, hint, location: { file: option } };
}
