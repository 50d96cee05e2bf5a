import { useEffect, useRef } from 'react';

import { Cell } from '@/services/emitter';

export interface Shortcut {
  /** As `KeyboardEvent.key` has it; a letter in any case. Several keys may do the same. */
  readonly keys: readonly string[];
  /** Its text in the list of `?`. */
  readonly label: string;
  readonly run: (event: KeyboardEvent) => void;
}

/** The shortcuts that work now, newest page first: what `?` lists. */
export const shortcuts = new Cell<readonly Shortcut[]>([]);

/** Make single keys work while the component is there, outside of fields and open menus. */
export function useShortcuts(found: readonly Shortcut[]): void {
  const newest = useRef(found);
  useEffect(() => {
    newest.current = found;
  });
  const signature = found.map((one) => `${one.keys.join(' ')}:${one.label}`).join('|');
  useEffect(() => {
    const mine = newest.current.map((one, index): Shortcut => ({
      ...one,
      run: (event) => newest.current[index]?.run(event),
    }));
    shortcuts.set([...mine, ...shortcuts.get()]);
    return () => shortcuts.set(shortcuts.get().filter((one) => !mine.includes(one)));
  }, [signature]);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.closest(
        'input, textarea, select, [role="menu"], [role="listbox"], [role="dialog"]',
      ) !== null)
  );
}

/** Run the first shortcut of a key; returns whether one took it. */
export function press(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (isTyping(event.target) || document.querySelector('[aria-modal="true"]')) return false;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // A link or button that has the focus keeps its own Enter.
  const isOnControl = event.target instanceof HTMLElement && event.target.closest('a, button');
  if (key === 'Enter' && isOnControl) return false;
  const found = shortcuts.get().find((one) => one.keys.includes(key));
  if (!found) return false;
  event.preventDefault();
  found.run(event);
  return true;
}

/** Listen to the keyboard: once, in the frame. */
export function useKeyboard(): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => void press(event);
    window.addEventListener('keydown', listener);
    return () => window.removeEventListener('keydown', listener);
  }, []);
}
