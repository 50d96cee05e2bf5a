import { Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Failure, Loading } from '@/components/states/states';
import { api, data, done } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';

import { browserOf } from './browser';
import css from './Profile.module.css';

const KEY = ['me', 'sessions'];

/** Where one is logged in, and how to end it. */
export function Sessions({ zone }: { zone: string }) {
  const [refused, refuse] = useState<unknown>(null);
  const { data: rows, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => data(api.GET('/api/me/sessions')),
    refetchOnMount: 'always',
  });
  const end = async (session_id: string) => {
    refuse(null);
    try {
      await done(api.DELETE('/api/me/sessions/{session_id}', { params: { path: { session_id } } }));
    } catch (found) {
      refuse(found);
    }
    await queryClient.invalidateQueries({ queryKey: KEY });
  };
  const now = serverClock.real();
  return (
    <Panel title="Sessions" meta={`where you are logged in; times of ${format.city(zone)}`} isFlush>
      {error && <Failure title="The sessions could not be read." error={error} onRetry={() => void refetch()} />}
      {refused !== null && <Failure title="The session goes on." error={refused} />}
      {!rows && !error && <Loading rows={2} height={20} />}
      {rows && (
        <div className={css.scroll}>
          <table className={css.table} data-testid="sessions">
            <thead>
              <tr>
                <th scope="col">Browser</th>
                <th scope="col">Address</th>
                <th scope="col">Since</th>
                <th scope="col">Renewed</th>
                <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => (
                <tr key={one.session_id}>
                  <th scope="row" title={one.agent ?? ''}>
                    {browserOf(one.agent)}
                    {one.is_current && <small>this one</small>}
                  </th>
                  <td data-label="Address">{one.address ?? format.MISSING}</td>
                  <td data-label="Since">{format.time(one.created_at, zone, now)}</td>
                  <td data-label="Renewed">{format.time(one.last_used_at, zone, now)}</td>
                  <td className={css.actions}>
                    {!one.is_current && (
                      <Button size="compact-xs" onClick={() => void end(one.session_id)}>
                        End
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
