import css from './graphics.module.css';

interface RangeBarProps {
  low: string | number | null | undefined;
  high: string | number | null | undefined;
  last: string | number | null | undefined;
  /** Drawn as a thin mark where it is given. */
  open?: string | number | null;
  /** What the bar says, for those who do not see it. */
  label: string;
}

/** Where the last price stands between low and high: a white mark, the open a thin one. */
export function RangeBar({ low, high, last, open, label }: RangeBarProps) {
  const at = position(low, high, last);
  const openAt = position(low, high, open);
  return (
    <span className={css.range} role="img" aria-label={label}>
      {openAt !== null && <span className={css.open} style={{ left: `${openAt}%` }} />}
      {at !== null && <span className={`${css.last} tinted`} style={{ left: `${at}%` }} />}
    </span>
  );
}

type Bound = string | number | null | undefined;

/** Per cent from low to high, or null where there is no such place. */
export function position(low: Bound, high: Bound, value: Bound): number | null {
  if (low == null || high == null || value == null) return null;
  const [from, to, at] = [Number(low), Number(high), Number(value)];
  if (![from, to, at].every(Number.isFinite) || to < from) return null;
  if (to === from) return 50;
  return Math.round(Math.min(1, Math.max(0, (at - from) / (to - from))) * 1000) / 10;
}
