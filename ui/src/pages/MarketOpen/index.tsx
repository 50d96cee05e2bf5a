import { Button, Menu, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

import { Icon } from '@/components/Icon';
import { Countdown } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { now } from '@/hooks/useQuote';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import { literal, moment } from '@/services/sql';
import { stream } from '@/services/stream';
import type { components } from '@/types/api';

import { Captured } from './Captured';
import { History } from './History';
import css from './MarketOpen.module.css';
import type { Row } from './progress';
import { Rates } from './Rates';

type NextOpening = components['schemas']['NextOpening'];
export type Kind = Row['capture_kind'];

const EVERY_MS = 5_000;
const MARKETS = 6;

/** Today's captures of market openings, their history, and how often they worked. */
export default function MarketOpen() {
  const { capture: asked, kind: askedKind } = useSearch({ strict: false }) as {
    capture?: string;
    kind?: string;
  };
  const navigate = useNavigate();
  const zone = useZone();
  const mayCapture = useMay('TRADER');
  const kind: Kind = askedKind === 'MANUAL' ? 'MANUAL' : 'OPEN';
  const today = useQuery({
    queryKey: ['market-opens', 'today'],
    queryFn: () => data(api.GET('/api/market-opens/today')),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
  const next = useQuery({
    queryKey: ['market-opens', 'next'],
    queryFn: () => data(api.GET('/api/market-opens/next')),
    refetchInterval: 6 * EVERY_MS,
  });
  useEffect(readOnGrades, []);
  const groups = grouped(today.data ?? []);
  const selected = asked ?? ([...groups.values()].find(isWatched) ?? [...groups.values()][0])?.[0]?.capture_group ?? null;
  const isOlder = selected !== null && !groups.has(selected) && today.data !== undefined;
  const older = useQuery({
    queryKey: ['market-opens', 'capture', selected],
    queryFn: () => readCapture(selected!),
    enabled: isOlder,
  });
  const rows = selected === null ? [] : (groups.get(selected) ?? older.data ?? []);
  const go = (search: { capture?: string; kind?: Kind }) =>
    void navigate({ to: '/market-open', search: { kind, ...search } as never, replace: true });
  const error = today.error ?? older.error;
  return (
    <>
      <div className={css.head}>
        <h1>Market open</h1>
        <nav className={css.tabs} aria-label="Today's captures">
          {[...groups].map(([group, members]) => (
            <button
              key={group}
              type="button"
              className={css.tab}
              aria-pressed={group === selected}
              onClick={() => go({ capture: group })}
            >
              {members[0]!.market}
              {members[0]!.capture_kind === 'MANUAL' && ' manual'} <span className="muted">{summary(members)}</span>
            </button>
          ))}
          {next.data?.slice(0, 2).map((one) => (
            <span key={one.market} className={css.next}>
              {one.market} in <Countdown to={one.open_at} />
            </span>
          ))}
        </nav>
        <span className="spacer" />
        {mayCapture && <CaptureNow markets={next.data ?? []} onCaptured={(group) => go({ capture: group, kind: 'MANUAL' })} />}
      </div>
      {error !== null && (
        <Failure
          title="The captures could not be read."
          error={error}
          still="They are made and graded whether or not this page shows them."
          onRetry={() => void today.refetch()}
        />
      )}
      <Panel
        title={rows[0] ? `${rows[0].market}, ${format.date(rows[0].session_date)}` : 'Today'}
        meta={rows[0] && <Meta row={rows[0]} zone={zone} />}
        isFlush
        sql={{ statement: () => captureSql(selected), gives: selected === null ? 'one row' : `${rows.length} rows` }}
      >
        {today.isPending || (isOlder && older.isPending) ? (
          <div className={css.body}>
            <Loading rows={12} height={20} />
          </div>
        ) : rows.length === 0 ? (
          <Nothing next={next.data?.[0]} isUnknown={selected !== null} />
        ) : (
          <Captured rows={rows} zone={zone} />
        )}
      </Panel>
      <div className={css.kinds}>
        <SegmentedControl
          size="xs"
          aria-label="Captures that rates and history count"
          value={kind}
          onChange={(value) => go({ kind: value as Kind, ...(asked !== undefined && { capture: asked }) })}
          data={[
            { value: 'OPEN', label: 'Openings' },
            { value: 'MANUAL', label: 'Manual' },
          ]}
          transitionDuration={0}
          withItemsBorders={false}
        />
        <span className="muted small">
          The rows of one opening move together: the intervals are narrower than they should be.
        </span>
      </div>
      <div className={css.columns}>
        <Rates kind={kind} />
        <History
          kind={kind}
          markets={(next.data ?? []).map((one) => one.market)}
          selected={selected}
          onSelect={(group) => go({ capture: group })}
        />
      </div>
    </>
  );
}

/** How long to wait for the other rows of a capture, which come together. */
const TOGETHER_MS = 200;

/** Read again as soon as a row was captured or graded; returns what ends it. */
function readOnGrades(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = stream.on('grade', () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void queryClient.invalidateQueries({ queryKey: ['market-opens'] });
    }, TOGETHER_MS);
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}

function grouped(rows: readonly Row[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const row of rows) {
    const members = found.get(row.capture_group);
    if (members) members.push(row);
    else if (found.size < MARKETS) found.set(row.capture_group, [row]);
  }
  return found;
}

function isWatched(rows: readonly Row[]): boolean {
  return rows.some((one) => one.wndw === 'PENDING');
}

function summary(rows: readonly Row[]): string {
  const pending = rows.filter((one) => one.wndw === 'PENDING').length;
  return pending > 0 ? `${pending} pending` : `${rows.length} graded`;
}

function Meta({ row, zone }: { row: Row; zone: string }) {
  const at = format.time(row.captured_at, zone);
  return (
    <>
      captured {format.day(row.captured_at, zone)} {at} {format.city(zone)}
      {row.capture_kind === 'MANUAL' && ' by hand'} · graded from ticks, first touch wins ·{' '}
      {row.is_closed ? `closed ${format.time(row.closes_at, zone)}` : <>closes in <Countdown to={row.closes_at} /></>}
    </>
  );
}

function Nothing({ next, isUnknown }: { next: NextOpening | undefined; isUnknown: boolean }) {
  const byHand = useMay('TRADER') ? ' Capture now makes one by hand.' : '';
  if (isUnknown) {
    return <Empty title="There is no such capture.">Choose one in the history below.</Empty>;
  }
  return (
    <Empty title="No capture today yet.">
      {next ? (
        <>
          The next open is {next.market},{' '}
          {format.time(next.open_at, next.time_zone).slice(0, 5)} {next.display}, in{' '}
          <Countdown to={next.open_at} />.{byHand}
        </>
      ) : (
        `No opening is known ahead.${byHand}`
      )}
    </Empty>
  );
}

interface CaptureNowProps {
  markets: readonly NextOpening[];
  onCaptured: (group: string) => void;
}

/** Capture a market by hand: one a market and day. */
function CaptureNow({ markets, onCaptured }: CaptureNowProps) {
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  const capture = async (market: string) => {
    setSending(true);
    setError(null);
    try {
      const rows = await data(api.POST('/api/market-opens/capture', { params: { query: { market } } }));
      await queryClient.invalidateQueries({ queryKey: ['market-opens'] });
      if (rows[0]) onCaptured(rows[0].capture_group);
    } catch (found) {
      setError(found);
    } finally {
      setSending(false);
    }
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button disabled={isSending || markets.length === 0} rightSection={<Icon name="down" size={12} />}>
            Capture now
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {markets.map((one) => (
            <Menu.Item key={one.market} onClick={() => void capture(one.market)}>
              {one.market}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {error !== null && (
        <div className={css.refused}>
          <Failure title="Nothing was captured." error={error} />
        </div>
      )}
    </>
  );
}

async function readCapture(group: string): Promise<Row[]> {
  const [market = '', date = '', kind = ''] = group.split('/');
  const query = { market, date, kind };
  return data(api.GET('/api/market-opens', { params: { query } }));
}

function captureSql(group: string | null): string {
  if (group === null) {
    return `select d.market, d.day, d.open_at, d.close_at
from reference.market_days as d
join reference.markets as m using (market)
where m.is_captured and d.open_at > ${moment(now())}
order by d.open_at
limit 1;`;
  }
  return `select s.symbol, s.bhs, s.entry_price, s.target_low, s.target_high,
       s.wndw, s.target_hit_price, s.target_hit_at, s.is_complete, s.reason
from studies.market_sessions as s
left join reference.instruments as i using (symbol)
where s.capture_group = ${literal(group)}
order by s.symbol <> 'TOTAL', i.sort_order;`;
}
