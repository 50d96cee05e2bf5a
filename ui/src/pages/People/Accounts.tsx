import { Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { refusal } from '@/components/entrance/refusal';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { useMay, useMe } from '@/hooks/useMay';
import { api, data, done } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import { ask, ROLES } from '@/services/session';
import type { components } from '@/types/api';

import css from './People.module.css';

type User = components['schemas']['UserRow'];
type Change = components['schemas']['UserChange'];

const KEY = ['people', 'users'];
const EVERY_MS = 10_000;

/** The accounts: approve, change the role, disable, log out. */
export function Accounts({ zone }: { zone: string }) {
  const [refused, refuse] = useState<{ email: string; why: string } | null>(null);
  const [sending, send] = useState<number | null>(null);
  const { data: rows, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => data(api.GET('/api/users')),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
  const act = async (user: User, work: () => Promise<unknown>) => {
    refuse(null);
    send(user.user_id);
    try {
      await work();
      // One's own role may be another one now.
      void ask();
    } catch (found) {
      refuse({ email: user.email, why: refusal(found) });
    }
    await queryClient.invalidateQueries({ queryKey: ['people'] });
    send(null);
  };
  const path = (user: User) => ({ params: { path: { user_id: user.user_id } } });
  const change = (user: User, body: Change) =>
    void act(user, () => data(api.PATCH('/api/users/{user_id}', { ...path(user), body })));
  const logOut = (user: User) => void act(user, () => done(api.POST('/api/users/{user_id}/logout', path(user))));
  const waiting = rows?.filter((user) => !user.is_approved).length ?? 0;
  return (
    <>
      {waiting > 0 && (
        <Note kind="warning" title={waiting === 1 ? 'One account waits for approval.' : `${waiting} accounts wait for approval.`} />
      )}
      {error && rows && <Failure title="The accounts could not be read again." error={error} still="What stands here is older." />}
      {refused && <Note kind="error" title={`${refused.email} stays as it was.`}>{refused.why}</Note>}
      <Panel title="Accounts" meta="a change counts at once, in open sessions too" isFlush>
        {error && !rows && <Failure title="The accounts could not be read." error={error} onRetry={() => void refetch()} />}
        {!rows && !error && <Loading rows={4} height={24} />}
        {rows?.length === 0 && (
          <Empty title="There is no account.">
            <code>thor user setup-link</code> prints the link that sets up the first owner.
          </Empty>
        )}
        {rows && rows.length > 0 && (
          <div className={css.scroll}>
            <table className={css.table} data-testid="accounts">
              <thead>
                <tr>
                  <th scope="col">Account</th>
                  <th scope="col">Role</th>
                  <th scope="col">State</th>
                  <th scope="col">Logged in last</th>
                  <th scope="col" className={css.right}>Sessions</th>
                  <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
                </tr>
              </thead>
              <tbody>
                {rows.map((user) => (
                  <Row
                    key={user.user_id}
                    user={user}
                    zone={zone}
                    isSending={sending === user.user_id}
                    onChange={(body) => change(user, body)}
                    onLogOut={() => logOut(user)}
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </>
  );
}

interface RowProps {
  user: User;
  zone: string;
  isSending: boolean;
  onChange: (body: Change) => void;
  onLogOut: () => void;
}

function Row({ user, zone, isSending, onChange, onLogOut }: RowProps) {
  const me = useMe();
  const isOwner = useMay('OWNER');
  const now = serverClock.real();
  const isOwn = me?.user_id === user.user_id;
  // An owner's account is for owners to change.
  const isMine = isOwner || user.role !== 'OWNER';
  const roles = ROLES.filter((role) => isOwner || role !== 'OWNER' || user.role === 'OWNER');
  return (
    <tr data-user={user.email}>
      <th scope="row">
        {user.display_name || user.email}
        <small>
          {user.display_name && user.email}
          {user.display_name && isOwn && ', '}
          {isOwn && 'you'}
        </small>
      </th>
      <td data-label="Role">
        {isMine ? (
          <select
            className={css.select}
            aria-label={`Role of ${user.email}`}
            value={user.role}
            disabled={isSending}
            onChange={(event) => onChange({ role: event.currentTarget.value })}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {role}
              </option>
            ))}
          </select>
        ) : (
          user.role
        )}
      </td>
      <td data-label="State" data-field="state">
        <State user={user} />
        {user.is_approved && user.approved_by && (
          <small>
            approved by {user.approved_by}, {format.time(user.approved_at, zone, now)}
          </small>
        )}
        {!user.is_approved && <small>registered {format.time(user.created_at, zone, now)}</small>}
      </td>
      <td data-label="Logged in last">
        {user.last_login_at ? format.time(user.last_login_at, zone, now) : <span className="dim">never</span>}
        <small>{user.has_totp ? 'with a second factor' : 'by password alone'}</small>
      </td>
      <td data-label="Sessions" className={css.right}>
        {format.size(user.sessions)}
      </td>
      <td className={css.actions}>
        {isMine && !user.is_approved && (
          <Button size="compact-xs" variant="filled" disabled={isSending} aria-label={`Approve ${user.email}`} onClick={() => onChange({ is_approved: true })}>
            Approve
          </Button>
        )}
        {isMine && !isOwn && (
          <>
            {user.sessions > 0 && (
              <Button size="compact-xs" disabled={isSending} aria-label={`Log out ${user.email}`} onClick={onLogOut}>
                Log out
              </Button>
            )}
            <Button
              size="compact-xs"
              disabled={isSending}
              aria-label={`${user.is_enabled ? 'Disable' : 'Enable'} ${user.email}`}
              onClick={() => onChange({ is_enabled: !user.is_enabled })}
            >
              {user.is_enabled ? 'Disable' : 'Enable'}
            </Button>
          </>
        )}
      </td>
    </tr>
  );
}

function State({ user }: { user: User }) {
  if (!user.is_enabled) return <span data-kind="bad">✕ disabled</span>;
  if (!user.is_approved) return <span data-kind="waits">◐ waits for approval</span>;
  return <span>● may log in</span>;
}
