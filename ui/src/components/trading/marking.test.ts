import { describe, expect, test } from 'vitest';

import { added, addedToAll, markOf, sum } from './marking';

const long = { account_id: 'PAPER', series: 'ESZ26', symbol: 'ES', contract: 'ESZ26', quantity: 2, mark: '6873.75', multiplier: '50' };
const short = { account_id: 'PAPER', series: 'ZBZ26', symbol: 'ZB', contract: 'ZBZ26', quantity: -1, mark: '118.3125', multiplier: '1000' };

describe('a mark', () => {
  test('adds points times multiplier times contracts', () => {
    // 2 × 1.50 × 50; −1 × (118'05 − 118'10) × 1000 = 5 × 31.25
    expect(added(long, '6875.25')).toBe('150.00');
    expect(Number(added(short, '118.15625'))).toBe(156.25);
    expect(added(long, null)).toBe('0');
  });

  test("is the contract's own quote, else the root's while that follows the contract", () => {
    const of = (rows: Record<string, { last: string | null; contract: string | null }>) => (symbol: string) => rows[symbol];
    expect(markOf(long, of({ ESZ26: { last: '1', contract: null }, ES: { last: '2', contract: 'ESZ26' } }))).toBe('1');
    expect(markOf(long, of({ ES: { last: '2', contract: 'ESZ26' } }))).toBe('2');
    expect(markOf(long, of({ ES: { last: '2', contract: 'ESH27' } }))).toBe('6873.75');
    expect(markOf(long, of({}))).toBe('6873.75');
  });

  test('of all positions adds to their account alone', () => {
    const read = (symbol: string) => ({ ES: { last: '6875.25', contract: null } })[symbol];
    const other = { ...long, account_id: 'OTHER' };
    expect(Number(addedToAll({ account_id: 'PAPER' }, [long, short, other] as never, read))).toBe(150);
  });
});

test('a sum is missing where its first part is', () => {
  expect(sum('100000.00', '150.00', '-2.5')).toBe('100147.50');
  expect(sum(null, '1')).toBeNull();
});
