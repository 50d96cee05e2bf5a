import { Link } from '@tanstack/react-router';

import { Age } from '@/components/figures/figures';
import { SignalChip } from '@/components/figures/Signal';
import { ScaleBar } from '@/components/graphics/ScaleBar';
import { Sql } from '@/components/panel/Sql';
import { useCell } from '@/hooks/useCell';
import { useInstruments } from '@/hooks/useInstruments';
import { SET, signalOf, total } from '@/services/desk';
import * as format from '@/services/format';
import type { DeskTotal } from '@/types/domain';

import css from './Futures.module.css';
import { totalSql } from './sql';

/** Twice the number of symbols is the most that the weights of their signals come to. */
const WEIGHTS_END = 22;
/** Where the composite signal changes. */
const STEPS = [-9, -4, 4, 9] as const;

/** The TOTAL in one line above the table: what it says, and which quotes it rests on. */
export function TotalStrip() {
  const found = useCell(total);
  const of = useOf(found);
  return (
    <section className={css.total} aria-label="TOTAL" data-panel data-aside data-testid="total">
      <span className={css.totalName}>
        <Link to="/total">
          <h2>TOTAL</h2>
        </Link>
        <SignalChip signal={found?.composite_signal ?? null} reason="no symbol has one" />
      </span>
      <dl>
        <dt>Signal weights, −{WEIGHTS_END} to +{WEIGHTS_END}</dt>
        <dd>
          <Weights found={found} />
        </dd>
      </dl>
      <dl>
        <dt>Score, −1 to +1</dt>
        <dd>
          <Score found={found} />
        </dd>
      </dl>
      <dl>
        <dt>Weighted average</dt>
        <dd data-figure="avg_weighted">
          <span className="fig">{format.plainNumber(found?.avg_weighted, 3)}</span>
        </dd>
      </dl>
      <dl>
        <dt>Sum ÷ weights</dt>
        <dd>
          <span className="fig">
            {format.plainNumber(found?.sum_weighted, 2)} ÷ {format.asSet(found?.denominator)}
          </span>
        </dd>
      </dl>
      <dl className={css.totalCount}>
        <dt>Count</dt>
        <dd>
          <span className="fig">{of}</span>
          {found && found.missing.length > 0 && (
            <span className="muted small"> · <Missing found={found} /></span>
          )}
        </dd>
      </dl>
      <dl className={css.totalAge}>
        <dt>Oldest quote in it</dt>
        <dd>
          <Age at={found?.as_of} />
        </dd>
      </dl>
      <Sql statement={totalSql} gives="1 row" />
    </section>
  );
}

/** The TOTAL as the first of the cards. */
export function TotalCard() {
  const found = useCell(total);
  const of = useOf(found);
  return (
    <article className={`${css.card} ${css.totalCard}`} aria-label="TOTAL" data-panel data-testid="total">
      <header className={css.cardHead}>
        <Link to="/total">
          <b>TOTAL</b>
        </Link>
        <span className={css.cardName}>
          <SignalChip signal={found?.composite_signal ?? null} reason="no symbol has one" />
        </span>
      </header>
      <div className={css.cardLast}>
        <b>
          <span className="fig">{format.plainNumber(found?.avg_weighted, 3)}</span>
        </b>
        <span className="muted">average</span>
      </div>
      <span className="tiny muted">Signal weights</span>
      <Weights found={found} />
      <span className="tiny muted">Score, −1 to +1</span>
      <Score found={found} />
      <dl className={css.figures}>
        <dt>Sum</dt>
        <dd className="fig">{format.plainNumber(found?.sum_weighted, 2)}</dd>
        <dt>Σ weights</dt>
        <dd className="fig">{format.asSet(found?.denominator)}</dd>
        <dt>Count</dt>
        <dd className="fig">{of}</dd>
        <dt>Set</dt>
        <dd>{SET}</dd>
        <dt>Oldest quote</dt>
        <dd>
          <Age at={found?.as_of} />
        </dd>
      </dl>
      {found && found.missing.length > 0 && (
        <p className={css.totalNote}>
          <Missing found={found} />
        </p>
      )}
      <span className="spacer" />
      <footer className={css.totalFoot}>
        <Link to="/total" className="tiny link">
          History
        </Link>
        <span className="spacer" />
        <Sql statement={totalSql} gives="1 row" />
      </footer>
    </article>
  );
}

function useOf(found: DeskTotal | null): string {
  const { instruments } = useInstruments();
  if (!found) return format.MISSING;
  return `${found.count} of ${Math.max(instruments.length, found.count + found.missing.length)}`;
}

function Weights({ found }: { found: DeskTotal | null }) {
  const sum = found?.signal_weight_sum ?? null;
  return (
    <span className={css.totalScale}>
      <b className="fig" data-figure="signal_weight_sum">
        {signed(sum, 0)}
      </b>
      <ScaleBar
        value={sum === null ? null : Number(sum)}
        end={WEIGHTS_END}
        marks={STEPS}
        label={`Sum of the signals' weights, ${signed(sum, 0)}`}
      />
    </span>
  );
}

function Score({ found }: { found: DeskTotal | null }) {
  const score = found?.score ?? null;
  return (
    <span className={css.totalScale}>
      <b className="fig" data-figure="score">
        {signed(score, 3)}
      </b>
      <ScaleBar
        value={score === null ? null : Number(score)}
        end={1}
        label={`Mean of the symbols' scores, ${signed(score, 3)}`}
      />
    </span>
  );
}

function signed(value: string | null, places: number): string {
  const text = format.plainNumber(value, places);
  return format.direction(value) > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** Which symbols are left out, and why. */
function Missing({ found }: { found: DeskTotal }) {
  const [one, ...others] = found.missing;
  const reason = useCell(signalOf(one ?? ''))?.reason;
  if (one === undefined) return null;
  if (others.length > 0) return <>{found.missing.join(', ')} left out</>;
  return (
    <>
      {one} left out{reason ? `: ${reason}` : ''}
    </>
  );
}
