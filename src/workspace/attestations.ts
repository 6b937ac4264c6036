import type { Attestation } from '../engine/contract';
import { readBoolean, splitAttributes } from './attributes';
import type { DockerBuildOptions } from './docker-build-options';
import type { Mistakes } from './mistakes';

const types = ['provenance', 'sbom'] as const;

/**
 * buildx's `--attest` (`type=provenance,mode=max`), `--provenance` and `--sbom` (true, false, or attributes of it). None
 * is the default, unlike buildx's, so that every engine makes the same image.
 */
export function readAttestations(options: DockerBuildOptions, mistakes: Mistakes): readonly Attestation[] {
  const given = [
    ...(options.attest ?? []).map((text, index) => readAttestation(text, `attest[${index}]`, mistakes)),
    ...types.map((type) => {
      const value = options[type];
      if (value === undefined) return undefined;
      return readAttestation(shorthand(type, String(value)), type, mistakes);
    }),
  ].filter((attestation) => attestation !== undefined);
  for (const type of types) {
    if (given.filter((attestation) => attestation.type === type).length < 2) continue;
    mistakes.add('OPTION_CONFLICT', type, `the attestation ${type} is given twice`, 'keep one');
  }
  return given.filter(({ isEnabled }) => isEnabled).map(({ type, attributes }) => ({ type, attributes }));
}

function shorthand(type: string, value: string): string {
  if (value === 'true' || value === '') return `type=${type}`;
  return value === 'false' ? `type=${type},disabled=true` : `type=${type},${value}`;
}

function readAttestation(
  text: string,
  option: string,
  mistakes: Mistakes,
): (Attestation & { readonly isEnabled: boolean }) | undefined {
  const attributes = splitAttributes(text, option, mistakes);
  if (attributes === undefined) return undefined;
  const [word] = attributes.words;
  if (word !== undefined) {
    mistakes.add('OPTION_INVALID', option, `"${word}" is not of the form key=value`, 'such as mode=max');
    return undefined;
  }
  const name = attributes.values.get('type');
  const type = types.find((known) => known === name);
  if (type === undefined) {
    if (name === undefined) mistakes.add('OPTION_MISSING', option, 'an attestation needs a type', 'type=provenance');
    else mistakes.addUnknownWord(option, 'attestation', name, types);
    return undefined;
  }
  const isDisabled = readBoolean(attributes, 'disabled', option, mistakes) ?? false;
  const rest = [...attributes.values].filter(([key]) => key !== 'type' && key !== 'disabled');
  return { type, attributes: Object.fromEntries(rest), isEnabled: !isDisabled };
}
