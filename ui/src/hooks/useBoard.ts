import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { boardQuery } from '@/services/queries';

import { useField } from './useQuote';

/** Keep the board's figures current while a page shows them; returns whether they could be read. */
export function useBoard() {
  const { error, isPending, refetch } = useQuery(boardQuery);
  return { error, isPending, retry: () => void refetch() };
}

const NONE: readonly number[] = [];

/** The closes of the last hour's minutes of a symbol that had a trade, oldest first. */
export function useLastHour(symbol: string): readonly number[] {
  const closes = useField(symbol, 'closes');
  return useMemo(() => closes?.map(Number) ?? NONE, [closes]);
}
