import { useZone } from '@/hooks/useZone';

import { Accounts } from './Accounts';
import { Audit } from './Audit';

/** Who may log in, in which role, and who did what. */
export default function People() {
  const zone = useZone();
  return (
    <>
      <h1>People</h1>
      <Accounts zone={zone} />
      <Audit zone={zone} />
    </>
  );
}
