import { Button, Checkbox, CopyButton, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';

import { TextField } from '@/components/entrance/fields';
import { refusal } from '@/components/entrance/refusal';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { api, data, done } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import type { Role } from '@/services/session';

import css from './Profile.module.css';

const KEY = ['me', 'keys'];
const SCOPES: readonly { scope: 'read' | 'trade' | 'admin'; role: Role }[] = [
  { scope: 'read', role: 'VIEWER' },
  { scope: 'trade', role: 'TRADER' },
  { scope: 'admin', role: 'ADMIN' },
];

/** The keys of one's programs: made, shown once, revoked. */
export function KeysOfPrograms({ zone, role }: { zone: string; role: string }) {
  const [refused, refuse] = useState<unknown>(null);
  const { data: rows, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => data(api.GET('/api/keys', { params: { query: {} } })),
    refetchOnMount: 'always',
  });
  const revoke = async (key_id: number) => {
    refuse(null);
    try {
      await done(api.DELETE('/api/keys/{key_id}', { params: { path: { key_id } } }));
    } catch (found) {
      refuse(found);
    }
    await queryClient.invalidateQueries({ queryKey: KEY });
  };
  const now = serverClock.real();
  return (
    <Panel title="Keys of programs" meta={`a program may do what you may as ${role}, within the key’s scopes`} isFlush>
      {error && <Failure title="The keys could not be read." error={error} onRetry={() => void refetch()} />}
      {refused !== null && <Failure title="The key is still good." error={refused} />}
      {!rows && !error && <Loading rows={2} height={20} />}
      {rows?.length === 0 && (
        <Empty title="You have no key.">A script or a workbook sends one in place of a login.</Empty>
      )}
      {rows && rows.length > 0 && (
        <div className={css.scroll}>
          <table className={css.table} data-testid="keys">
            <thead>
              <tr>
                <th scope="col">For</th>
                <th scope="col">Begins with</th>
                <th scope="col">Scopes</th>
                <th scope="col">Used last</th>
                <th scope="col">Ends</th>
                <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => {
                const isOver = one.revoked_at !== null || (one.expires_at !== null && Date.parse(one.expires_at) <= now);
                return (
                  <tr key={one.key_id} className={isOver ? css.over : undefined}>
                    <th scope="row">{one.name}</th>
                    <td data-label="Begins with" className="mono">{one.prefix}</td>
                    <td data-label="Scopes">{one.scopes.join(', ')}</td>
                    <td data-label="Used last">{one.last_used_at ? format.time(one.last_used_at, zone, now) : 'never'}</td>
                    <td data-label="Ends">{ends(one, zone, now)}</td>
                    <td className={css.actions}>
                      {!isOver && (
                        <Button size="compact-xs" aria-label={`Revoke ${one.name}`} onClick={() => void revoke(one.key_id)}>
                          Revoke
                        </Button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <NewKey />
    </Panel>
  );
}

function ends(key: { revoked_at: string | null; expires_at: string | null }, zone: string, now: number): string {
  if (key.revoked_at !== null) return `revoked ${format.time(key.revoked_at, zone, now)}`;
  if (key.expires_at === null) return 'never';
  const isOver = Date.parse(key.expires_at) <= now;
  return `${isOver ? 'ended ' : ''}${format.fullDate(key.expires_at)}`;
}

function NewKey() {
  const isTrader = useMay('TRADER');
  const isAdmin = useMay('ADMIN');
  const isOffered = (role: Role) => role === 'VIEWER' || (role === 'TRADER' ? isTrader : isAdmin);
  const [name, setName] = useState('');
  const [days, setDays] = useState('90');
  const [scopes, setScopes] = useState<readonly string[]>(['read']);
  const [made, setMade] = useState<{ name: string; key: string } | null>(null);
  const [refused, refuse] = useState<string | null>(null);
  const [isSending, send] = useState(false);
  const make = async (event: FormEvent) => {
    event.preventDefault();
    const expires_days = days.trim() === '' ? null : Number(days);
    if (expires_days !== null && !(Number.isInteger(expires_days) && expires_days > 0)) {
      refuse('Days: a whole number above 0, or nothing for a key that does not end.');
      return;
    }
    send(true);
    refuse(null);
    try {
      const body = { name: name.trim(), scopes: [...scopes], expires_days };
      setMade(await data(api.POST('/api/keys', { body })));
      setName('');
      await queryClient.invalidateQueries({ queryKey: KEY });
    } catch (error) {
      refuse(refusal(error));
    }
    send(false);
  };
  return (
    <form className={css.form} onSubmit={(event) => void make(event)} aria-label="New key">
      <TextField size="xs" label="New key for" placeholder="nightly report" required withAsterisk={false} maxLength={80} value={name} onChange={setName} />
      <fieldset className={css.scopes}>
        <legend>It may</legend>
        <div>
          {SCOPES.filter(({ role }) => isOffered(role)).map(({ scope }) => (
            <Checkbox
              key={scope}
              size="xs"
              label={scope}
              checked={scopes.includes(scope)}
              onChange={(event) =>
                setScopes(event.currentTarget.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))
              }
            />
          ))}
        </div>
      </fieldset>
      <TextField size="xs" label="Good for days" w={110} inputMode="numeric" placeholder="no end" value={days} onChange={setDays} />
      <Button type="submit" disabled={isSending || !name.trim() || scopes.length === 0}>
        Make the key
      </Button>
      {refused !== null && (
        <div className={css.whole}>
          <Note kind="error" title={refused} />
        </div>
      )}
      {made && (
        <p className={css.secret}>
          <b>{made.name}:</b>
          <code data-testid="key">{made.key}</code>
          <CopyButton value={made.key}>
            {({ copied, copy }) => (
              <Button size="compact-sm" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
          <span className="muted">Keep it now: it is shown this once.</span>
        </p>
      )}
    </form>
  );
}
