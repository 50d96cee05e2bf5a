import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import type { components } from '@/types/api';

import { outcome, written } from './audit';
import css from './People.module.css';

type Row = components['schemas']['AuditRow'];

const PAGE = 25;
const EVERY_MS = 10_000;
const NOTHING = { who: '', route: '', from: '', to: '' };

/** Who changed what, who logged in and who was refused, the newest first. */
export function Audit({ zone }: { zone: string }) {
  const [typed, type] = useState(NOTHING);
  const [asked, ask] = useState(NOTHING);
  const { data: pages, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ['people', 'audit', asked],
    queryFn: ({ pageParam }) => {
      const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ''));
      const query = { ...given, limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return data(api.GET('/api/audit', { params: { query } }));
    },
    initialPageParam: null as number | null,
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)!.audit_id),
    refetchInterval: EVERY_MS,
  });
  const rows = pages?.pages.flat() ?? [];
  const find = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = { ...typed, who: typed.who.trim(), route: typed.route.trim() };
    // Days are the zone's; the API takes moments.
    ask({ ...trimmed, from: startOf(typed.from, 0, zone), to: startOf(typed.to, 1, zone) });
  };
  return (
    <Panel title="Audit" meta={`changes, logins and refusals, the newest first; times of ${format.city(zone)}`} isFlush anchor="audit">
      <form className={css.filter} onSubmit={find} aria-label="Filter of the audit">
        <label>
          <span>Who</span>
          <input className={css.input} value={typed.who} maxLength={254} placeholder="ann@example.com" autoComplete="off" onChange={(event) => type({ ...typed, who: event.currentTarget.value })} />
        </label>
        <label>
          <span>Part of the route</span>
          <input className={css.input} value={typed.route} maxLength={100} placeholder="/api/desk" autoComplete="off" onChange={(event) => type({ ...typed, route: event.currentTarget.value })} />
        </label>
        <label>
          <span>From</span>
          <input className={css.input} type="date" value={typed.from} onChange={(event) => type({ ...typed, from: event.currentTarget.value })} />
        </label>
        <label>
          <span>Until</span>
          <input className={css.input} type="date" value={typed.to} onChange={(event) => type({ ...typed, to: event.currentTarget.value })} />
        </label>
        <Button type="submit" size="compact-sm">
          Find
        </Button>
        <Button
          size="compact-sm"
          onClick={() => {
            type(NOTHING);
            ask(NOTHING);
          }}
        >
          All
        </Button>
      </form>
      {error && <Failure title="The audit could not be read." error={error} onRetry={() => void refetch()} />}
      {isPending && !error && <Loading rows={6} height={20} />}
      {pages && rows.length === 0 && <Empty title="Nothing of this kind was done or refused.">Take less into the filter.</Empty>}
      {rows.length > 0 && (
        <div className={css.scroll}>
          <table className={`${css.table} ${css.audit}`} data-testid="audit">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">Outcome</th>
                <th scope="col">Change</th>
                <th scope="col">Address</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <AuditLine key={row.audit_id} row={row} zone={zone} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasNextPage && (
        <div className={css.foot}>
          <Button size="compact-sm" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Show older
          </Button>
        </div>
      )}
    </Panel>
  );
}

function AuditLine({ row, zone }: { row: Row; zone: string }) {
  const found = outcome(row.status);
  const lines = written(row.before, row.after);
  return (
    <tr>
      <td className={`nowrap ${css.when}`}>{format.time(row.at, zone, serverClock.real())}</td>
      <td className={css.who}>
        {row.who}
        <small>
          {row.role}
          {row.key && `, by the key ${row.key}`}
        </small>
      </td>
      <td className={`${css.what} ${css.broken}`}>
        <span className="mono">
          {row.method} {row.route}
        </span>
        {row.object && <small>{row.object}</small>}
      </td>
      <td className={css.outcome} data-kind={found.kind} title={row.request_id ? `Thor-Request-Id ${row.request_id}` : undefined}>
        {found.words} <span className="dim">{row.status}</span>
      </td>
      <td className={`${css.changes} ${css.broken}`} data-empty={lines.length === 0}>
        {lines.length === 0 && <span className="dim">{format.MISSING}</span>}
        {lines.map((line) => (
          <div key={line} className={css.change}>
            {line}
          </div>
        ))}
      </td>
      <td className={css.from}>{row.address ?? format.MISSING}</td>
    </tr>
  );
}

/** The moment at which a day begins in a zone, so many days later; nothing for no day. */
function startOf(day: string, days: number, zone: string): string {
  if (day === '') return '';
  const utc = Date.parse(`${day}T00:00:00Z`) + days * 86_400_000;
  const of = (ms: number) => {
    const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' });
    return Date.parse(`${parts.format(ms).replace(', ', 'T')}Z`) - ms;
  };
  // The offset of the day's own start, also where the clock changes on it.
  const near = utc - of(utc);
  return new Date(utc - of(near)).toISOString();
}
