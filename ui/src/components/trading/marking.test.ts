import { describe, expect, test } from 'vitest';

import { added, addedToAll, marked, markOf, sum } from './marking';

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

  test("moves a position's money", () => {
    const held = { ...long, unrealised: '50.00', pnl_day: null, market_value: '687375.00' };
    expect(marked(held as never, '6875.25')).toMatchObject({ mark: '6875.25', unrealised: '200.00', pnl_day: null, market_value: '687525.00' });
  });

  test('of all positions brings their account alone to the same open profit', () => {
    const read = (symbol: string) => ({ ES: { last: '6875.25', contract: null } })[symbol];
    const [es, zb] = [{ ...long, unrealised: '50.00' }, { ...short, unrealised: '-31.25' }];
    const other = { ...es, account_id: 'OTHER' };
    const of = (unrealised: string | null) => Number(addedToAll({ account_id: 'PAPER', unrealised }, [es, zb, other] as never, read));
    expect(of('18.75')).toBe(150);
    // The account was answered at another moment than its positions: 50 + 150 − 31.25 is open.
    expect(of('-6.25') - 6.25).toBe(168.75);
    // What is not known, or not read yet, is not guessed.
    expect(of(null)).toBe(150);
    expect(addedToAll({ account_id: 'PAPER', unrealised: '18.75' }, [], read)).toBe('0');
  });
});

test('a sum is missing where its first part is', () => {
  expect(sum('100000.00', '150.00', '-2.5')).toBe('100147.50');
  expect(sum(null, '1')).toBeNull();
});
