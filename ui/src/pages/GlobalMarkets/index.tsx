import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { stream } from '@/services/stream';
import type { components } from '@/types/api';

import css from './GlobalMarkets.module.css';
import * as sql from './sql';
import { Countdown, Wall } from './Wall';
import * as world from './world';
import type { MarketDay, MarketState } from './world';

type Composite = components['schemas']['MarketComposite'];

/** States come by the stream when they change; this only repairs what it missed. */
const STATES_MS = 60_000;
const DAYS_MS = 3_600_000;
const HOLIDAYS_DAYS = 70;
const DAY_MS = 86_400_000;

/** The clock wall of the world's markets from east to west, the composite, a day, the holidays. */
export default function GlobalMarkets() {
  useChanges();
  const { data: rows, error, isPending, refetch } = useQuery({
    queryKey: ['world', 'states'],
    queryFn: () => data(api.GET('/api/global-markets')),
    refetchInterval: STATES_MS,
  });
  const session = useQuery({
    queryKey: ['world', 'session'],
    queryFn: () => data(api.GET('/api/session', { params: { query: { symbol: 'ES' } } })),
    refetchInterval: STATES_MS,
  });
  if (isPending) return <Loading rows={10} height={28} />;
  if (!rows) {
    return <Failure title="The markets could not be read." error={error} onRetry={() => void refetch()} />;
  }
  return (
    <>
      <div className={css.head}>
        <h1>Global markets</h1>
        <span className="muted small">East to west, by Thor’s clock</span>
      </div>
      {error !== null && (
        <Failure title="The markets could not be read again." error={error} still="States below are older; the clocks go on." />
      )}
      <CompositeStrip rows={rows} />
      <Panel
        title="Clock wall"
        meta={`${rows.length} markets, and the futures’ own exchange`}
        sql={{ statement: () => sql.wallSql(serverClock.real()), gives: `${rows.length} rows` }}
      >
        {rows.length === 0 ? (
          <Empty title="There is no market.">`thor markets add` adds one.</Empty>
        ) : (
          <Wall rows={rows} session={session.data} />
        )}
      </Panel>
      <div className={css.columns}>
        <Day rows={rows} />
        <Coming rows={rows} />
      </div>
    </>
  );
}

/** Read everything again when a market or session has changed. */
function useChanges(): void {
  const client = useQueryClient();
  useEffect(() => {
    const again = () => void client.invalidateQueries({ queryKey: ['world'] });
    const ends = [stream.on('market', again), stream.on('session', again)];
    return () => ends.forEach((end) => end());
  }, [client]);
}

function CompositeStrip({ rows }: { rows: readonly MarketState[] }) {
  const { data: found, error } = useQuery({
    queryKey: ['world', 'composite'],
    queryFn: () => data(api.GET('/api/global-markets/composite')),
    refetchInterval: STATES_MS,
  });
  return (
    <Panel
      title="Composite of open markets"
      sql={{ statement: () => sql.compositeSql(serverClock.real()), gives: 'one row' }}
    >
      {found ? (
        <Figures found={found} rows={rows} />
      ) : error ? (
        <Failure title="The composite could not be read." error={error} still="The clocks go on." />
      ) : (
        <Loading rows={1} height={28} />
      )}
    </Panel>
  );
}

function Figures({ found, rows }: { found: Composite; rows: readonly MarketState[] }) {
  const first = world.soonest(rows, serverClock.real());
  const phase = world.PHASES[found.phase];
  const value = format.plainNumber(found.composite, 0);
  const max = format.plainNumber(found.composite_max, 0);
  return (
    <div className={css.strip} data-testid="composite">
      <div className={css.big}>
        <span className="fig">{value}</span> <span className={css.of}>of {max}</span>
      </div>
      <div
        className={css.meter}
        role="img"
        aria-label={`${value} of ${max}: ${found.active_markets} of ${found.control_markets} markets are open`}
      >
        <div style={{ width: `${found.composite_max ? (found.composite / found.composite_max) * 100 : 0}%` }} />
      </div>
      <dl className={css.facts}>
        <div>
          <dt>Open</dt>
          <dd>
            {found.active_markets} of {found.control_markets}
          </dd>
        </div>
        <div>
          <dt>Phase</dt>
          <dd>
            <b>{phase.title}</b> until {String(phase.ends % 24).padStart(2, '0')}:00 UTC
          </dd>
        </div>
        {first && (
          <div>
            <dt>Next</dt>
            <dd>
              <b>{first.market}</b>, {lower(world.nextEvent(first))} <Countdown at={first.next_event_at} />
            </dd>
          </div>
        )}
      </dl>
    </div>
  );
}

/** Twenty-four hours of all markets on one line of time. */
function Day({ rows }: { rows: readonly MarketState[] }) {
  const zone = useZone();
  const [now, setNow] = useState(() => serverClock.real());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverClock.real()), 30_000);
    return () => clearInterval(timer);
  }, []);
  const window = world.windowOf(now);
  // A market's day may be the one before or after that of UTC.
  const first = iso(window.from - DAY_MS);
  const last = iso(window.to + DAY_MS);
  const { data: days, error } = useQuery({
    queryKey: ['world', 'days', first, last],
    queryFn: () => data(api.GET('/api/global-markets/days', { params: { query: { from: first, to: last } } })),
    staleTime: DAYS_MS,
  });
  return (
    <Panel
      title="Twenty-four hours"
      meta={`${format.city(zone)} time`}
      sql={{ statement: () => sql.daysSql(first, last), gives: `${days?.length ?? 0} rows` }}
    >
      {days ? (
        <Timeline rows={rows} days={days} window={window} now={now} zone={zone} />
      ) : error ? (
        <Failure title="The days could not be read." error={error} still="The clocks go on." />
      ) : (
        <Loading rows={9} height={16} />
      )}
    </Panel>
  );
}

interface TimelineProps {
  rows: readonly MarketState[];
  days: readonly MarketDay[];
  window: world.Window;
  now: number;
  zone: string;
}

function Timeline({ rows, days, window, now, zone }: TimelineProps) {
  const hours = Array.from({ length: 8 }, (_, index) => window.from + index * 3 * 3_600_000);
  const marks = world.phasesIn(window);
  return (
    <div className={css.timeline}>
      <div className={css.lanes}>
        <div aria-hidden="true" className={css.marks}>
          {marks.map(({ title, left }) => (
            <span key={left} style={{ left: `${left}%` }}>
              {title}
            </span>
          ))}
          <i style={{ left: `${world.share(now, window)}%` }} />
        </div>
      </div>
      <ul>
        {rows.map((row) => {
          const bars = world.bars(days.filter((day) => day.market === row.market), window, now);
          return (
            <li key={row.market}>
              <span>{row.market}</span>
              <div
                className={css.lane}
                role="img"
                aria-label={
                  bars.length === 0
                    ? `${row.market} does not trade within these 24 hours`
                    : `${row.market}: ${world.hours(row)}, ${bars.some((bar) => bar.isNow) ? 'trading now' : 'not trading now'}`
                }
              >
                {bars.map((bar) => (
                  <div
                    key={bar.left}
                    style={{ left: `${bar.left}%`, width: `${bar.width}%` }}
                    data-now={bar.isNow || undefined}
                    data-unconfirmed={bar.isUnconfirmed || undefined}
                  />
                ))}
              </div>
            </li>
          );
        })}
      </ul>
      <div aria-hidden="true" className={css.axis}>
        {hours.map((ms) => (
          <span key={ms} style={{ left: `${world.share(ms, window)}%` }}>
            {world.hourMinute(ms, zone)}
          </span>
        ))}
      </div>
    </div>
  );
}

/** The days on which a market is closed or trades other hours. */
function Coming({ rows }: { rows: readonly MarketState[] }) {
  const { data: found, error } = useQuery({
    queryKey: ['world', 'holidays'],
    queryFn: () => data(api.GET('/api/global-markets/holidays', { params: { query: { days: HOLIDAYS_DAYS } } })),
    staleTime: DAYS_MS,
  });
  const zones = new Map(rows.map((row) => [row.market, row.time_zone]));
  const shown = world.holidays(found ?? [], zones);
  return (
    <Panel
      title="Holidays and other hours"
      meta="next ten weeks"
      isFlush
      sql={{
        statement: () => {
          const now = serverClock.real();
          return sql.holidaysSql(iso(now), iso(now + HOLIDAYS_DAYS * DAY_MS));
        },
        gives: `${(found ?? []).filter((day) => day.is_holiday || day.note !== null).length} rows`,
      }}
    >
      {error && !found ? (
        <Failure title="The holidays could not be read." error={error} still="The clocks go on." />
      ) : shown.length === 0 ? (
        <Empty title="No holiday is near.">The days are computed by Thor’s job markets.</Empty>
      ) : (
        <div className={css.holidays} tabIndex={0} role="region" aria-label="Holidays and other hours">
          <table>
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col">Markets</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((one) => (
                <tr key={`${one.day}${one.isFrom}`}>
                  <td className="nowrap">
                    {one.isFrom && 'From '}
                    {format.date(one.day)}
                  </td>
                  <td>
                    <b>{one.markets}</b>
                  </td>
                  <td className="muted">
                    {one.what} {one.isOverride && <span className={css.override}>override</span>}
                    {one.isUnconfirmed && <span className={css.unconfirmed}>unconfirmed</span>}
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

/** A sentence's beginning in the middle of one. */
function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
