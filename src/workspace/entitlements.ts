import type { Mistakes } from './mistakes';

const entitlements = ['network.host', 'security.insecure', 'device'] as const;

/** buildx's `--allow`: what the build may do besides, by name; `device` may name one. */
export function readEntitlements(option: readonly string[] | undefined, mistakes: Mistakes): readonly string[] {
  return (option ?? []).filter((text, index) => {
    const name = text.startsWith('device=') ? 'device' : text;
    if ((entitlements as readonly string[]).includes(name)) return true;
    mistakes.addUnknownWord(`allow[${index}]`, 'entitlement', text, entitlements);
    return false;
  });
}
