import { useSyncExternalStore } from 'react';

import { serverClock, wallTicker } from '@/services/clock';

/**
 * Render with a text that is made of Thor's own time, again only when the text changes: the time of
 * day, where the other ticker goes by a recording.
 */
export function useWall(text: (now: number) => string): string {
  return useSyncExternalStore(wallTicker.subscribe, () => text(serverClock.real()));
}
