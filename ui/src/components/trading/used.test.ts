import { expect, test } from 'vitest';

import type { AccountRow, OrderRow, PositionRow } from '@/types/domain';

import { couldHold, usedOf } from './used';

const held = (root: string, quantity: number, market_value: string) => ({ root, quantity, market_value }) as PositionRow;
const order = (symbol: string, side: 'BUY' | 'SELL', quantity: number, filled_quantity = 0) =>
  ({ symbol, side, quantity, filled_quantity }) as OrderRow;
const account = { pnl_day: '-2100.00', drawdown: '8.75', margin_initial: '26000', net_liquidation: '100000' } as AccountRow;
const positions = [held('ES', 2, '687500.00'), held('ZB', -1, '-118312.50')];
const root = (symbol: string) => symbol.slice(0, 2);
const used = (rule: string, symbol: string | null = null) =>
  usedOf({ rule, symbol }, account, positions, [order('ESZ26', 'BUY', 3, 1), order('ZB', 'BUY', 2)], root);

test('contracts are counted with the orders that work, the worse side of both', () => {
  // ES 2 + 2 left of 3; ZB −1 held, +1 after buying 2.
  const orders = [order('ESZ26', 'BUY', 3, 1), order('ZB', 'BUY', 2)];
  expect(couldHold(positions, orders, root)).toEqual(new Map([['ES', 4], ['ZB', 1]]));
  expect(used('max_contracts')).toBe('4');
  expect(used('max_contracts', 'ZB')).toBe('1');
});

test('money is that of what is held', () => {
  expect(used('gross_exposure')).toBe('805812.50');
  expect(used('net_exposure')).toBe('569187.50');
  expect(used('daily_loss')).toBe('2100.00');
  expect(used('margin_pct')).toBe('26.0000');
});

test('a rule that looks at one order has no figure of now', () => {
  expect(used('price_band_pct')).toBeNull();
});
