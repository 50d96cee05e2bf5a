/** Figures of a quote that follow it: each renders again only when its own field changes. */

import { useField } from '@/hooks/useQuote';
import { useFlash } from '@/hooks/useFlash';
import { notationOf, quotes } from '@/services/quotes';
import type { BoardField, QuoteRow } from '@/types/domain';

import { Age, Change, Percent, Price, Size, State } from './figures';
import css from './figures.module.css';

/** The fields whose value is of a type. */
type Field<T> = {
  [F in BoardField]: NonNullable<QuoteRow[F]> extends T ? F : never;
}[BoardField];
type TextField = Field<string>;
type NumberField = Field<number>;

interface Props<F> {
  symbol: string;
  field: F;
}

interface LivePriceProps extends Props<TextField> {
  isMean?: boolean;
  isAligned?: boolean;
  /** Flash the ground when the price moves: for the one price a row is about. */
  isFlashing?: boolean;
}

export function LivePrice({ symbol, field, isMean, isAligned, isFlashing }: LivePriceProps) {
  const value = useField(symbol, field) as string | null;
  const flash = useFlash<HTMLSpanElement>(isFlashing ? value : null);
  const notation = notationOf(quotes.instrument(symbol));
  const price = (
    <Price value={value} notation={notation} isMean={isMean} isAligned={isAligned} />
  );
  if (!isFlashing) return price;
  return (
    <span className={css.flash}>
      <span ref={flash} className={css.ground} aria-hidden="true" />
      {price}
    </span>
  );
}

export function LiveChange({
  symbol,
  field = 'net_change',
  isAligned,
}: Partial<Props<TextField>> & { symbol: string; isAligned?: boolean }) {
  const value = useField(symbol, field) as string | null;
  return (
    <Change value={value} notation={notationOf(quotes.instrument(symbol))} isAligned={isAligned} />
  );
}

export function LivePercent({
  symbol,
  field = 'net_change_percent',
  hasArrow,
}: Partial<Props<TextField>> & { symbol: string; hasArrow?: boolean }) {
  return <Percent value={useField(symbol, field)} hasArrow={hasArrow} />;
}

export function LiveSize({ symbol, field }: Props<NumberField>) {
  return <Size value={useField(symbol, field)} />;
}

/** How long ago the symbol was last heard, or by `received_at` last changed. */
export function LiveAge({
  symbol,
  field = 'heard_at',
}: {
  symbol: string;
  field?: 'heard_at' | 'received_at';
}) {
  return <Age at={useField(symbol, field)} />;
}

export function LiveState({ symbol }: { symbol: string }) {
  return <State state={useField(symbol, 'state')} />;
}
