import { useCallback } from 'react';

import { useWall } from '@/hooks/useWall';
import * as format from '@/services/format';

import css from './GlobalMarkets.module.css';
import * as world from './world';
import type { MarketState, SessionState } from './world';

/** A clock of each market from east to west, and one of the futures' own exchange. */
export function Wall({ rows, session }: { rows: readonly MarketState[]; session: SessionState | undefined }) {
  return (
    <ul className={css.wall} data-testid="wall">
      {rows.map((row) => (
        <Clock key={row.market} row={row} />
      ))}
      {session && <FuturesClock session={session} />}
    </ul>
  );
}

function Clock({ row }: { row: MarketState }) {
  const counts = row.contribution > 0;
  return (
    <li className={css.clock} data-market={row.market} data-open={counts || undefined}>
      <div className={css.clockHead}>
        <b>{row.market}</b>
        <span className="spacer" />
        {world.isUnconfirmed(row) && <span className={css.unconfirmed}>unconfirmed</span>}
        <StateChip state={row.state} />
      </div>
      <div className={css.hours}>
        {row.display === row.market ? format.city(row.time_zone) : row.display} · {world.hours(row)}
      </div>
      <LocalTime zone={row.time_zone} />
      <div className={css.next}>
        <span>{world.nextEvent(row)}</span>
        <Countdown at={row.next_event_at} />
      </div>
      <div className={css.clockFoot}>
        <span>{row.is_control ? `Weight ${format.plainNumber(row.weight * 100, 0)}` : 'not in the composite'}</span>
        <span>{counts ? 'counts now' : format.date(row.day)}</span>
      </div>
    </li>
  );
}

const CHICAGO = 'America/Chicago';

function FuturesClock({ session }: { session: SessionState }) {
  const isOpen = session.state === 'OPEN';
  const at = isOpen ? session.close_at : session.next_open_at;
  const isSimulated = session.note?.startsWith('simulated') ?? false;
  return (
    <li className={`${css.clock} ${css.own}`} data-market="CME Globex">
      <div className={css.clockHead}>
        <b>CME Globex</b>
        <span className="spacer" />
        {isSimulated && <span className={css.simulated}>simulated</span>}
        <StateChip state={session.state} />
      </div>
      <div className={css.hours}>
        Chicago ·{' '}
        {session.open_at === null
          ? (session.note ?? 'no session')
          : `${world.hourMinute(session.open_at, CHICAGO)}–${world.hourMinute(session.close_at, CHICAGO)}`}
      </div>
      <LocalTime zone={CHICAGO} />
      <div className={css.next}>
        <span>
          {at === null ? 'Nothing is known to come' : `${isOpen ? 'Closes' : 'Opens'} ${world.hourMinute(at, CHICAGO)}`}
        </span>
        <Countdown at={at} />
      </div>
      <div className={css.clockFoot}>
        <span>{isSimulated ? 'never closes' : 'The futures'}</span>
        <span>trade date {format.date(session.trade_date)}</span>
      </div>
    </li>
  );
}

export function StateChip({ state }: { state: MarketState['state'] | SessionState['state'] }) {
  if (state === null) return <span className={css.chip}>unknown</span>;
  const { glyph, title } = world.STATES[state];
  return (
    <span className={css.chip} data-market-state={state}>
      <span aria-hidden="true">{glyph}</span> {title}
    </span>
  );
}

function LocalTime({ zone }: { zone: string }) {
  const time = useWall(useCallback((now) => format.time(now, zone), [zone]));
  return (
    <div className={`${css.time} live`}>
      {time.slice(0, 5)}
      <span>{time.slice(5)}</span>
    </div>
  );
}

/** How long until an instant, by Thor's clock. */
export function Countdown({ at }: { at: string | null }) {
  const text = useWall(
    useCallback((now) => (at === null ? '' : world.until(Math.max(0, Date.parse(at) - now))), [at]),
  );
  return at === null ? null : <b className="live">in {text}</b>;
}
