/** Light or dark colours: kept in this browser, and with the account as its setting `theme`. */

import { isMantineColorScheme, localStorageColorSchemeManager, type MantineColorScheme } from '@mantine/core';

import { keep } from './stored';

const local = localStorageColorSchemeManager({ key: 'thor.scheme' });
let listener: ((value: MantineColorScheme) => void) | undefined;
let present: MantineColorScheme | undefined;

export const schemes = {
  ...local,
  get: (initial: MantineColorScheme): MantineColorScheme => (present = local.get(initial)),
  set(value: MantineColorScheme): void {
    local.set(value);
    if (value !== present) keep('theme', value);
    present = value;
  },
  subscribe(onUpdate: (value: MantineColorScheme) => void): void {
    listener = onUpdate;
    local.subscribe(onUpdate);
  },
  /** Take what an account has kept. */
  adopt(value: unknown): void {
    if (typeof value !== 'string' || !isMantineColorScheme(value)) return;
    present = value;
    local.set(value);
    listener?.(value);
  },
};
