import { useFigure } from '@/hooks/useQuote';
import type { QuoteRow } from '@/types/domain';

import css from './graphics.module.css';

interface RangeBarProps {
  /** The position of the last price, in per cent of the way from low to high; null without one. */
  at: number | null;
  /** The position of the open: a thin mark. */
  openAt?: number | null;
  /** The text of the bar, for people who do not see it. */
  label: string;
}

/** The position of the last price between low and high: a white mark, the open a thin one. */
export function RangeBar({ at, openAt = null, label }: RangeBarProps) {
  return (
    <span className={css.range} role="img" aria-label={label}>
      {openAt !== null && <Mark at={openAt} className={css.open} />}
      {at !== null && <Mark at={at} className={`${css.last} tinted`} />}
    </span>
  );
}

/** A mark at so many per cent: shifted, which needs no layout. */
function Mark({ at, className }: { at: number; className: string | undefined }) {
  return (
    <span className={css.shift} style={{ transform: `translateX(${at}%)` }}>
      <span className={className} />
    </span>
  );
}

type Bound = string | number | null | undefined;

/** Whole per cent of the way from low to high, or null where it is not between them. */
export function position(low: Bound, high: Bound, value: Bound): number | null {
  if (low == null || high == null || value == null) return null;
  const [from, to, at] = [Number(low), Number(high), Number(value)];
  if (![from, to, at].every(Number.isFinite) || to < from) return null;
  if (to === from) return 50;
  return Math.round(Math.min(1, Math.max(0, (at - from) / (to - from))) * 100);
}

const DAY = ['low', 'high', 'last'] as const;
const OPEN = ['low', 'high', 'open'] as const;
const YEAR = ['low_52w', 'high_52w', 'last'] as const;
const ofDay = (row: QuoteRow) => position(row.low, row.high, row.last);
const ofOpen = (row: QuoteRow) => position(row.low, row.high, row.open);
const ofYear = (row: QuoteRow) => position(row.low_52w, row.high_52w, row.last);

/** The day's range of a symbol, as its quote moves. */
export function DayBar({ symbol }: { symbol: string }) {
  return (
    <RangeBar
      at={useFigure(symbol, DAY, ofDay)}
      openAt={useFigure(symbol, OPEN, ofOpen)}
      label={`${symbol}: the last price between the day's low and high`}
    />
  );
}

/** The range of 52 weeks of a symbol, as its quote moves. */
export function YearBar({ symbol }: { symbol: string }) {
  return (
    <RangeBar
      at={useFigure(symbol, YEAR, ofYear)}
      label={`${symbol}: the last price between low and high of 52 weeks`}
    />
  );
}
