import { useCallback } from 'react';

import { cellOf, store } from '@/services/stored';

import { useCell } from './useCell';

/**
 * Keep a value in this browser, and with the account of who is logged in. What is stored there and
 * is not `valid`, by an older Thor or by hand, counts as not stored; where the browser keeps
 * nothing, it lasts as long as the page.
 */
export function useStored<T>(
  key: string,
  initial: T,
  valid: (value: unknown) => value is T,
): [T, (value: T) => void] {
  const cell = cellOf(key, initial, valid);
  const set = useCallback((value: T) => store(key, value), [key]);
  return [useCell(cell), set];
}

export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const isText = (value: unknown): value is string => typeof value === 'string';
