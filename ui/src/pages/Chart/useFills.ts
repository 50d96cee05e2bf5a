import { useQuery } from '@tanstack/react-query';

import { fillsOfQuery } from '@/services/trading';
import type { FillRow } from '@/types/domain';

const NONE: readonly FillRow[] = [];

/** The fills of a symbol from the first bar on. */
export function useFills(symbol: string, from: string | undefined): readonly FillRow[] {
  const { data } = useQuery({ ...fillsOfQuery(symbol, from ?? ''), enabled: from !== undefined });
  return data ?? NONE;
}
