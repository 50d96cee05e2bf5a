import { SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Arrow, Rate } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { api, data } from '@/services/api';
import { decimal, times, written } from '@/services/decimal';
import * as format from '@/services/format';
import { literal } from '@/services/sql';
import type { components } from '@/types/api';

import css from './MarketOpen.module.css';
import { leavesHalf } from './progress';
import type { Kind } from '.';

type HitRate = components['schemas']['HitRate'];

const BY = { market: 'Market', weekday: 'Weekday', symbol: 'Symbol', signal: 'Signal' } as const;
type By = keyof typeof BY;
const EVERY_MS = 15_000;

/** How often captures worked, never without their count and the interval. */
export function Rates({ kind }: { kind: Kind }) {
  const [by, group] = useState<By>('market');
  const isNarrow = useMediaQuery('(max-width: 700px)') ?? false;
  const { data: found, error, isPending, refetch } = useQuery({
    queryKey: ['market-opens', 'stats', kind],
    queryFn: () => data(api.GET('/api/market-opens/stats', { params: { query: { kind } } })),
    refetchInterval: EVERY_MS,
  });
  const rates = found?.rates.filter((one) => one.by === by) ?? [];
  const graded = found?.rates.find((one) => one.by === 'all')?.n ?? 0;
  const controls = (
    <SegmentedControl
      size="xs"
      aria-label="Group the rates by"
      value={by}
      onChange={(value) => group(value as By)}
      data={Object.entries(BY).map(([value, label]) => ({ value, label }))}
      transitionDuration={0}
      withItemsBorders={false}
    />
  );
  return (
    <Panel
      title={`Hit rate by ${BY[by].toLowerCase()}`}
      meta={found && `${format.size(found.captures)} ${found.captures === 1 ? 'capture' : 'captures'}, ${format.size(graded)} ${graded === 1 ? 'row' : 'rows'} decided`}
      actions={isNarrow ? undefined : controls}
      isFlush
      sql={{ statement: () => ratesSql(kind, by), gives: `${rates.length} rows` }}
    >
      {isNarrow && <div className={css.bar}>{controls}</div>}
      {error !== null && (
        <Failure title="The hit rates could not be read." error={error} onRetry={() => void refetch()} />
      )}
      {isPending ? (
        <div className={css.body}>
          <Loading rows={6} height={20} />
        </div>
      ) : rates.length === 0 ? (
        <Empty title="No row has been decided yet.">
          A rate stands here once a capture of this kind has touched its target or its stop.
        </Empty>
      ) : (
        <div className={css.scroll}>
          <table className={css.table} data-testid="rates">
            <thead>
              <tr>
                <th scope="col">{BY[by]}</th>
                <th scope="col" className={css.right}>
                  Worked
                </th>
                <th scope="col" className="wide">
                  <span className={css.ends}>
                    <span>0%</span>
                    <span>50%</span>
                    <span>100%</span>
                  </span>
                </th>
                <th scope="col" className={css.right}>
                  95% interval
                </th>
                <th scope="col" className={css.right}>
                  n
                </th>
                <th scope="col" className={css.right} title="100 × worked less 100 × didn’t work">
                  EV
                </th>
              </tr>
            </thead>
            <tbody>
              {rates.map((one) => (
                <RateRow key={one.value} rate={one} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

const WORDS: Record<string, string> = {
  STRONG_BUY: 'Strong buy',
  BUY: 'Buy',
  HOLD: 'Hold',
  SELL: 'Sell',
  STRONG_SELL: 'Strong sell',
};

function RateRow({ rate }: { rate: HitRate }) {
  const speaks = leavesHalf(rate.hit_rate_low, rate.hit_rate_high);
  const tone = speaks > 0 ? 'up' : speaks < 0 ? 'down' : '';
  return (
    <tr data-value={rate.value}>
      <th scope="row">{WORDS[rate.value] ?? rate.value}</th>
      <td className={css.right}>
        <Rate value={percent(rate.hit_rate)} />
      </td>
      <td className="wide">
        <Interval rate={rate} tone={tone} />
      </td>
      <td className={`${css.right} muted nowrap`}>
        {rate.n === 0 ? (
          <span className="dim">{format.MISSING}</span>
        ) : (
          `${bound(rate.hit_rate_low)}–${bound(rate.hit_rate_high)}`
        )}
      </td>
      <td className={`${css.right} muted`}>{format.size(rate.n)}</td>
      <td className={`${css.right} nowrap ${tone}`}>
        {rate.ev === null ? (
          <span className="dim">{format.MISSING}</span>
        ) : (
          <>
            <Arrow value={rate.ev} />
            <span className="fig">{format.percent(rate.ev, 1).replace('%', '')}</span>
          </>
        )}
      </td>
    </tr>
  );
}

/** A share of 1 in per cent. */
function percent(share: string | null): string | null {
  const found = decimal(share);
  return found ? written(times(found, decimal('100')!)) : null;
}

function bound(share: string | null): string {
  return format.plainNumber(percent(share), 1);
}

/** The interval as a line, the rate as a point, one half as a mark. */
function Interval({ rate, tone }: { rate: HitRate; tone: string }) {
  if (rate.n === 0) return <span className="dim">{format.MISSING}</span>;
  const [low, at, high] = [rate.hit_rate_low, rate.hit_rate, rate.hit_rate_high].map((one) => 100 * Number(one));
  return (
    <svg
      className={`${css.interval} ${tone || 'muted'} tinted`}
      viewBox="0 0 100 14"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${rate.value}: ${format.rate(percent(rate.hit_rate))} of ${rate.n}, between ${bound(rate.hit_rate_low)} and ${bound(rate.hit_rate_high)}`}
    >
      <line x1="50" x2="50" y1="0" y2="14" className={css.half} />
      <line x1={low} x2={high} y1="7" y2="7" className={css.span} />
      <line x1={at} x2={at} y1="3" y2="11" className={css.at} />
    </svg>
  );
}

function ratesSql(kind: Kind, by: By): string {
  return `select value, hit_rate, hit_rate_low, hit_rate_high, n, ev,
       worked, didnt_work, neutral, pending
from studies.hit_rates
where capture_kind = ${literal(kind)} and by = ${literal(by)}
order by value;`;
}
