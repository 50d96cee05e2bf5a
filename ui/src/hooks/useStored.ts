import { useCallback } from 'react';

import { Cell } from '@/services/emitter';

import { useCell } from './useCell';

const cells = new Map<string, Cell<unknown>>();

function cellOf<T>(key: string, initial: T, valid: (value: unknown) => value is T): Cell<T> {
  let cell = cells.get(key);
  if (!cell) {
    cell = new Cell<unknown>(read(key, initial, valid));
    cells.set(key, cell);
  }
  return cell as Cell<T>;
}

function read<T>(key: string, initial: T, valid: (value: unknown) => value is T): T {
  try {
    const text = localStorage.getItem(`thor.${key}`);
    const value: unknown = text === null ? initial : JSON.parse(text);
    return valid(value) ? value : initial;
  } catch {
    return initial;
  }
}

/**
 * Keep a value in this browser. What is stored there and is not `valid`, by an older Thor or by
 * hand, counts as not stored; where the browser keeps nothing, it lasts as long as the page.
 */
export function useStored<T>(
  key: string,
  initial: T,
  valid: (value: unknown) => value is T,
): [T, (value: T) => void] {
  const cell = cellOf(key, initial, valid);
  const set = useCallback(
    (value: T) => {
      cell.set(value);
      try {
        localStorage.setItem(`thor.${key}`, JSON.stringify(value));
      } catch {
        // Private browsing keeps nothing.
      }
    },
    [cell, key],
  );
  return [useCell(cell), set];
}

export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const isText = (value: unknown): value is string => typeof value === 'string';
