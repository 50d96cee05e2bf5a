/** The columns of the futures table: how each is headed, drawn, sorted and chosen. */

import type { ReactNode } from 'react';

import { Rate } from '@/components/figures/figures';
import {
  LiveAge,
  LiveChange,
  LivePercent,
  LivePrice,
  LiveSize,
  LiveState,
} from '@/components/figures/live';
import { LiveSignal, signalRank } from '@/components/figures/Signal';
import { ExtremeMark } from '@/components/figures/Extreme';
import { DayBar, YearBar } from '@/components/graphics/RangeBar';
import { Sparkline } from '@/components/graphics/Sparkline';
import { useField, useFields } from '@/hooks/useQuote';
import { useLastHour } from '@/hooks/useBoard';
import { useCell } from '@/hooks/useCell';
import { signalOf } from '@/services/desk';
import * as format from '@/services/format';
import { notationOf, quotes } from '@/services/quotes';
import type { QuoteRow } from '@/types/domain';

import css from './Futures.module.css';

export interface Column {
  readonly id: string;
  readonly title: string;
  /** The heading in full, where `title` is short. */
  readonly description?: string;
  readonly kind: 'text' | 'number' | 'price' | 'graphic';
  /** Its width in digits, or in px for a graphic; fixed, so that no tick moves a column. */
  readonly width: number;
  /** From which width of the window it is shown unless chosen: 0 always, Infinity only then. */
  readonly from: number;
  /** Its value in a sort; without, it is not sorted by. A number may come as text. */
  readonly sort?: (row: QuoteRow) => string | number | null;
  readonly cell: (symbol: string) => ReactNode;
}

function number(value: string | number | null): number | null {
  return value === null ? null : Number(value);
}

function byAge(row: QuoteRow): number | null {
  return row.heard_at === null ? null : -Date.parse(row.heard_at);
}

const STATE_ORDER = { FRESH: 0, STALE: 1, DEAD: 2 };

export const COLUMNS: readonly Column[] = [
  {
    id: 'name',
    title: 'Name',
    kind: 'text',
    width: 18,
    from: 1600,
    sort: (row) => quotes.instrument(row.symbol)?.name ?? null,
    cell: (symbol) => <span className="muted">{quotes.instrument(symbol)?.name}</span>,
  },
  {
    id: 'last',
    title: 'Last',
    kind: 'price',
    width: 9.6,
    from: 0,
    sort: (row) => number(row.last),
    cell: (symbol) => (
      <b>
        <LivePrice symbol={symbol} field="last" isAligned isFlashing />
      </b>
    ),
  },
  {
    id: 'net_change',
    title: 'Change',
    description: 'Change on the previous close',
    kind: 'price',
    width: 11.2,
    from: 0,
    sort: (row) => number(row.net_change),
    cell: (symbol) => <LiveChange symbol={symbol} isAligned />,
  },
  {
    id: 'net_change_percent',
    title: '%',
    description: 'Change on the previous close, per cent',
    kind: 'number',
    width: 7.2,
    from: 0,
    sort: (row) => number(row.net_change_percent),
    cell: (symbol) => <LivePercent symbol={symbol} />,
  },
  {
    id: 'signal',
    title: 'Signal',
    description: 'The desk’s signal: the change in points against its thresholds',
    kind: 'text',
    width: 12.4,
    from: 0,
    sort: (row) => signalRank(signalOf(row.symbol).get()?.signal),
    cell: (symbol) => <LiveSignal symbol={symbol} />,
  },
  {
    id: 'stat_value',
    title: 'Stat',
    description: 'The threshold that the signal stands for, in points',
    kind: 'number',
    width: 7,
    from: Infinity,
    sort: (row) => number(signalOf(row.symbol).get()?.stat_value ?? null),
    cell: (symbol) => <Desk symbol={symbol} field="stat_value" />,
  },
  {
    id: 'contract_weight',
    title: 'Weight',
    description: 'What the symbol counts for in the TOTAL',
    kind: 'number',
    width: 7,
    from: Infinity,
    sort: (row) => number(signalOf(row.symbol).get()?.contract_weight ?? null),
    cell: (symbol) => <Desk symbol={symbol} field="contract_weight" />,
  },
  {
    id: 'bid_size',
    title: 'Size',
    description: 'Contracts bid',
    kind: 'number',
    width: 4.8,
    from: 0,
    sort: (row) => row.bid_size,
    cell: (symbol) => <LiveSize symbol={symbol} field="bid_size" />,
  },
  {
    id: 'bid',
    title: 'Bid',
    kind: 'price',
    width: 9.2,
    from: 0,
    sort: (row) => number(row.bid),
    cell: (symbol) => <LivePrice symbol={symbol} field="bid" isAligned />,
  },
  {
    id: 'ask',
    title: 'Ask',
    kind: 'price',
    width: 9.2,
    from: 0,
    sort: (row) => number(row.ask),
    cell: (symbol) => <LivePrice symbol={symbol} field="ask" isAligned />,
  },
  {
    id: 'ask_size',
    title: 'Size',
    description: 'Contracts offered',
    kind: 'number',
    width: 4.8,
    from: 0,
    sort: (row) => row.ask_size,
    cell: (symbol) => <LiveSize symbol={symbol} field="ask_size" />,
  },
  {
    id: 'last_size',
    title: 'Last size',
    description: 'Contracts of the last trade',
    kind: 'number',
    width: 7,
    from: Infinity,
    sort: (row) => row.last_size,
    cell: (symbol) => <LiveSize symbol={symbol} field="last_size" />,
  },
  {
    id: 'spread_ticks',
    title: 'Spr',
    description: 'Spread in ticks',
    kind: 'number',
    width: 3.5,
    from: 0,
    sort: (row) => number(row.spread_ticks),
    cell: (symbol) => <Spread symbol={symbol} />,
  },
  {
    id: 'volume',
    title: 'Volume',
    description: 'Contracts traded in the session',
    kind: 'number',
    width: 7.2,
    from: 0,
    sort: (row) => row.volume,
    cell: (symbol) => <LiveSize symbol={symbol} field="volume" />,
  },
  {
    id: 'vwap',
    title: 'VWAP',
    description: 'Volume-weighted average price of the session',
    kind: 'price',
    width: 9.2,
    from: 0,
    sort: (row) => number(row.vwap),
    cell: (symbol) => <LivePrice symbol={symbol} field="vwap" isMean isAligned />,
  },
  {
    id: 'open',
    title: 'Open',
    kind: 'price',
    width: 10,
    from: 1600,
    sort: (row) => number(row.open),
    cell: (symbol) => <LivePrice symbol={symbol} field="open" isAligned />,
  },
  {
    id: 'high',
    title: 'High',
    kind: 'price',
    width: 10,
    from: Infinity,
    sort: (row) => number(row.high),
    cell: (symbol) => <LivePrice symbol={symbol} field="high" isAligned />,
  },
  {
    id: 'low',
    title: 'Low',
    kind: 'price',
    width: 10,
    from: Infinity,
    sort: (row) => number(row.low),
    cell: (symbol) => <LivePrice symbol={symbol} field="low" isAligned />,
  },
  {
    id: 'basis',
    title: 'Prev close',
    description: 'The previous close that the change stands on',
    kind: 'price',
    width: 10.5,
    from: Infinity,
    sort: (row) => number(row.basis),
    cell: (symbol) => <LivePrice symbol={symbol} field="basis" isAligned />,
  },
  {
    id: 'basis_kind',
    title: 'Basis',
    description: 'Whose previous close it is',
    kind: 'text',
    width: 18,
    from: Infinity,
    sort: (row) => row.basis_kind,
    cell: (symbol) => <Basis symbol={symbol} />,
  },
  {
    id: 'day',
    title: 'Low – day – high',
    description: 'Where the last price stands between the day’s low and high; the thin mark is the open',
    kind: 'graphic',
    width: 104,
    from: 0,
    sort: (row) => place(row.low, row.high, row.last),
    cell: (symbol) => <Day symbol={symbol} />,
  },
  {
    id: 'range_percent',
    title: 'Range %',
    description: 'High less low, per cent of the previous close',
    kind: 'number',
    width: 7,
    from: Infinity,
    sort: (row) => number(row.range_percent),
    cell: (symbol) => <RangePercent symbol={symbol} />,
  },
  {
    id: 'hour',
    title: 'Last hour',
    description: 'Closes of the last hour’s minutes',
    kind: 'graphic',
    width: 62,
    from: 0,
    cell: (symbol) => <Hour symbol={symbol} />,
  },
  {
    id: 'year',
    title: '52 weeks',
    description: 'Where the last price stands between the low and the high of 52 weeks',
    kind: 'graphic',
    width: 46,
    from: 0,
    sort: (row) => place(row.low_52w, row.high_52w, row.last),
    cell: (symbol) => <Year symbol={symbol} />,
  },
  {
    id: 'contract',
    title: 'Contract',
    kind: 'text',
    width: 7,
    from: Infinity,
    sort: (row) => row.contract,
    cell: (symbol) => <Text symbol={symbol} field="contract" />,
  },
  {
    id: 'source',
    title: 'Src',
    description: 'The source of the quote',
    kind: 'text',
    width: 5.2,
    from: 0,
    sort: (row) => row.source,
    cell: (symbol) => <Text symbol={symbol} field="source" />,
  },
  {
    id: 'age',
    title: 'Age',
    description: 'Since the symbol was last heard',
    kind: 'number',
    width: 6.6,
    from: 0,
    sort: byAge,
    cell: (symbol) => <AgeCell symbol={symbol} />,
  },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 7.8,
    from: 0,
    sort: (row) => (row.state === null ? null : STATE_ORDER[row.state]),
    cell: (symbol) => <LiveState symbol={symbol} />,
  },
];

function place(low: string | null, high: string | null, last: string | null): number | null {
  if (low === null || high === null || last === null) return null;
  const span = Number(high) - Number(low);
  return span === 0 ? null : (Number(last) - Number(low)) / span;
}

/** Spread in ticks: whole where it is, one decimal where the feed's grid is finer. */
export function Spread({ symbol }: { symbol: string }) {
  const ticks = useField(symbol, 'spread_ticks');
  const text = ticks?.endsWith('.0') ? ticks.slice(0, -2) : ticks;
  return <span className={text ? 'fig' : 'fig dim'}>{text ?? format.MISSING}</span>;
}

/** A number of the desk's, as it was set. */
export function Desk({ symbol, field }: { symbol: string; field: 'stat_value' | 'contract_weight' }) {
  const value = useCell(signalOf(symbol))?.[field] ?? null;
  return <span className={value === null ? 'fig dim' : 'fig'}>{format.asSet(value)}</span>;
}

function RangePercent({ symbol }: { symbol: string }) {
  return <Rate value={useField(symbol, 'range_percent')} places={2} />;
}

function Text({ symbol, field }: { symbol: string; field: 'contract' | 'source' }) {
  const value = useField(symbol, field);
  return <span className="muted small">{value ?? format.MISSING}</span>;
}

const BASIS = ['basis_kind', 'basis_source', 'basis_date'] as const;

/** The source of the previous close behind the change, in words. */
export function Basis({ symbol }: { symbol: string }) {
  const row = useFields(symbol, BASIS);
  if (!row?.basis_kind) return <span className="dim">{format.MISSING}</span>;
  const words = row.basis_kind.replaceAll('_', ' ');
  return (
    <span className="muted small">
      {words}
      {row.basis_date && ` ${format.date(row.basis_date)}`}
    </span>
  );
}

const AGES = ['heard_at', 'received_at', 'state'] as const;

function AgeCell({ symbol }: { symbol: string }) {
  const state = useField(symbol, 'state');
  return (
    <span className={state === 'STALE' ? css.stale : undefined} title={useAges(symbol)}>
      <LiveAge symbol={symbol} />
    </span>
  );
}

function useAges(symbol: string): string {
  const row = useFields(symbol, AGES);
  if (!row?.received_at) return 'Not heard yet';
  return 'Since it was last heard; the market last changed at ' + row.received_at.slice(11, 19) + ' UTC';
}

/** Low and high of the day over the bar that shows the last price between them. */
function Day({ symbol }: { symbol: string }) {
  return (
    <span className={css.range}>
      <span className={css.ends}>
        <LivePrice symbol={symbol} field="low" />
        <LivePrice symbol={symbol} field="high" />
      </span>
      <DayBar symbol={symbol} />
    </span>
  );
}

const YEAR = ['low_52w', 'high_52w'] as const;

function Year({ symbol }: { symbol: string }) {
  const row = useFields(symbol, YEAR);
  const notation = notationOf(quotes.instrument(symbol));
  const [low, high] = [row?.low_52w, row?.high_52w].map((one) => format.price(one, notation));
  return (
    <span className={css.year} title={`52 weeks: ${low} to ${high}`}>
      <YearBar symbol={symbol} />
      <ExtremeMark symbol={symbol} />
    </span>
  );
}

export function Hour({ symbol, width = 62, height = 20 }: { symbol: string; width?: number; height?: number }) {
  const points = useLastHour(symbol);
  return <Sparkline points={points} width={width} height={height} label={`${symbol}, last hour`} />;
}

/** Last, change and per cent in two lines, as a phone's row has them. */
export function Moved({ symbol }: { symbol: string }) {
  return (
    <>
      <b>
        <LivePrice symbol={symbol} field="last" isFlashing />
      </b>
      <div className="tiny">
        <LiveChange symbol={symbol} /> <LivePercent symbol={symbol} />
      </div>
    </>
  );
}
