import { useEffect, useRef, type RefObject } from 'react';

import { direction } from '@/services/format';
import { compared, decimal } from '@/services/decimal';

const FLASH_MS = 450;
const calm =
  typeof matchMedia === 'function' ? matchMedia('(prefers-reduced-motion: reduce)') : null;

/**
 * Flash a ground when its value moves: teal up, vermilion down. It restarts, never queues, and
 * moves nothing; where motion is unwelcome it is a mark of 2 px at the left for as long.
 * Only the ground's opacity is animated, which the compositor does without the main thread.
 */
export function useFlash<E extends HTMLElement>(value: string | null): RefObject<E | null> {
  const ground = useRef<E>(null);
  const before = useRef(value);
  const running = useRef<Animation>(undefined);
  useEffect(() => {
    const [was, is] = [decimal(before.current), decimal(value)];
    before.current = value;
    const element = ground.current;
    if (!was || !is || !element?.animate) return;
    const way = compared(is, was);
    if (way === 0) return;
    element.dataset.way = way > 0 ? 'up' : 'down';
    if (running.current) {
      running.current.currentTime = 0;
      running.current.play();
      return;
    }
    running.current = element.animate(
      { opacity: calm?.matches ? [1, 1] : [1, 0] },
      { duration: FLASH_MS, easing: 'ease-out' },
    );
  }, [value]);
  return ground;
}

/** The class of a value's direction. */
export function tone(value: string | number | null | undefined): 'up' | 'down' | 'flat' {
  const way = direction(value);
  return way > 0 ? 'up' : way < 0 ? 'down' : 'flat';
}
