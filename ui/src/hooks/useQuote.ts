import { useCallback, useRef, useSyncExternalStore } from 'react';

import { serverClock, ticker } from '@/services/clock';
import { quotes } from '@/services/quotes';
import type { BoardField, QuoteRow } from '@/types/domain';

/** Render with one field of a symbol's quote, again only when that field changes. */
export function useField<F extends BoardField>(symbol: string, field: F): QuoteRow[F] {
  const subscribe = useCallback(
    (listener: () => void) => quotes.subscribe(symbol, field, listener),
    [symbol, field],
  );
  return useSyncExternalStore(subscribe, () => quotes.read(symbol)?.[field] ?? (null as QuoteRow[F]));
}

/** Render with several fields of a symbol's quote; `fields` has to be the same array each time. */
export function useFields<F extends BoardField>(
  symbol: string,
  fields: readonly F[],
): Pick<QuoteRow, F> | undefined {
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = fields.map((field) => quotes.subscribe(symbol, field, listener));
      return () => ends.forEach((end) => end());
    },
    [symbol, fields],
  );
  const seen = useRef<Pick<QuoteRow, F>>(undefined);
  return useSyncExternalStore(subscribe, () => {
    const row = quotes.read(symbol);
    if (!row) return undefined;
    const before = seen.current;
    if (before && fields.every((field) => before[field] === row[field])) return before;
    return (seen.current = row);
  });
}

/** Render with a field of a symbol's quote four times a second: where the eye only passes by. */
export function useSlowField<F extends BoardField>(symbol: string, field: F): QuoteRow[F] {
  const value = () => quotes.read(symbol)?.[field] ?? (null as QuoteRow[F]);
  return useSyncExternalStore(ticker.subscribe, value);
}

/** Render with a number that is made of a symbol's quote, again only when the number changes. */
export function useFigure<F extends BoardField>(
  symbol: string,
  fields: readonly F[],
  figure: (row: QuoteRow) => number | null,
): number | null {
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = fields.map((field) => quotes.subscribe(symbol, field, listener));
      return () => ends.forEach((end) => end());
    },
    [symbol, fields],
  );
  return useSyncExternalStore(subscribe, () => {
    const row = quotes.read(symbol);
    return row ? figure(row) : null;
  });
}

/** Render with a text that is made of Thor's time, again only when the text changes. */
export function useTicking(text: (now: number) => string): string {
  return useSyncExternalStore(ticker.subscribe, () => text(ticker.get()));
}

/** Now by Thor's clock, once; for requests at a click. */
export function now(): number {
  return serverClock.now();
}
