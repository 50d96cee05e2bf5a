import { useQuery } from '@tanstack/react-query';

import { accountsQuery, positionsQuery } from '@/services/trading';
import type { AccountRow, PositionRow } from '@/types/domain';

import { isText, useStored } from './useStored';

const NONE: readonly never[] = [];

/** The account that pages show, of all there are, with what it holds. */
export function useAccount() {
  const [wanted, choose] = useStored('account', 'PAPER', isText);
  const accounts = useQuery(accountsQuery);
  const held = useQuery(positionsQuery);
  const all: readonly AccountRow[] = accounts.data ?? NONE;
  const account = all.find((one) => one.account_id === wanted) ?? all[0];
  const positions: readonly PositionRow[] = held.data ?? NONE;
  return {
    accounts: all,
    account,
    /** Its id, also before the accounts were read. */
    id: account?.account_id ?? wanted,
    positions: positions.filter((one) => one.account_id === account?.account_id),
    choose,
    error: accounts.error ?? held.error,
    isPending: accounts.isPending,
    retry: () => {
      void accounts.refetch();
      void held.refetch();
    },
  };
}
