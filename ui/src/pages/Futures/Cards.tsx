import { useState } from 'react';

import { Money, Percent, Price, Rate } from '@/components/figures/figures';
import {
  LiveAge,
  LiveChange,
  LivePercent,
  LivePrice,
  LiveSize,
} from '@/components/figures/live';
import { ExtremeMark } from '@/components/figures/Extreme';
import { LiveSignal } from '@/components/figures/Signal';
import { DayBar, YearBar } from '@/components/graphics/RangeBar';
import { SymbolLink } from '@/components/SymbolLink';
import { useField, useFields } from '@/hooks/useQuote';
import { useInstruments } from '@/hooks/useInstruments';
import * as format from '@/services/format';
import { decimal, negated, times, written } from '@/services/decimal';
import { notationOf, quotes } from '@/services/quotes';
import type { Instrument } from '@/types/domain';

import { Desk, Spread } from './columns';
import css from './Futures.module.css';
import { TotalCard } from './Total';

/** The desk's cards: six a row, one order, one height. */
export function Cards() {
  const { instruments } = useInstruments();
  return (
    <div className={css.cards}>
      <TotalCard />
      {instruments.map((one) => (
        <Card key={one.symbol} instrument={one} />
      ))}
    </div>
  );
}

function Card({ instrument }: { instrument: Instrument }) {
  const { symbol, name } = instrument;
  const state = useField(symbol, 'state');
  return (
    <article className={css.card} data-symbol={symbol} data-state={state ?? undefined} aria-label={`${symbol}, ${name}`}>
      <header className={css.cardHead}>
        <SymbolLink symbol={symbol} />
        <span className={css.cardName} title={name}>
          <LiveSignal symbol={symbol} />
        </span>
        <CardAge symbol={symbol} />
      </header>
      <div className={css.cardLast}>
        <b>
          <LivePrice symbol={symbol} field="last" isFlashing />
        </b>
        <LiveChange symbol={symbol} />
        <LivePercent symbol={symbol} />
      </div>
      <div className={css.sides}>
        <Side symbol={symbol} side="bid" />
        <Side symbol={symbol} side="ask" />
      </div>
      <Quantity instrument={instrument} />
      <dl className={css.figures}>
        <dt>Volume</dt>
        <dd>
          <LiveSize symbol={symbol} field="volume" />
        </dd>
        <dt>VWAP</dt>
        <dd>
          <LivePrice symbol={symbol} field="vwap" isMean />
        </dd>
        <dt>Spread</dt>
        <dd>
          <Spread symbol={symbol} /> <Unit symbol={symbol} />
        </dd>
        <dt>Prev close</dt>
        <dd>
          <LivePrice symbol={symbol} field="prev_close" />
        </dd>
        <dt>Open</dt>
        <dd>
          <Open symbol={symbol} />
        </dd>
        <dt>24 h range</dt>
        <dd>
          <Range symbol={symbol} />
        </dd>
      </dl>
      <DayRange symbol={symbol} />
      <YearRange symbol={symbol} />
      <footer className="tiny dim">
        Wgt <Desk symbol={symbol} field="contract_weight" /> · stat{' '}
        <Desk symbol={symbol} field="stat_value" /> · <Source symbol={symbol} />
      </footer>
    </article>
  );
}

function Unit({ symbol }: { symbol: string }) {
  const ticks = useField(symbol, 'spread_ticks');
  if (ticks === null) return null;
  return <>{Number(ticks) === 1 ? 'tick' : 'ticks'}</>;
}

const GLYPH = { FRESH: '', STALE: '◐ ', DEAD: '✕ ' };

function CardAge({ symbol }: { symbol: string }) {
  const state = useField(symbol, 'state');
  return (
    <span className={`tiny nowrap ${state === 'STALE' ? css.stale : 'dim'}`}>
      {state !== null && state !== 'FRESH' && <b title={state}>{GLYPH[state]}</b>}
      <LiveAge symbol={symbol} />
    </span>
  );
}

function Side({ symbol, side }: { symbol: string; side: 'bid' | 'ask' }) {
  const price = useField(symbol, side);
  return (
    <div className={`${css.side} ${css[side]}`}>
      <span className="tiny">{side === 'bid' ? 'Bid' : 'Ask'}</span>
      <b>
        <LivePrice symbol={symbol} field={side} />
      </b>
      <span className="tiny">
        {price === null ? 'no quote' : <LiveSize symbol={symbol} field={`${side}_size`} />}
      </span>
    </div>
  );
}

/** Contracts, and what one tick and the margin of so many are worth. */
function Quantity({ instrument }: { instrument: Instrument }) {
  const [count, setCount] = useState(1);
  const set = (value: number) => setCount(Math.min(999, Math.max(1, value)));
  const { symbol, tick_value, margin } = instrument;
  return (
    <div className={css.quantity}>
      <span className={css.stepper} role="group" aria-label={`Contracts of ${symbol}`}>
        <button type="button" aria-label="One less" disabled={count <= 1} onClick={() => set(count - 1)}>
          −
        </button>
        <input
          value={count}
          inputMode="numeric"
          aria-label="Contracts"
          onChange={(event) => set(Number.parseInt(event.currentTarget.value, 10) || 1)}
        />
        <button type="button" aria-label="One more" onClick={() => set(count + 1)}>
          +
        </button>
      </span>
      <span className={`tiny muted ${css.worth}`}>
        <span>
          tick <Money value={multiplied(tick_value, count)} />
        </span>
        <span>
          margin {margin === null ? format.MISSING : <Whole value={multiplied(margin, count)} />}
        </span>
      </span>
    </div>
  );
}

/** Money without cents where there are none: margins are whole. */
function Whole({ value }: { value: string | null }) {
  const text = format.money(value);
  return <span className="fig">{text.endsWith('.00') ? text.slice(0, -3) : text}</span>;
}

export function multiplied(value: string, count: number): string | null {
  const found = decimal(value);
  return found ? written(times(found, decimal(count)!)) : null;
}

const OPEN = ['open', 'open_prev_percent'] as const;

function Open({ symbol }: { symbol: string }) {
  const row = useFields(symbol, OPEN);
  return (
    <>
      <Price value={row?.open} notation={notationOf(quotes.instrument(symbol))} />{' '}
      <Percent value={row?.open_prev_percent} />
    </>
  );
}

const RANGE = ['range_diff', 'range_percent'] as const;

function Range({ symbol }: { symbol: string }) {
  const row = useFields(symbol, RANGE);
  return (
    <>
      <Price value={row?.range_diff} notation={notationOf(quotes.instrument(symbol))} />{' '}
      <span className="dim">
        <Rate value={row?.range_percent} places={2} />
      </span>
    </>
  );
}

function DayRange({ symbol }: { symbol: string }) {
  return (
    <div>
      <span className={`${css.ends} tiny dim`}>
        <LivePrice symbol={symbol} field="low" />
        <span>24 h</span>
        <LivePrice symbol={symbol} field="high" />
      </span>
      <DayBar symbol={symbol} />
    </div>
  );
}

const YEAR = ['above_low_52w_percent', 'below_high_52w_percent'] as const;

function YearRange({ symbol }: { symbol: string }) {
  const row = useFields(symbol, YEAR);
  return (
    <div>
      <span className={`${css.ends} tiny dim`}>
        <Percent value={row?.above_low_52w_percent} places={1} isQuiet />
        <span>
          52 w <ExtremeMark symbol={symbol} />
        </span>
        <Percent value={negated(row?.below_high_52w_percent)} places={1} isQuiet />
      </span>
      <YearBar symbol={symbol} />
    </div>
  );
}

function Source({ symbol }: { symbol: string }) {
  return <>{useField(symbol, 'source') ?? format.MISSING}</>;
}
