import { describe, expect, test } from 'vitest';

import { faultsOf, firstPrice, orderOf, wordsOf, wouldPass, type Market, type Ticket } from './ticket';

const ES: Market = { tickSize: '0.25', notation: { kind: 'decimal', places: 2 }, bid: '6873.50', ask: '6873.75' };
const ZB: Market = { tickSize: '0.03125', notation: { kind: '32nds' }, bid: '118.28125', ask: '118.3125' };
const NONE = { limit_price: '', stop_price: '', trail_by: '', take_profit: '', stop_loss: '', oco_price: '' };
const ticket = (change: Partial<Ticket>): Ticket => ({
  symbol: 'ES', side: 'BUY', type: 'MARKET', quantity: '2', prices: NONE, timeInForce: 'DAY', attached: 'NONE', ...change,
});

describe('a ticket', () => {
  test('sends only the prices of its type, in decimals', () => {
    const prices = { ...NONE, limit_price: "118'10", stop_price: "118'12", trail_by: '1', stop_loss: '1' };
    expect(orderOf(ticket({ symbol: 'ZB', type: 'LIMIT', prices }), 'PAPER', ZB)).toEqual({
      account_id: 'PAPER', symbol: 'ZB', side: 'BUY', type: 'LIMIT', quantity: 2, limit_price: '118.3125', time_in_force: 'DAY',
    });
    expect(orderOf(ticket({ prices }), 'PAPER', ES)).not.toHaveProperty('limit_price');
  });

  test.each(['0', '-1', '1.5', '', 'two'])('has no quantity of %s contracts', (quantity) => {
    expect(faultsOf(ticket({ quantity }), ES).quantity).toBe('A whole number of contracts, 1 or more.');
    expect(orderOf(ticket({ quantity }), 'PAPER', ES)).toBeNull();
  });

  test('names the prices beside one off the grid', () => {
    const prices = { ...NONE, limit_price: '6873.80' };
    expect(faultsOf(ticket({ type: 'LIMIT', prices }), ES).limit_price).toBe('Not on the grid: 6873.75 or 6874.00.');
  });

  test('has its stop on the side of the market where it waits', () => {
    const prices = { ...NONE, stop_price: '6870' };
    expect(faultsOf(ticket({ type: 'STOP', prices }), ES).stop_price).toBe('A stop to buy stands above the ask, 6873.75.');
    expect(faultsOf(ticket({ type: 'STOP', side: 'SELL', prices }), ES)).toEqual({});
  });

  test('begins with the price that the trader would get', () => {
    expect(firstPrice('limit_price', 'BUY', ES)).toBe('6873.75');
    expect(firstPrice('limit_price', 'SELL', ES)).toBe('6873.50');
    expect(firstPrice('stop_price', 'SELL', ES)).toBe('6871.5');
    expect(firstPrice('take_profit', 'BUY', ES)).toBe('6877.75');
    expect(firstPrice('stop_loss', 'BUY', ES)).toBe('6871.75');
    expect(firstPrice('oco_price', 'SELL', ES, 'LIMIT')).toBe('6871.5');
    expect(firstPrice('oco_price', 'SELL', ES, 'STOP')).toBe('6875.5');
    expect(firstPrice('limit_price', 'BUY', { ...ES, ask: null })).toBe('');
  });

  test('sends a bracket with one exit or both, each on its side of the entry', () => {
    const prices = { ...NONE, take_profit: '6880', stop_loss: '6870' };
    const bracket = ticket({ attached: 'BRACKET', prices });
    expect(orderOf(bracket, 'PAPER', ES)).toMatchObject({ type: 'MARKET', take_profit: '6880', stop_loss: '6870' });
    expect(wordsOf(bracket, ES)).toBe('Buy 2 ES at market, ask 6873.75, take 6880.00, stop 6870.00');
    const half = orderOf(ticket({ attached: 'BRACKET', prices: { ...NONE, stop_loss: '6870' } }), 'PAPER', ES);
    expect(half).not.toHaveProperty('take_profit');
    expect(faultsOf(ticket({ attached: 'BRACKET' }), ES).take_profit).toBe('A bracket has a take profit, a stop loss, or both.');
    const wrong = ticket({ side: 'SELL', attached: 'BRACKET', prices });
    expect(faultsOf(wrong, ES)).toEqual({ take_profit: 'Below the entry, 6873.50.', stop_loss: 'Above the entry, 6873.50.' });
  });

  test('sends a pair of a limit and a stop', () => {
    const prices = { ...NONE, limit_price: '6880', oco_price: '6870' };
    const pair = ticket({ side: 'SELL', type: 'LIMIT', attached: 'OCO', prices });
    expect(orderOf(pair, 'PAPER', ES)).toMatchObject({ limit_price: '6880', oco: { type: 'STOP', stop_price: '6870' } });
    expect(wordsOf(pair, ES)).toBe('Sell 2 ES limit 6880.00 or stop 6870.00');
    expect(faultsOf({ ...pair, prices: { ...prices, oco_price: '6874' } }, ES).oco_price).toBe('A stop to sell stands below the bid, 6873.50.');
    expect(orderOf({ ...pair, type: 'MARKET' }, 'PAPER', ES)).not.toHaveProperty('oco');
  });

  test('says side, contracts and price on its button', () => {
    expect(wordsOf(ticket({}), ES)).toBe('Buy 2 ES at market, ask 6873.75');
    const prices = { ...NONE, limit_price: '118.3125' };
    expect(wordsOf(ticket({ symbol: 'ZB', side: 'SELL', type: 'LIMIT', prices }), ZB)).toBe("Sell 2 ZB limit 118'10");
  });
});

describe('what would pass', () => {
  const check = (rule: string, figure: string, limit: string) => ({ rule, is_passed: false, figure, limit, reason: null });

  test('follows from rules that count contracts', () => {
    expect(wouldPass([check('max_contracts', '12', '10')], 11)).toBe('9 contracts pass.');
    expect(wouldPass([check('max_contracts', '12', '10')], 2)).toBe('No contract more passes; less has to be held or working first.');
  });

  test('is left open where another rule refuses too, which is named', () => {
    expect(wouldPass([check('max_contracts', '12', '10'), check('daily_loss', '2600', '2500')], 11)).toBe("So does: day's loss.");
    expect(wouldPass([check('daily_loss', '2600', '2500')], 11)).toBeNull();
  });
});
