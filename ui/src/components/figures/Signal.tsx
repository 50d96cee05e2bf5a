import { useCell } from '@/hooks/useCell';
import { signalOf } from '@/services/desk';
import type { Signal } from '@/types/domain';

import css from './signal.module.css';

const SIGNS: Record<Signal, [glyph: string, word: string, style: string | undefined]> = {
  STRONG_BUY: ['▲▲', 'Strong buy', css.strongBuy],
  BUY: ['▲', 'Buy', css.buy],
  HOLD: ['■', 'Hold', css.hold],
  SELL: ['▼', 'Sell', css.sell],
  STRONG_SELL: ['▼▼', 'Strong sell', css.strongSell],
};
const ORDER: readonly Signal[] = ['STRONG_SELL', 'SELL', 'HOLD', 'BUY', 'STRONG_BUY'];

/** Place of a signal from strong sell to strong buy, for a sort. */
export function signalRank(signal: Signal | null | undefined): number | null {
  return signal ? ORDER.indexOf(signal) : null;
}

interface ChipProps {
  signal: Signal | null;
  /** Why there is none. */
  reason?: string | null;
  /** Only the glyph: where a word does not fit. */
  isShort?: boolean;
}

/** A signal: glyph and word, colour last. Without one it says so, and why. */
export function SignalChip({ signal, reason, isShort }: ChipProps) {
  if (!signal) {
    const why = reason ? `No signal: ${reason}` : 'No signal';
    return isShort ? (
      <span className={css.glyphOnly} title={why} role="img" aria-label={why}>
        ·
      </span>
    ) : (
      <span className={`${css.chip} ${css.none}`} title={why}>
        no signal
      </span>
    );
  }
  const [glyph, word, style] = SIGNS[signal];
  if (isShort) {
    return (
      <span
        className={`${css.glyphOnly} ${style} live`}
        title={word}
        role="img"
        aria-label={`Signal ${word}`}
      >
        {glyph[0]}
      </span>
    );
  }
  return (
    <span className={`${css.chip} ${style} live`}>
      <span className={css.glyph} aria-hidden="true">
        {glyph}
      </span>
      {word}
    </span>
  );
}

/** The signal of a symbol, as it changes. */
export function LiveSignal({ symbol, isShort }: { symbol: string; isShort?: boolean }) {
  const found = useCell(signalOf(symbol));
  return <SignalChip signal={found?.signal ?? null} reason={found?.reason} isShort={isShort} />;
}
