import { SignalChip } from '@/components/figures/Signal';
import { Price } from '@/components/figures/figures';
import { ScaleBar } from '@/components/graphics/ScaleBar';
import { SymbolLink } from '@/components/SymbolLink';
import { useFields } from '@/hooks/useQuote';
import * as format from '@/services/format';
import { notationOf, quotes } from '@/services/quotes';

import css from './MarketOpen.module.css';
import { Outcome } from './Outcome';
import { distances, EXITS, exitPrice, isLong, progress, type Row } from './progress';

const TOTAL = 'TOTAL';

/** The rows of a capture: entry, stop left and target right, and how far each is on its way. */
export function Captured({ rows, zone }: { rows: readonly Row[]; zone: string }) {
  return (
    <div className={css.scroll}>
      <table className={css.table} data-testid="capture">
        <thead>
          <tr>
            <th scope="col">Symbol</th>
            <th scope="col">Signal</th>
            <th scope="col" className={css.roomy}>
              Entry rule
            </th>
            <th scope="col" className={`${css.price} wide`}>
              Entry
            </th>
            <th scope="col" className={`${css.price} wide`}>
              Stop
            </th>
            <th scope="col" className={`${css.price} wide`}>
              Target
            </th>
            <th scope="col">
              <span className={css.ends}>
                <span>stop</span>
                <span>entry</span>
                <span>target</span>
              </span>
            </th>
            <th scope="col" className={css.roomy}>
              Distance
            </th>
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <CapturedRow key={row.id} row={row} zone={zone} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CapturedRow({ row, zone }: { row: Row; zone: string }) {
  const notation = notationOf(quotes.instrument(row.graded_symbol));
  const [stop, target] = isLong(row)
    ? [row.target_low, row.target_high]
    : [row.target_high, row.target_low];
  return (
    <tr data-symbol={row.symbol} data-total={row.symbol === TOTAL || undefined}>
      <th scope="row">
        {row.symbol === TOTAL ? TOTAL : <SymbolLink symbol={row.symbol} />}
      </th>
      <td>
        <span className="wide">
          <SignalChip signal={row.bhs} reason={row.reason} />
        </span>
        <span className="narrow">
          <SignalChip signal={row.bhs} reason={row.reason} isShort />
        </span>
      </td>
      <td className={`muted small nowrap ${css.roomy}`}>{rule(row)}</td>
      <td className={`${css.price} wide`}>
        <Price value={row.entry_price} notation={notation} isAligned />
      </td>
      <td className={`${css.price} muted wide`}>
        <Price value={row.entry_price === null ? null : stop} notation={notation} isAligned />
      </td>
      <td className={`${css.price} muted wide`}>
        <Price value={row.entry_price === null ? null : target} notation={notation} isAligned />
      </td>
      {row.entry_price === null ? (
        <>
          <td className="dim small">
            {row.is_complete ? row.reason : `${row.reason} at the capture, row incomplete`}
          </td>
          <td className={css.roomy} />
        </>
      ) : (
        <Way row={row} zone={zone} />
      )}
      <td>
        <Outcome outcome={row.wndw} />
      </td>
    </tr>
  );
}

function rule(row: Row): string {
  if (row.entry_price === null) return format.MISSING;
  const side = isLong(row) ? 'long' : 'short';
  const price = row.is_by_last ? 'last' : isLong(row) ? 'ask' : 'bid';
  return `${side} at ${price}${row.symbol === TOTAL ? ` of ${row.graded_symbol}` : ''}`;
}

/** The mark between stop and target, which moves with the quote, and the distance in words. */
function Way({ row, zone }: { row: Row; zone: string }) {
  const quote = useFields(row.graded_symbol, EXITS);
  const price = exitPrice(row, quote);
  const at = progress(row, price);
  const ticks = distances(row, price);
  const words = way(row, ticks, zone);
  return (
    <>
      <td>
        <span className={css.way}>
          <ScaleBar value={at} end={1} marks={[0]} label={`${row.symbol}: ${words}`} />
        </span>
        <small className={css.below}>{words}</small>
      </td>
      <td className={`muted small nowrap ${css.roomy}`} data-testid="distance">
        {words}
      </td>
    </>
  );
}

function way(row: Row, ticks: { target: number; stop: number } | null, zone: string): string {
  if (row.target_hit_at !== null) {
    const end = row.target_hit_type === 'TARGET' ? 'target' : 'stop';
    return `${format.time(row.target_hit_at, zone, Date.parse(row.captured_at))} at ${end}`;
  }
  if (row.wndw === 'NEUTRAL') return 'no touch until the close';
  if (ticks === null) return 'no live price';
  const count = format.size(ticks.target);
  return `${count} ${ticks.target === 1 ? 'tick' : 'ticks'} to target, ${format.size(ticks.stop)} to stop`;
}
