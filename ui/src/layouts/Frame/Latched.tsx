import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Time } from '@/components/figures/figures';
import { Note } from '@/components/states/states';
import { useZone } from '@/hooks/useZone';
import { killQuery } from '@/services/trading';

/** On every page, as long as the kill switch is latched. */
export default function Latched() {
  const { data: kill } = useQuery(killQuery);
  const zone = useZone();
  if (!kill?.is_latched) return null;
  return (
    <div data-testid="latched" data-flat={kill.is_flat}>
      <Note kind="error" title="The kill switch is latched: only orders that flatten pass.">
        Since <Time at={kill.since} zone={zone} /> by {kill.who}: {kill.reason}. {kill.is_flat ? 'It is flat.' : 'It is not flat yet.'} An
        ADMIN resets it on the page of <Link to="/risk" className="link">risk</Link>.
      </Note>
    </div>
  );
}
