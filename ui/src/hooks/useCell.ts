import { useSyncExternalStore } from 'react';

import type { Cell } from '@/services/emitter';

/** Render with the value of a cell, anew when it changes. */
export function useCell<T>(cell: Cell<T>): T;
/** Render with what is picked from a cell, anew only when that changes; pick plain values. */
export function useCell<T, P extends string | number | boolean | null | undefined>(
  cell: Cell<T>,
  pick: (value: T) => P,
): P;
export function useCell<T>(cell: Cell<T>, pick?: (value: T) => unknown): unknown {
  return useSyncExternalStore(cell.subscribe, () => (pick ? pick(cell.get()) : cell.get()));
}
