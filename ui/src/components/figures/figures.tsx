/** The only components that print a figure. Each takes what the API gave and knows its form. */

import type { ReactNode } from 'react';

import { connection } from '@/services/connection';
import * as format from '@/services/format';
import type { Notation, Value } from '@/services/format';
import type { QuoteState } from '@/types/domain';
import { tone } from '@/hooks/useFlash';
import { useCell } from '@/hooks/useCell';
import { useTicking } from '@/hooks/useQuote';

import css from './figures.module.css';

interface PriceProps {
  value: Value;
  notation: Notation;
  /** A mean, VWAP say, is rounded to the instrument's own precision. */
  isMean?: boolean;
  /** Stand under the other prices of a column, point under point. */
  isAligned?: boolean;
}

function Aligned({ parts }: { parts: format.Parts | null }) {
  if (!parts) {
    return (
      <span className={`${css.aligned} dim`}>
        <span>{format.MISSING}</span>
        <span />
      </span>
    );
  }
  return (
    <span className={css.aligned}>
      <span>{parts.whole}</span>
      <span className={css.fraction}>{parts.fraction}</span>
    </span>
  );
}

/** A price as traders of its instrument write it. */
export function Price({ value, notation, isMean, isAligned }: PriceProps) {
  if (isAligned) {
    return (
      <span className="fig">
        <Aligned parts={format.priceParts(value, notation, isMean)} />
      </span>
    );
  }
  return <Figure text={format.price(value, notation, isMean)} />;
}

interface ChangeProps {
  value: Value;
  notation: Notation;
  isAligned?: boolean;
  /** Without arrow and colour: a distance, which is neither good nor bad. */
  isQuiet?: boolean;
}

/** A change of a price: sign, glyph, colour, in this order of weight. */
export function Change({ value, notation, isAligned, isQuiet }: ChangeProps) {
  const parts = format.changeParts(value, notation);
  if (!parts) return isAligned ? <Aligned parts={null} /> : <Figure text={format.MISSING} />;
  if (isQuiet) return <Figure text={parts.whole + parts.fraction} />;
  return (
    <span className={`${tone(value)} nowrap`}>
      <Arrow value={value} />
      <span className="fig">
        {isAligned ? <Aligned parts={parts} /> : parts.whole + parts.fraction}
      </span>
    </span>
  );
}

/** The glyph of a direction, for people who do not see the colour; the sign shows it already. */
export function Arrow({ value }: { value: Value }) {
  return (
    <span className={css.arrow} aria-hidden="true">
      {format.ARROW[format.direction(value)]}
    </span>
  );
}

interface PercentProps {
  value: Value;
  places?: number;
  /** Where no change is shown beside it. */
  hasArrow?: boolean;
  /** Without colour: a distance, which is neither good nor bad. */
  isQuiet?: boolean;
}

/** A signed percentage. */
export function Percent({ value, places, hasArrow, isQuiet }: PercentProps) {
  const text = format.percent(value, places);
  if (text === format.MISSING || isQuiet) return <Figure text={text} />;
  return (
    <span className={`${tone(value)} nowrap`}>
      {hasArrow && <Arrow value={value} />}
      <span className="fig">{text}</span>
    </span>
  );
}

/** Contracts, volume, ticks: a whole number. */
export function Size({ value }: { value: Value }) {
  return <Figure text={format.size(value)} />;
}

/** Money in the account's currency. */
export function Money({ value, isResult }: { value: Value; isResult?: boolean }) {
  const text = format.money(value, isResult);
  return isResult ? (
    <span className={tone(value)}>
      <Figure text={text} />
    </span>
  ) : (
    <Figure text={text} />
  );
}

/** A share of a whole, in per cent. */
export function Rate({ value, places }: { value: Value; places?: number }) {
  return <Figure text={format.rate(value, places)} />;
}

/** A share from 0 to 1, in per cent. */
export function Share({ value, places = 1 }: { value: number | null | undefined; places?: number }) {
  return <Figure text={format.rate(value == null ? null : 100 * value, places)} />;
}

/** A number that is no price, with its decimals. */
export function Plain({ value, places }: { value: Value; places: number }) {
  return <Figure text={format.plainNumber(value, places)} />;
}

/** How long ago a moment was, by Thor's clock. It counts on by itself. */
export function Age({ at }: { at: string | number | null | undefined }) {
  const text = useTicking((now) => {
    if (at === null || at === undefined) return format.MISSING;
    return format.age(now - (typeof at === 'number' ? at : Date.parse(at)));
  });
  return <Figure text={text} />;
}

/** How long until a moment, by Thor's clock. */
export function Countdown({ to }: { to: string | number | null | undefined }) {
  const text = useTicking((now) => {
    if (to === null || to === undefined) return format.MISSING;
    return format.countdown((typeof to === 'number' ? to : Date.parse(to)) - now);
  });
  return <Figure text={text} />;
}

/** A moment in a zone that the page names. */
export function Time({ at, zone }: { at: string | number | null | undefined; zone: string }) {
  const text = useTicking((now) => format.time(at, zone, now));
  return <Figure text={text} />;
}

const STATES: Record<QuoteState, [glyph: string, word: string]> = {
  FRESH: ['●', 'Fresh'],
  STALE: ['◐', 'STALE'],
  DEAD: ['✕', 'DEAD'],
};

/** How live a quote is: glyph, word, colour. Without a connection none is. */
export function State({ state, children }: { state: QuoteState | null; children?: ReactNode }) {
  const isLost = useCell(connection, (now) => now.state === 'lost' || now.state === 'paused');
  if (isLost) return <Sign name="DEAD" glyph="✕" word="not live" />;
  if (!state) return <Figure text={format.MISSING} />;
  const [glyph, word] = STATES[state];
  return (
    <Sign name={state} glyph={glyph} word={word}>
      {children}
    </Sign>
  );
}

interface SignProps {
  name: QuoteState;
  glyph: string;
  word: string;
  children?: ReactNode;
}

function Sign({ name, glyph, word, children }: SignProps) {
  return (
    <span className={`${css.state} ${css[name]} live`}>
      <span aria-hidden="true">{glyph}</span>
      {word}
      {children}
    </span>
  );
}

function Figure({ text }: { text: string }) {
  return <span className={text === format.MISSING ? 'fig dim' : 'fig'}>{text}</span>;
}
