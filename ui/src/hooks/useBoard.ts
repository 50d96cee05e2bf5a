import { useQuery } from '@tanstack/react-query';

import { boardQuery, lastHours } from '@/services/queries';

import { useCell } from './useCell';

/** Keep the board's figures coming while a page shows them; tells whether they could be read. */
export function useBoard() {
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(boardQuery);
  return { rows: data, error, isPending, readAt: dataUpdatedAt, retry: () => void refetch() };
}

const NONE: readonly (number | null)[] = [];

/** The closes of the last hour's minutes of a symbol, oldest first. */
export function useLastHour(symbol: string): readonly (number | null)[] {
  return useCell(lastHours).get(symbol) ?? NONE;
}
