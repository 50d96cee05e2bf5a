/** What a ticket holds, what it would send, and what is wrong with it: pure. */

import * as format from '@/services/format';
import type { Notation } from '@/services/format';
import { RULES } from '@/components/trading/rules';
import { isAbove, isOnGrid, readPrice, stepped } from '@/services/prices';
import type { CheckRow, OrderBody, OrderType, Side } from '@/types/domain';

export const TYPES: readonly OrderType[] = ['MARKET', 'LIMIT', 'STOP', 'STOP_LIMIT', 'TRAILING_STOP'];
export const TYPE_WORDS: Record<OrderType, string> = {
  MARKET: 'Market',
  LIMIT: 'Limit',
  STOP: 'Stop',
  STOP_LIMIT: 'Stop limit',
  TRAILING_STOP: 'Trailing',
};

/** The price fields, as the API names them. */
export type PriceField = 'limit_price' | 'stop_price' | 'trail_by';
export const FIELD_WORDS: Record<PriceField, string> = {
  limit_price: 'Limit price',
  stop_price: 'Stop price',
  trail_by: 'Trail by, points',
};

/** The price fields that an order of a type has. */
export const FIELDS: Record<OrderType, readonly PriceField[]> = {
  MARKET: [],
  LIMIT: ['limit_price'],
  STOP: ['stop_price'],
  STOP_LIMIT: ['stop_price', 'limit_price'],
  TRAILING_STOP: ['trail_by'],
};

export interface Ticket {
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  /** As typed. */
  readonly quantity: string;
  readonly prices: Readonly<Record<PriceField, string>>;
  readonly timeInForce: 'DAY' | 'GTC';
}

/** What the ticket needs to know of its instrument and of the market. */
export interface Market {
  readonly tickSize: string;
  readonly notation: Notation;
  readonly bid: string | null;
  readonly ask: string | null;
}


export type Faults = Partial<Record<'quantity' | PriceField, string>>;

/** Return the contracts of a typed quantity; null where they are no whole number above 0. */
export function readQuantity(typed: string): number | null {
  const text = typed.trim().replaceAll(',', '');
  if (!/^\d{1,7}$/.test(text)) return null;
  const found = Number(text);
  return found > 0 && found <= 1_000_000 ? found : null;
}

/** Return what is wrong with each field, and what it has to be. */
export function faultsOf(ticket: Ticket, market: Market): Faults {
  const faults: Faults = {};
  if (readQuantity(ticket.quantity) === null) {
    faults.quantity = 'A whole number of contracts, 1 or more.';
  }
  for (const field of FIELDS[ticket.type]) {
    const fault = priceFault(ticket, field, market);
    if (fault) faults[field] = fault;
  }
  return faults;
}

function priceFault(ticket: Ticket, field: PriceField, market: Market): string | null {
  const { tickSize, notation, bid, ask } = market;
  const price = readPrice(ticket.prices[field], notation);
  if (price === null) {
    return notation.kind === '32nds' ? "A price such as 118'10 or 118'10+." : 'A price.';
  }
  if (!isOnGrid(price, tickSize)) {
    const below = stepped(stepped(price, tickSize, 1), tickSize, -1);
    const near = [below, stepped(below, tickSize, 1)].map((one) => format.price(one, notation));
    return `Not on the grid: ${near.join(' or ')}.`;
  }
  if (field === 'trail_by' && !isAbove(price, '0')) return 'A distance above 0.';
  if (field === 'stop_price' && ticket.side === 'BUY' && ask && !isAbove(price, ask)) {
    return `A stop to buy stands above the ask, ${format.price(ask, notation)}.`;
  }
  if (field === 'stop_price' && ticket.side === 'SELL' && bid && !isAbove(bid, price)) {
    return `A stop to sell stands below the bid, ${format.price(bid, notation)}.`;
  }
  return null;
}

/** Return the order that a ticket asks for; null while a field is wrong. */
export function orderOf(ticket: Ticket, account: string, market: Market): OrderBody | null {
  if (Object.keys(faultsOf(ticket, market)).length > 0) return null;
  const prices = Object.fromEntries(
    FIELDS[ticket.type].map((field) => [field, readPrice(ticket.prices[field], market.notation)!]),
  );
  return {
    account_id: account,
    symbol: ticket.symbol,
    side: ticket.side,
    type: ticket.type,
    quantity: readQuantity(ticket.quantity)!,
    ...prices,
    time_in_force: ticket.timeInForce,
  };
}

/** Return a price to begin a field with: the market's own, a stop some ticks beyond it. */
export function firstPrice(field: PriceField, side: Side, market: Market): string {
  const { bid, ask, tickSize } = market;
  const own = side === 'BUY' ? ask : bid;
  if (field === 'trail_by') return stepped('0', tickSize, 8);
  if (!own) return '';
  return field === 'limit_price' ? own : stepped(own, tickSize, side === 'BUY' ? 8 : -8);
}

/** Return the button's words: side, contracts, symbol and the price that decides. */
export function wordsOf(ticket: Ticket, market: Market): string {
  const { notation } = market;
  const written = (field: PriceField) => format.price(readPrice(ticket.prices[field], notation), notation);
  const own = format.price(ticket.side === 'BUY' ? market.ask : market.bid, notation);
  const how = {
    MARKET: `at market, ${ticket.side === 'BUY' ? 'ask' : 'bid'} ${own}`,
    LIMIT: `limit ${written('limit_price')}`,
    STOP: `stop ${written('stop_price')}`,
    STOP_LIMIT: `stop ${written('stop_price')}, limit ${written('limit_price')}`,
    TRAILING_STOP: `trailing by ${written('trail_by')}`,
  }[ticket.type];
  const quantity = readQuantity(ticket.quantity);
  return `${ticket.side === 'BUY' ? 'Buy' : 'Sell'} ${quantity ?? format.MISSING} ${ticket.symbol} ${how}`;
}

/** Rules whose figure counts contracts: each contract less takes one off. */
const IN_CONTRACTS = ['max_contracts', 'max_group_contracts'];

/** Return what would pass instead of a refused order where that follows, else what refuses it too. */
export function wouldPass(checks: readonly CheckRow[], quantity: number): string | null {
  const failed = checks.filter((one) => !one.is_passed);
  if (failed.length === 0) return null;
  if (!failed.every((one) => IN_CONTRACTS.includes(one.rule) && one.limit !== null && one.figure !== null)) {
    const others = failed.slice(1).map((one) => RULES[one.rule]?.short ?? one.rule);
    return others.length > 0 ? `So does: ${others.join(', ')}.` : null;
  }
  const over = Math.max(...failed.map((one) => Number(one.figure) - Number(one.limit)));
  const left = quantity - over;
  if (left < 1) return 'No contract more passes; less has to be held or working first.';
  return `${left} ${left === 1 ? 'contract passes' : 'contracts pass'}.`;
}
