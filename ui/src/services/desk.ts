/** The desk's signals, its TOTAL and extremes, as the stream last sent them. */

import type { DeskExtreme, DeskSignal, DeskTotal } from '@/types/domain';

import { Cell } from './emitter';

/** The set of numbers that the pages show the signals of. */
export const SET = 'desk';

/** The TOTAL; null until it was heard. */
export const total = new Cell<DeskTotal | null>(null);

const signals = new Map<string, Cell<DeskSignal | null>>();

/** The signal of a symbol; null where the set has none, or until it was heard. */
export function signalOf(symbol: string): Cell<DeskSignal | null> {
  let found = signals.get(symbol);
  if (!found) signals.set(symbol, (found = new Cell<DeskSignal | null>(null)));
  return found;
}

/** Take a signal event. */
export function takeSignal(event: DeskSignal): void {
  signalOf(event.symbol).set(event);
}

/** Take a total event. */
export function takeTotal(event: DeskTotal): void {
  total.set(event);
}

/** New highs and lows of 52 weeks and of all known time, the newest first, one of each kind a symbol. */
export const extremes = new Cell<readonly DeskExtreme[]>([]);

/** Take an extreme event, in the order of the market's time. */
export function takeExtreme(event: DeskExtreme): void {
  const others = extremes.get().filter(({ symbol, kind }) => symbol !== event.symbol || kind !== event.kind);
  extremes.set([event, ...others].sort((a, b) => b.at.localeCompare(a.at)));
}
