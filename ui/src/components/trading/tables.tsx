import { VisuallyHidden } from '@mantine/core';
/** Working orders, fills and positions as every page shows them. */

import { Link } from '@tanstack/react-router';
import { Fragment, useState, type ReactNode } from 'react';

import { Percent, Price, Size, State, Time } from '@/components/figures/figures';
import { SymbolLink } from '@/components/SymbolLink';
import { useField } from '@/hooks/useQuote';
import { useZone } from '@/hooks/useZone';
import { decimal, minus, ratio, written } from '@/services/decimal';
import * as format from '@/services/format';
import { ticksBetween } from '@/services/prices';
import { notationOf, quotes } from '@/services/quotes';
import type { FillRow, OrderRow, PositionRow } from '@/types/domain';

import { added, sum } from './marking';
import { Result, SideMark, Status, useMark } from './parts';
import css from './trading.module.css';

export const TYPE_SHORT: Record<string, string> = {
  MARKET: 'Market',
  LIMIT: 'Limit',
  STOP: 'Stop',
  STOP_LIMIT: 'Stop limit',
  TRAILING_STOP: 'Trailing',
};

export const notationFor = (symbol: string) => notationOf(quotes.instrument(symbol));

/** A frame that scrolls sideways, for a table that is wider than its panel. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

export function StoryLink({ order, children = 'Story' }: { order: string; children?: ReactNode }) {
  return (
    <Link to="/story/$order" params={{ order }} className={css.action}>
      {children}
    </Link>
  );
}

/** The prices of an order in the order that they decide: stop, limit, trail. */
export function orderPrices(order: OrderRow): string {
  const notation = notationFor(order.symbol);
  const stop = order.stop_price && format.price(order.stop_price, notation);
  const limit = order.limit_price && format.price(order.limit_price, notation);
  const trail = order.trail_by && `by ${format.price(order.trail_by, notation)}`;
  return [trail, order.type === 'TRAILING_STOP' ? null : stop, limit].filter(Boolean).join(', ') || 'market';
}

/** The type of an order, and what it is in its group. */
function typeOf(order: OrderRow): string {
  const role = order.parent_order_id ? 'exit' : order.group_kind === 'BRACKET' ? 'bracket' : order.group_kind;
  return [TYPE_SHORT[order.type], role].filter(Boolean).join(', ');
}

function Away({ order }: { order: OrderRow }) {
  const last = useField(order.series, 'last');
  const followed = useField(order.symbol, 'last');
  const price = order.type === 'LIMIT' ? order.limit_price : (order.stop_price ?? order.limit_price);
  const away = ticksBetween(last ?? followed, price, quotes.instrument(order.symbol)?.tick_size);
  if (away === null) return <span className="fig dim">{format.MISSING}</span>;
  const ticks = Math.abs(away);
  return (
    <span className="fig muted">
      {format.size(ticks)} {ticks === 1 ? 'tick' : 'ticks'}
    </span>
  );
}

interface OrdersProps {
  orders: readonly OrderRow[];
  /** The row's form for changes, where orders may be changed. */
  editor?: (order: OrderRow, onClose: () => void) => ReactNode;
  onCancel?: (order: OrderRow) => void;
  isOff?: boolean;
}

/** Orders that may still be filled. */
export function WorkingOrders({ orders, editor, onCancel, isOff }: OrdersProps) {
  const zone = useZone();
  const [open, show] = useState<string | null>(null);
  return (
    <Scroll label="Working orders">
      <table className={css.table} data-testid="working">
        <thead>
          <tr>
            <th scope="col" className={css.roomy}>Placed</th>
            <th scope="col">Symbol</th>
            <th scope="col">Side</th>
            <th scope="col" className={css.right}>Qty</th>
            <th scope="col" className={css.roomy}>Type</th>
            <th scope="col" className={css.right}>Price</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Away</th>
            <th scope="col" className={css.roomy}>Status</th>
            <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <Fragment key={order.order_id}>
              <tr data-order={order.order_id} data-status={order.status}>
                <td className={`dim ${css.roomy}`}><Time at={order.placed_at} zone={zone} /></td>
                <th scope="row">
                  <SymbolLink symbol={order.symbol}>{order.contract ?? order.symbol}</SymbolLink>
                  <small className={css.below}>
                    {typeOf(order)}, <Status of={order} /> <StoryLink order={order.order_id} />
                  </small>
                </th>
                <td><SideMark side={order.side} /></td>
                <td className={css.right}><Size value={order.quantity} /></td>
                <td className={`muted ${css.roomy}`}>
                  {typeOf(order)}{order.time_in_force === 'GTC' && ', GTC'}
                </td>
                <td className={css.right}>
                  <span className="fig">{orderPrices(order)}</span>
                  <small className={css.below}><Away order={order} /></small>
                </td>
                <td className={`${css.right} ${css.roomy}`}><Away order={order} /></td>
                <td className={css.roomy}><Status of={order} /></td>
                <td className={css.actions}>
                  <span className={css.roomy}>
                    <StoryLink order={order.order_id} />{' '}
                  </span>
                  {editor && (
                    <button
                      type="button"
                      className={css.action}
                      disabled={isOff || order.type === 'MARKET'}
                      aria-expanded={open === order.order_id}
                      aria-label={`Change order ${order.series} ${order.side.toLowerCase()} ${order.quantity}`}
                      onClick={() => show(open === order.order_id ? null : order.order_id)}
                    >
                      Change
                    </button>
                  )}
                  {onCancel && (
                    <button
                      type="button"
                      className={css.action}
                      disabled={isOff || order.status === 'CANCEL_PENDING'}
                      aria-label={`Cancel order ${order.series} ${order.side.toLowerCase()} ${order.quantity}`}
                      onClick={() => onCancel(order)}
                    >
                      Cancel
                    </button>
                  )}
                </td>
              </tr>
              {editor && open === order.order_id && (
                <tr>
                  <td colSpan={9}>{editor(order, () => show(null))}</td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Fills, the newest first. */
export function Fills({ fills }: { fills: readonly FillRow[] }) {
  const zone = useZone();
  return (
    <Scroll label="Fills">
      <table className={css.table} data-testid="fills">
        <thead>
          <tr>
            <th scope="col">Filled</th>
            <th scope="col">Symbol</th>
            <th scope="col">Side</th>
            <th scope="col" className={css.right}>Qty</th>
            <th scope="col" className={css.right}>Price</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Bid / ask</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Latency</th>
            <th scope="col" className={css.roomy}>Rests on</th>
            <th scope="col" className={css.roomy}><VisuallyHidden>Actions</VisuallyHidden></th>
          </tr>
        </thead>
        <tbody>
          {fills.map((fill) => {
            const notation = notationFor(fill.symbol);
            return (
              <tr key={fill.fill_id} data-fill={fill.fill_id}>
                <td className="dim"><Time at={fill.at} zone={zone} /></td>
                <th scope="row">
                  <SymbolLink symbol={fill.symbol}>{fill.contract ?? fill.symbol}</SymbolLink>
                  <small className={css.below}><StoryLink order={fill.order_id} /></small>
                </th>
                <td><SideMark side={fill.side} /></td>
                <td className={css.right}><Size value={fill.quantity} /></td>
                <td className={css.right}><Price value={fill.price} notation={notation} /></td>
                <td className={`${css.right} ${css.roomy} muted`}>
                  <Price value={fill.bid} notation={notation} /> / <Price value={fill.ask} notation={notation} />
                </td>
                <td className={`${css.right} ${css.roomy} muted`}>
                  <span className="fig">{fill.latency_ms === null ? format.MISSING : `${format.plainNumber(fill.latency_ms, 0)} ms`}</span>
                </td>
                <td className={`${css.roomy} ${css.wrap} muted small`}>{fill.assumptions.join('; ')}</td>
                <td className={`${css.actions} ${css.roomy}`}><StoryLink order={fill.order_id} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

interface PositionsProps {
  positions: readonly PositionRow[];
  /** With value, cost and margin of each: the page of positions. */
  isFull?: boolean;
  onFlatten?: (position: PositionRow) => void;
  isOff?: boolean;
}

/** What is held, marked at the last price of each tick. */
export function Positions({ positions, isFull, onFlatten, isOff }: PositionsProps) {
  return (
    <Scroll label="Positions">
      <table className={css.table} data-testid="positions">
        <thead>
          <tr>
            <th scope="col">Symbol</th>
            <th scope="col" className={css.right}>Qty</th>
            {isFull && <th scope="col" className={`${css.right} ${css.roomy}`}>Days</th>}
            <th scope="col" className={`${css.right} ${css.roomy}`}>{isFull ? 'Trade price' : 'Average'}</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Mark</th>
            {isFull && <th scope="col" className={`${css.right} ${css.roomy}`}>Value</th>}
            {isFull && <th scope="col" className={`${css.right} ${css.roomy}`}>P/L %</th>}
            <th scope="col" className={css.right}>P/L open</th>
            <th scope="col" className={css.right}>P/L day</th>
            {isFull && <th scope="col" className={`${css.right} ${css.roomy}`}>Margin</th>}
            {onFlatten && <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>}
          </tr>
        </thead>
        <tbody>
          {positions.map((one) => (
            <Position key={`${one.account_id} ${one.series}`} of={one} isFull={isFull} onFlatten={onFlatten} isOff={isOff} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The open profit with what the mark added, per cent of the cost. */
function percentOfCost(of: PositionRow, more: string): string | null {
  if (of.unrealised_percent === null) return null;
  const [profit, value, open] = [decimal(sum(of.unrealised, more)), decimal(of.market_value), decimal(of.unrealised)];
  if (!profit || !value || !open) return null;
  const cost = minus(value, open);
  const found = ratio(profit, cost.units < 0n ? { ...cost, units: -cost.units } : cost, 4, 100n);
  return found ? written(found) : null;
}

/** How stale the quote is that a position is marked at; a fresh one says nothing. */
function MarkState({ of }: { of: PositionRow }) {
  const own = useField(of.series, 'state');
  const followed = useField(of.symbol, 'state');
  const state = own ?? followed;
  return state === null || state === 'FRESH' ? null : <State state={state} />;
}

type PositionProps = Omit<PositionsProps, 'positions'> & { of: PositionRow };

function Position({ of, isFull, onFlatten, isOff }: { [K in keyof PositionProps]: PositionProps[K] | undefined } & { of: PositionRow }) {
  const mark = useMark(of);
  const notation = notationFor(of.symbol);
  const more = added(of, mark);
  return (
    <tr data-position={of.series} data-quiet={of.quantity === 0 || undefined}>
      <th scope="row">
        <SymbolLink symbol={of.symbol}>{of.series}</SymbolLink>
        <small className={css.below}>
          <span className="fig">{format.average(of.average_price, notation)}</span> → <Price value={mark} notation={notation} />
        </small>
      </th>
      <td className={`${css.right} strong`} data-field="quantity">
        <span className="fig">{of.quantity > 0 ? '+' : ''}{format.size(of.quantity)}</span>
      </td>
      {isFull && <td className={`${css.right} ${css.roomy}`}><Size value={of.days} /></td>}
      <td className={`${css.right} ${css.roomy}`} data-field="average"><span className="fig">{format.average(of.average_price, notation)}</span></td>
      <td className={`${css.right} ${css.roomy}`} data-field="mark" title={of.mark_kind ?? undefined}>
        {of.quantity === 0 ? <span className="dim">{format.MISSING}</span> : <><MarkState of={of} /> <Price value={mark} notation={notation} isMean /></>}
      </td>
      {isFull && <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(sum(of.market_value, more))}</span></td>}
      {isFull && <td className={`${css.right} ${css.roomy}`}><Percent value={percentOfCost(of, more)} hasArrow /></td>}
      <td className={css.right} data-field="open"><Result value={sum(of.unrealised, more)} /></td>
      <td className={css.right} data-field="day"><Result value={sum(of.pnl_day, more)} /></td>
      {isFull && <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(of.margin_initial)}</span></td>}
      {onFlatten && (
        <td className={css.actions}>
          {of.quantity !== 0 && (
            <button type="button" className={css.action} disabled={isOff} aria-label={`Flatten ${of.series}`} onClick={() => onFlatten(of)}>
              Flatten
            </button>
          )}
        </td>
      )}
    </tr>
  );
}
