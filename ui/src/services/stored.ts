/**
 * What a viewer has chosen: kept in this browser and, where somebody is logged in, with the
 * account, whose values win.
 */

import { api } from './api';
import { Cell } from './emitter';

interface Kept {
  readonly cell: Cell<unknown>;
  readonly valid: (value: unknown) => boolean;
}

const all = new Map<string, Kept>();
const PREFIX = 'thor.';
/** A choice that changes with every click is sent once it rests. */
const REST_MS = 600;

export function cellOf<T>(key: string, initial: T, valid: (value: unknown) => value is T): Cell<T> {
  let kept = all.get(key);
  if (!kept) {
    kept = { cell: new Cell<unknown>(read(key, initial, valid)), valid };
    all.set(key, kept);
  }
  return kept.cell as Cell<T>;
}

function read<T>(key: string, initial: T, valid: (value: unknown) => value is T): T {
  try {
    const text = localStorage.getItem(PREFIX + key);
    const value: unknown = text === null ? initial : JSON.parse(text);
    return valid(value) ? value : initial;
  } catch {
    return initial;
  }
}

/** Change a value, here and with the account. */
export function store(key: string, value: unknown): void {
  keepHere(key, value);
  all.get(key)?.cell.set(value);
  keep(key, value);
}

function keepHere(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Private browsing keeps nothing.
  }
}

/** Take what an account has kept; a value that this Thor does not understand is left alone. */
export function adopt(settings: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(settings)) {
    const kept = all.get(key);
    if (kept && !kept.valid(value)) continue;
    keepHere(key, value);
    kept?.cell.set(value);
  }
}

let account: number | null = null;
const unsent = new Map<string, unknown>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Keep values with an account from now on; null: with none. */
export function keepWith(user: number | null): void {
  if (account === null && user !== null) addEventListener('pagehide', flush);
  account = user;
}

/** Keep a value with the account, where there is one. */
export function keep(key: string, value: unknown): void {
  if (account === null) return;
  unsent.set(key, value);
  clearTimeout(timer);
  timer = setTimeout(flush, REST_MS);
}

function flush(): void {
  clearTimeout(timer);
  for (const [key, value] of unsent) {
    // A page that closes still sends it. Where that fails, this browser has it.
    const params = { path: { key } };
    void api
      .PUT('/api/me/settings/{key}', { params, body: { value }, keepalive: true })
      .catch(() => undefined);
  }
  unsent.clear();
}
