import { useMediaQuery } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { SignalChip } from '@/components/figures/Signal';
import { Size } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { api, data } from '@/services/api';
import * as format from '@/services/format';
import { literal } from '@/services/sql';

import css from './MarketOpen.module.css';
import type { Kind } from '.';

const LIMIT = 200;
const EVERY_MS = 15_000;

interface HistoryProps {
  kind: Kind;
  markets: readonly string[];
  selected: string | null;
  onSelect: (group: string) => void;
}

/** The captures, a line each, newest first; a line opens its rows above. */
export function History({ kind, markets, selected, onSelect }: HistoryProps) {
  const [market, filterMarket] = useState('');
  const [date, filterDate] = useState('');
  const isNarrow = useMediaQuery('(max-width: 700px)') ?? false;
  const query = { kind, limit: LIMIT, ...(market && { market }), ...(date && { date }) };
  const { data: found, error, isPending, refetch } = useQuery({
    queryKey: ['market-opens', 'captures', query],
    queryFn: () => data(api.GET('/api/market-opens/captures', { params: { query } })),
    refetchInterval: EVERY_MS,
  });
  const filters = (
    <span className={css.filters}>
      <select
        className={css.field}
        aria-label="Market"
        value={market}
        onChange={(event) => filterMarket(event.currentTarget.value)}
      >
        <option value="">All markets</option>
        {markets.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      <input
        type="date"
        className={css.field}
        aria-label="Date by the market's clock"
        value={date}
        onChange={(event) => filterDate(event.currentTarget.value)}
      />
    </span>
  );
  return (
    <Panel
      title="History"
      meta={found?.length === LIMIT ? `the newest ${LIMIT}` : 'newest first'}
      actions={isNarrow ? undefined : filters}
      isFlush
      sql={{ statement: () => historySql(kind, market, date), gives: `${found?.length ?? 0} rows` }}
    >
      {isNarrow && <div className={css.bar}>{filters}</div>}
      {error !== null && (
        <Failure title="The history could not be read." error={error} onRetry={() => void refetch()} />
      )}
      {isPending ? (
        <div className={css.body}>
          <Loading rows={6} height={20} />
        </div>
      ) : !found?.length ? (
        <Empty title="No capture of this kind.">
          {market || date ? 'Another market or day may have one.' : 'Each opening that Thor runs through is kept here.'}
        </Empty>
      ) : (
        <div className={`${css.scroll} ${css.rows}`}>
          <table className={css.table} data-testid="history">
            <thead>
              <tr>
                <th scope="col">Date</th>
                <th scope="col">Market</th>
                <th scope="col">TOTAL</th>
                <th scope="col" className={css.right}>
                  Worked
                </th>
                <th scope="col" className={css.right}>
                  Didn’t
                </th>
                <th scope="col" className={css.right}>
                  Neutral
                </th>
                <th scope="col" className={`${css.right} wide`}>
                  Pending
                </th>
              </tr>
            </thead>
            <tbody>
              {found.map((one) => (
                <tr key={one.capture_group} data-selected={one.capture_group === selected || undefined}>
                  <td className="muted nowrap" title={`${one.session_date} by the market's clock`}>
                    {format.date(one.session_date)}
                  </td>
                  <th scope="row">
                    <button type="button" className={css.link} onClick={() => onSelect(one.capture_group)}>
                      {one.market}
                    </button>
                  </th>
                  <td>
                    <SignalChip signal={one.total_bhs} />
                  </td>
                  <td className={css.right}>
                    <Size value={one.worked} />
                  </td>
                  <td className={css.right}>
                    <Size value={one.didnt_work} />
                  </td>
                  <td className={`${css.right} muted`}>
                    <Size value={one.neutral} />
                  </td>
                  <td className={`${css.right} muted wide`}>
                    <Size value={one.pending} />
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

function historySql(kind: Kind, market: string, date: string): string {
  const filters = [
    `capture_kind = ${literal(kind)}`,
    ...(market ? [`market = ${literal(market)}`] : []),
    ...(date ? [`session_date = ${literal(date)}`] : []),
  ];
  return `select session_date, market, total_bhs, worked, didnt_work, neutral, pending
from studies.market_captures
where ${filters.join(' and ')}
order by captured_at desc, market
limit ${LIMIT};`;
}
