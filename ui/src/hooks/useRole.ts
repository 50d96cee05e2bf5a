import { useQuery } from '@tanstack/react-query';

import { api, data } from '@/services/api';

const ROLES = ['VIEWER', 'TRADER', 'ADMIN', 'OWNER'] as const;
type Role = (typeof ROLES)[number];

/** Whether who acts here has a role: what the API would refuse is not offered. */
export function useRole(role: Role): boolean {
  const { data: me } = useQuery({
    queryKey: ['me'],
    queryFn: () => data(api.GET('/api/me')),
    staleTime: 60_000,
  });
  return me !== undefined && ROLES.indexOf(me.role as Role) >= ROLES.indexOf(role);
}
