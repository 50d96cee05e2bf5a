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
/** What a ticket asks beside: the exits of a bracket, the other order of a pair. */
export type ExitField = 'take_profit' | 'stop_loss' | 'oco_price';
export type Field = PriceField | ExitField;
export const FIELD_WORDS: Record<Field, string> = {
  limit_price: 'Limit price',
  stop_price: 'Stop price',
  trail_by: 'Trail by, points',
  take_profit: 'Take profit',
  stop_loss: 'Stop loss',
  oco_price: 'Or, price',
};

/** What is attached to an order: nothing, its exits, or another order that it cancels. */
export type Attached = 'NONE' | 'BRACKET' | 'OCO';
export const ATTACHED_WORDS: Record<Attached, string> = { NONE: 'Alone', BRACKET: 'Bracket', OCO: 'OCO' };
/** The other order of a pair, by the type of the first; no other type has one. */
const OTHER: Partial<Record<OrderType, 'STOP' | 'LIMIT'>> = { LIMIT: 'STOP', STOP: 'LIMIT' };
export const hasOther = (type: OrderType) => OTHER[type] !== undefined;

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
  readonly prices: Readonly<Record<Field, string>>;
  readonly timeInForce: 'DAY' | 'GTC';
  readonly attached: Attached;
}

/** Return the price fields of a ticket, in the order that they are asked in. */
export function fieldsOf({ type, attached }: Pick<Ticket, 'type' | 'attached'>): readonly Field[] {
  if (attached === 'BRACKET') return [...FIELDS[type], 'take_profit', 'stop_loss'];
  if (attached === 'OCO' && hasOther(type)) return [...FIELDS[type], 'oco_price'];
  return FIELDS[type];
}

/** Return the label of a field on a ticket. */
export function labelOf(field: Field, type: OrderType): string {
  if (field !== 'oco_price') return FIELD_WORDS[field];
  return OTHER[type] === 'STOP' ? 'Or stop price' : 'Or limit price';
}

/** What the ticket needs to know of its instrument and of the market. */
export interface Market {
  readonly tickSize: string;
  readonly notation: Notation;
  readonly bid: string | null;
  readonly ask: string | null;
}


export type Faults = Partial<Record<'quantity' | Field, string>>;

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
  for (const field of fieldsOf(ticket)) {
    const fault = priceFault(ticket, field, market);
    if (fault) faults[field] = fault;
  }
  return faults;
}

function priceFault(ticket: Ticket, field: Field, market: Market): string | null {
  const { tickSize, notation, bid, ask } = market;
  const typed = ticket.prices[field];
  // A bracket has one exit or both.
  if (isOptional(field) && !typed.trim()) {
    const other = field === 'take_profit' ? 'stop_loss' : 'take_profit';
    return ticket.prices[other].trim() ? null : 'A bracket has a take profit, a stop loss, or both.';
  }
  const price = readPrice(typed, notation);
  const fault = gridFault(price, tickSize, notation);
  if (price === null || fault) return fault;
  if (field === 'trail_by' && !isAbove(price, '0')) return 'A distance above 0.';
  const isStop = field === 'stop_price' || (field === 'oco_price' && OTHER[ticket.type] === 'STOP');
  if (isStop && ticket.side === 'BUY' && ask && !isAbove(price, ask)) {
    return `A stop to buy stands above the ask, ${format.price(ask, notation)}.`;
  }
  if (isStop && ticket.side === 'SELL' && bid && !isAbove(bid, price)) {
    return `A stop to sell stands below the bid, ${format.price(bid, notation)}.`;
  }
  const entry = entryOf(ticket, market);
  if (isOptional(field) && entry) {
    const isOver = (field === 'take_profit') === (ticket.side === 'BUY');
    if (isOver ? !isAbove(price, entry) : !isAbove(entry, price)) {
      return `${isOver ? 'Above' : 'Below'} the entry, ${format.price(entry, notation)}.`;
    }
  }
  return null;
}

const isOptional = (field: Field) => field === 'take_profit' || field === 'stop_loss';

/** Return why a price is none, or which ones beside it are on the grid; null where it is on it. */
export function gridFault(price: string | null, tickSize: string, notation: Notation): string | null {
  if (price === null) {
    return notation.kind === '32nds' ? "A price such as 118'10 or 118'10+." : 'A price.';
  }
  if (isOnGrid(price, tickSize)) return null;
  const below = stepped(stepped(price, tickSize, 1), tickSize, -1);
  const near = [below, stepped(below, tickSize, 1)].map((one) => format.price(one, notation));
  return `Not on the grid: ${near.join(' or ')}.`;
}

/** The price that an order is expected to enter at: its own, else the market's. */
function entryOf(ticket: Ticket, { bid, ask, notation }: Market): string | null {
  for (const field of ['limit_price', 'stop_price'] as const) {
    if (FIELDS[ticket.type].includes(field)) return readPrice(ticket.prices[field], notation);
  }
  return ticket.side === 'BUY' ? ask : bid;
}

/** Return the order that a ticket asks for; null while a field is wrong. */
export function orderOf(ticket: Ticket, account: string, market: Market): OrderBody | null {
  if (Object.keys(faultsOf(ticket, market)).length > 0) return null;
  const prices = Object.fromEntries(
    FIELDS[ticket.type].map((field) => [field, readPrice(ticket.prices[field], market.notation)!]),
  );
  const of = (field: Field) => readPrice(ticket.prices[field], market.notation);
  const given = (field: ExitField) => (of(field) ? { [field]: of(field)! } : {});
  const attached =
    ticket.attached === 'BRACKET'
      ? { ...given('take_profit'), ...given('stop_loss') }
      : ticket.attached === 'OCO' && hasOther(ticket.type)
        ? { oco: { type: OTHER[ticket.type]!, [OTHER[ticket.type] === 'STOP' ? 'stop_price' : 'limit_price']: of('oco_price')! } }
        : {};
  return {
    account_id: account,
    symbol: ticket.symbol,
    side: ticket.side,
    type: ticket.type,
    quantity: readQuantity(ticket.quantity)!,
    ...prices,
    ...attached,
    time_in_force: ticket.timeInForce,
  };
}

/** Return a price to begin a field with: the market's own, a stop some ticks beyond it. */
export function firstPrice(field: Field, side: Side, market: Market, type: OrderType = 'MARKET'): string {
  const { bid, ask, tickSize } = market;
  const own = side === 'BUY' ? ask : bid;
  if (field === 'trail_by') return stepped('0', tickSize, 8);
  if (!own || field === 'limit_price') return own ?? '';
  const up = side === 'BUY' ? 1 : -1;
  if (field === 'take_profit') return stepped(own, tickSize, 16 * up);
  // A pair stands on both sides of the market.
  const isBehind = field === 'stop_loss' || (field === 'oco_price' && OTHER[type] === 'LIMIT');
  return stepped(own, tickSize, (isBehind ? -8 : 8) * up);
}

/** Return the button's words: side, contracts, symbol and the price that decides. */
export function wordsOf(ticket: Ticket, market: Market): string {
  const { notation } = market;
  const written = (field: Field) => format.price(readPrice(ticket.prices[field], notation), notation);
  const own = format.price(ticket.side === 'BUY' ? market.ask : market.bid, notation);
  const how = {
    MARKET: `at market, ${ticket.side === 'BUY' ? 'ask' : 'bid'} ${own}`,
    LIMIT: `limit ${written('limit_price')}`,
    STOP: `stop ${written('stop_price')}`,
    STOP_LIMIT: `stop ${written('stop_price')}, limit ${written('limit_price')}`,
    TRAILING_STOP: `trailing by ${written('trail_by')}`,
  }[ticket.type];
  const quantity = readQuantity(ticket.quantity);
  const exits = [
    ticket.prices.take_profit.trim() && `take ${written('take_profit')}`,
    ticket.prices.stop_loss.trim() && `stop ${written('stop_loss')}`,
  ].filter(Boolean);
  const attached = {
    NONE: '',
    BRACKET: exits.length ? `, ${exits.join(', ')}` : '',
    OCO: hasOther(ticket.type) ? ` or ${OTHER[ticket.type]!.toLowerCase()} ${written('oco_price')}` : '',
  }[ticket.attached];
  return `${ticket.side === 'BUY' ? 'Buy' : 'Sell'} ${quantity ?? format.MISSING} ${ticket.symbol} ${how}${attached}`;
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
