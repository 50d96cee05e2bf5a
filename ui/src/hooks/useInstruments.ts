import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { instrumentsQuery } from '@/services/queries';
import { quotes, type Listed } from '@/services/quotes';

import { useCell } from './useCell';

/**
 * The instruments that pages show, a row a symbol in the desk's order: roots, and the months that
 * have a quote. Returns whether they could be read.
 */
export function useInstruments() {
  const { data, error, isPending, refetch } = useQuery(instrumentsQuery);
  const symbols = useCell(quotes.symbols);
  const instruments = useMemo(
    (): readonly Listed[] => (data ? symbols.flatMap((one) => quotes.instrument(one) ?? []) : []),
    [data, symbols],
  );
  return { instruments, error, isPending, retry: () => void refetch() };
}
