/** Small parts of all pages that trade: side, status, money tick by tick, fields with steps. */

import { useId, useRef, useSyncExternalStore, type ReactNode } from 'react';

import * as format from '@/services/format';
import { quotes } from '@/services/quotes';
import { tone } from '@/hooks/useFlash';
import type { AccountRow, PositionRow, Side } from '@/types/domain';

import { addedToAll, marked, markOf } from './marking';
import css from './trading.module.css';

export function SideMark({ side }: { side: Side }) {
  return (
    <span className={`${css.side} ${side === 'BUY' ? 'up' : 'down'}`}>
      <i aria-hidden="true">{side === 'BUY' ? '▲' : '▼'}</i>
      {side === 'BUY' ? 'Buy' : 'Sell'}
    </span>
  );
}

/** A result in money: sign, glyph, colour. 0 has none of them. */
export function Result({ value }: { value: string | null | undefined }) {
  const text = format.money(value, true);
  if (text === format.MISSING) return <span className="fig dim">{text}</span>;
  const way = format.direction(value);
  if (way === 0) return <span className="fig muted">{text}</span>;
  return (
    <span className={`${css.money} ${tone(value)}`}>
      <i aria-hidden="true">{format.ARROW[way]}</i>
      <span className="fig">{text}</span>
    </span>
  );
}

const STATUS: Record<string, [word: string, kind: 'good' | 'warn' | 'bad' | 'plain']> = {
  PENDING: ['Pending', 'warn'],
  SUBMITTED: ['Sent, no answer yet', 'warn'],
  WORKING: ['Working', 'plain'],
  PARTIALLY_FILLED: ['Partial', 'plain'],
  FILLED: ['Filled', 'good'],
  CANCEL_PENDING: ['Cancelling', 'warn'],
  CANCELLED: ['Cancelled', 'plain'],
  REFUSED: ['Refused', 'bad'],
  REJECTED: ['Rejected by the broker', 'bad'],
  EXPIRED: ['Expired', 'plain'],
};

export function Status({ of }: { of: { readonly status: string; readonly filled_quantity: number; readonly quantity: number } }) {
  const [word, kind] = STATUS[of.status] ?? [of.status, 'plain'];
  const isPart = of.filled_quantity > 0 && of.filled_quantity < of.quantity;
  return (
    <span className={css.chip} data-kind={kind}>
      {word}
      {isPart && `, ${format.size(of.filled_quantity)} of ${format.size(of.quantity)}`}
    </span>
  );
}

const read = (symbol: string) => quotes.read(symbol);

/** Render with the mark of a position, again only when it changes. */
export function useMark(position: PositionRow): string | null {
  return useSyncExternalStore(
    (listener) => quotes.onFlush(listener),
    () => markOf(position, read),
  );
}

/** Render with positions at their marks of now, again only when one changes. */
export function useMarked(positions: readonly PositionRow[]): PositionRow[] {
  useSyncExternalStore(
    (listener) => quotes.onFlush(listener),
    () => positions.map((one) => markOf(one, read)).join(' '),
  );
  return positions.map((one) => marked(one, markOf(one, read)));
}

/** Render with what quotes have added to an account since Thor's answer. */
export function useAdded(account: AccountRow | undefined, positions: readonly PositionRow[]): string {
  return useSyncExternalStore(
    (listener) => quotes.onFlush(listener),
    () => (account ? addedToAll(account, positions, read) : '0'),
  );
}

interface StepperProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** The value so many steps away. */
  step: (by: number) => string;
  fault?: string | undefined;
  isDisabled?: boolean;
  inputMode?: 'numeric' | 'decimal' | 'text';
}

/** A field for contracts or a price: − and + and the arrow keys go by its own step. */
export function Stepper({ label, value, onChange, step, fault, isDisabled, inputMode = 'text' }: StepperProps) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const by = (count: number) => onChange(step(count));
  return (
    <div className={css.field}>
      <label htmlFor={id}>{label}</label>
      <div className={css.stepper} data-wrong={fault ? true : undefined}>
        <button type="button" tabIndex={-1} aria-label={`${label}: less`} disabled={isDisabled} onClick={() => by(-1)}>
          −
        </button>
        <input
          id={id}
          ref={field}
          value={value}
          inputMode={inputMode}
          autoComplete="off"
          disabled={isDisabled}
          aria-invalid={fault ? true : undefined}
          aria-describedby={fault ? `${id}-fault` : undefined}
          onChange={(event) => onChange(event.currentTarget.value)}
          onFocus={(event) => event.currentTarget.select()}
          onKeyDown={(event) => {
            if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
            event.preventDefault();
            by((event.key === 'ArrowUp' ? 1 : -1) * (event.shiftKey ? 10 : 1));
          }}
        />
        <button type="button" tabIndex={-1} aria-label={`${label}: more`} disabled={isDisabled} onClick={() => by(1)}>
          +
        </button>
      </div>
      {fault && (
        <span id={`${id}-fault`} className={css.fault}>
          {fault}
        </span>
      )}
    </div>
  );
}

/** How much of a limit is used. */
export function Meter({ share, label }: { share: number | null; label: string }) {
  const kind = share === null || share < 0.8 ? 'plain' : share > 1 ? 'over' : 'near';
  return (
    <span className={css.meter} data-kind={kind} role="img" aria-label={label}>
      <span style={{ width: `${Math.min(1, Math.max(0, share ?? 0)) * 100}%` }} />
    </span>
  );
}

export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={css.kv}>
      {rows.map(([label, value]) => (
        <div key={label} style={{ display: 'contents' }}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
