import css from './MarketOpen.module.css';
import type { Row } from './progress';

const OUTCOMES: Record<Row['wndw'], [glyph: string, word: string]> = {
  WORKED: ['✓', 'Worked'],
  DIDNT_WORK: ['✕', 'Didn’t work'],
  NEUTRAL: ['–', 'Neutral'],
  PENDING: ['◔', 'Pending'],
};

/** How a row ended: glyph and word, colour last. */
export function Outcome({ outcome }: { outcome: Row['wndw'] }) {
  const [glyph, word] = OUTCOMES[outcome];
  return (
    <span className={css.outcome} data-outcome={outcome}>
      <span aria-hidden="true">{glyph}</span>
      {word}
    </span>
  );
}
