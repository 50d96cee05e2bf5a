import { isText, useStored } from './useStored';

export const CHICAGO = 'America/Chicago';

/** The zone of the viewer's own machine. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

function isZone(value: unknown): value is string {
  if (!isText(value)) return false;
  try {
    return Intl.DateTimeFormat('en', { timeZone: value }) !== null;
  } catch {
    return false;
  }
}

/** The zone that times are shown in: Chicago, or the viewer's own, as chosen. */
export function useZone(): string {
  return useStored('zone', CHICAGO, isZone)[0];
}

export function useZoneChoice(): [string, (zone: string) => void] {
  return useStored('zone', CHICAGO, isZone);
}
