import { useSyncExternalStore } from 'react';

import type { Cell } from '@/services/emitter';

/** Render with the value of a cell, again when it changes. */
export function useCell<T>(cell: Cell<T>): T;
/** Render with a value picked from a cell, again only when that changes; pick plain values. */
export function useCell<T, P extends string | number | boolean | null | undefined>(
  cell: Cell<T>,
  pick: (value: T) => P,
): P;
export function useCell<T>(cell: Cell<T>, pick?: (value: T) => unknown): unknown {
  return useSyncExternalStore(cell.subscribe, () => (pick ? pick(cell.get()) : cell.get()));
}
