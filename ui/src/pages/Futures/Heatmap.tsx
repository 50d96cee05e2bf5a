import { Panel } from '@/components/panel/Panel';
import { LiveAge, LivePercent, LivePrice, LiveState } from '@/components/figures/live';
import { SymbolLink } from '@/components/SymbolLink';
import { useField } from '@/hooks/useQuote';
import { useInstruments } from '@/hooks/useInstruments';
import type { Instrument } from '@/types/domain';

import { Spread } from './columns';
import css from './Futures.module.css';
import { grouped } from './groups';
import { heatmapSql } from './sql';

const STEP_PERCENT = 0.25;
const STEPS = 8;

/** Steps of 0.25 %, with the sign of the change: full colour at 2 %. Null where it is missing. */
export function heat(percent: string | null): number | null {
  if (percent === null) return null;
  const value = Number(percent);
  if (!Number.isFinite(value)) return null;
  return Math.sign(value) * Math.min(STEPS, Math.ceil(Math.abs(value) / STEP_PERCENT)) + 0;
}

const SCALE = [-8, -4, -2, 0, 2, 4, 8];

/** The changes as a wall of colour, each with its number. */
export function Heatmap() {
  const { instruments } = useInstruments();
  return (
    <Panel
      title="Net change"
      meta="on the previous close · full colour at 2 %"
      actions={<Scale />}
      sql={{ statement: heatmapSql, gives: `${instruments.length} rows` }}
    >
      {grouped(instruments).map((group) => (
        <section key={group.title} className={css.heatGroup} aria-label={group.title}>
          <h3 className={css.heatTitle}>{group.title}</h3>
          <div className={css.tiles}>
            {group.instruments.map((one) => (
              <Tile key={one.symbol} instrument={one} />
            ))}
          </div>
        </section>
      ))}
    </Panel>
  );
}

function Tile({ instrument }: { instrument: Instrument }) {
  const { symbol, name } = instrument;
  const step = heat(useField(symbol, 'net_change_percent'));
  const state = useField(symbol, 'state');
  return (
    <article
      className={`${css.tile} tinted`}
      data-symbol={symbol}
      data-state={state ?? undefined}
      data-way={Math.sign(step ?? 0)}
      data-step={Math.abs(step ?? 0)}
    >
      <header>
        <SymbolLink symbol={symbol} />
        <span className={css.tileName}>{name}</span>
      </header>
      <p className={css.tilePercent}>
        <LivePercent symbol={symbol} hasArrow />
      </p>
      <footer>
        <LivePrice symbol={symbol} field="last" />
        <span>
          spread <Spread symbol={symbol} />
        </span>
        <span>
          {state === 'STALE' || state === 'DEAD' ? <LiveState symbol={symbol} /> : null}{' '}
          <LiveAge symbol={symbol} />
        </span>
      </footer>
    </article>
  );
}

function Scale() {
  return (
    <span className={`${css.scale} wide`} aria-hidden="true">
      {SCALE.map((step) => (
        <span key={step} data-way={Math.sign(step)} data-step={Math.abs(step)}>
          {step === 0 ? '0' : `${step > 0 ? '+' : '−'}${((Math.abs(step) * STEP_PERCENT).toFixed(1))}%`}
        </span>
      ))}
    </span>
  );
}
