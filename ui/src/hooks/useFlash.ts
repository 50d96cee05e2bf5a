import { useEffect, useRef, type RefObject } from 'react';

import { direction } from '@/services/format';
import { compared, decimal } from '@/services/decimal';

const FLASH_MS = 450;
const calm =
  typeof matchMedia === 'function' ? matchMedia('(prefers-reduced-motion: reduce)') : null;

/**
 * Flash an element's ground when its value moves: teal up, vermilion down. It restarts, never
 * queues, and moves nothing; where motion is unwelcome it is a mark of 2 px at the left.
 */
export function useFlash<E extends HTMLElement>(value: string | null): RefObject<E | null> {
  const element = useRef<E>(null);
  const before = useRef(value);
  const running = useRef<Animation>(undefined);
  useEffect(() => {
    const [was, is] = [decimal(before.current), decimal(value)];
    before.current = value;
    if (!was || !is || !element.current?.animate) return;
    const way = compared(is, was);
    if (way === 0) return;
    const tone = way > 0 ? 'up' : 'down';
    running.current?.cancel();
    running.current = element.current.animate(
      calm?.matches
        ? { boxShadow: [`inset 2px 0 var(--${tone})`, `inset 2px 0 var(--${tone})`] }
        : { backgroundColor: [`var(--${tone}-soft)`, 'transparent'] },
      { duration: FLASH_MS, easing: 'ease-out' },
    );
  }, [value]);
  return element;
}

/** The class of a value's direction. */
export function tone(value: string | number | null | undefined): 'up' | 'down' | 'flat' {
  const way = direction(value);
  return way > 0 ? 'up' : way < 0 ? 'down' : 'flat';
}
