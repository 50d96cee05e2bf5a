import { useQuery } from '@tanstack/react-query';

import { instrumentsQuery } from '@/services/queries';
import type { Instrument } from '@/types/domain';

const NONE: readonly Instrument[] = [];

/** The instruments in the desk's order, with whether they could be read. */
export function useInstruments() {
  const { data, error, isPending, refetch } = useQuery(instrumentsQuery);
  return { instruments: data ?? NONE, error, isPending, retry: () => void refetch() };
}
