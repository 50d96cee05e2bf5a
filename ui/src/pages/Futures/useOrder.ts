import { useEffect, useRef, useState, type RefObject } from 'react';

import { quotes } from '@/services/quotes';
import type { QuoteRow, Instrument } from '@/types/domain';

const SORT_MS = 2_000;

/**
 * The rows that a sort looks at: taken anew at most every 2 s while the table is sorted by a
 * figure that moves, and never while the pointer or the keyboard is on a row.
 */
export function useOrder(
  instruments: readonly Instrument[],
  isSorted: boolean,
  body: RefObject<HTMLElement | null>,
): QuoteRow[] {
  const [rows, setRows] = useState<QuoteRow[]>([]);
  const newest = useRef(instruments);
  useEffect(() => {
    newest.current = instruments;
    setRows(taken(instruments));
  }, [instruments, isSorted]);
  useEffect(() => {
    if (!isSorted) return undefined;
    const timer = setInterval(() => {
      const held = body.current?.matches(':hover, :focus-within') ?? false;
      if (!held) setRows(taken(newest.current));
    }, SORT_MS);
    return () => clearInterval(timer);
  }, [isSorted, body]);
  return rows;
}

function taken(instruments: readonly Instrument[]): QuoteRow[] {
  return instruments.flatMap(({ symbol }) => quotes.read(symbol) ?? []);
}
