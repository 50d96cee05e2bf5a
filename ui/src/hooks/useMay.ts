import { may, session, type Me, type Role } from '@/services/session';

import { useCell } from './useCell';

/** Whether who acts here has a role: what the API would refuse is not offered. */
export function useMay(role: Role): boolean {
  return useCell(session, ({ me }) => may(me, role));
}

/** Who acts here; null until it is known. */
export function useMe(): Me | null {
  return useCell(session).me;
}
