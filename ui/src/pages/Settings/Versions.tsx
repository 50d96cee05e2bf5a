import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Empty, Failure, Loading } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import type { components } from '@/types/api';

import { FIELDS } from '.';
import css from './Settings.module.css';

type Version = components['schemas']['DeskVersion'];

/** What a symbol's numbers were before, and the way back to each. */
export function Versions({ set, symbol, zone }: { set: string; symbol: string; zone: string }) {
  const path = { of_set: set, symbol };
  const mayChange = useMay('TRADER');
  const [refused, refuse] = useState<unknown>(null);
  const { data: found, error, isPending } = useQuery({
    queryKey: ['desk', set, symbol],
    queryFn: () => data(api.GET('/api/desk/{of_set}/{symbol}/versions', { params: { path } })),
  });
  const undo = async ({ relation, version }: Version) => {
    refuse(null);
    try {
      const body = { relation, version };
      await data(api.POST('/api/desk/{of_set}/{symbol}/undo', { params: { path }, body }));
      await queryClient.invalidateQueries({ queryKey: ['desk'] });
    } catch (reason) {
      refuse(reason);
    }
  };
  if (isPending) return <Loading rows={2} />;
  if (error) return <Failure title={`The versions of ${symbol} could not be read.`} error={error} />;
  if (found?.length === 0) {
    return <Empty title={`The numbers of ${symbol} were never changed.`}>Change one, and what it was stands here.</Empty>;
  }
  return (
    <>
      {refused !== null && <Failure title={`${symbol} stays as it is.`} error={refused} />}
      <table className={css.table} aria-label={`Earlier numbers of ${symbol}`}>
        <tbody>
          {found?.map((one) => (
            <tr key={`${one.relation} ${one.version}`}>
              <td>
                {one.relation === 'thresholds' ? 'Thresholds' : 'Weight'}, version {one.version}
              </td>
              <td>
                {FIELDS.filter(([field]) => field in one.numbers)
                  .map(([field, title]) => `${title.toLowerCase()} ${format.asSet(one.numbers[field])}`)
                  .join(' · ')}
                {one.numbers.is_inverted === 'true' && ' · inverted'}
              </td>
              <td className="muted nowrap">until {format.time(one.valid_to, zone, serverClock.real())}</td>
              <td className="muted">
                {one.changed_by}: {one.reason}
              </td>
              <td>
                {mayChange && (
                  <Button size="compact-xs" onClick={() => void undo(one)}>
                    Bring back
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
