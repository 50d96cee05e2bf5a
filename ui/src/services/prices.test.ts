import { describe, expect, test } from 'vitest';

import { isOnGrid, readPrice, stepped, ticksBetween } from './prices';

const DECIMAL = { kind: 'decimal', places: 2 } as const;
const BOND = { kind: '32nds' } as const;

describe('a typed price', () => {
  test("of a bond is points and 32nds, with + for a half", () => {
    expect(readPrice("118'10", BOND)).toBe('118.3125');
    expect(readPrice("118'10+", BOND)).toBe('118.328125');
    expect(readPrice('118-05', BOND)).toBe('118.15625');
    expect(readPrice("118'32", BOND)).toBeNull();
    expect(readPrice('118.3125', BOND)).toBe('118.3125');
    expect(readPrice("-1'16", BOND)).toBe('-1.5');
  });

  test('of the others is a decimal, also with a true minus', () => {
    expect(readPrice('6873.75', DECIMAL)).toBe('6873.75');
    expect(readPrice('−37.00', DECIMAL)).toBe('-37');
    expect(readPrice("118'10", DECIMAL)).toBeNull();
    expect(readPrice('ten', DECIMAL)).toBeNull();
    expect(readPrice('', DECIMAL)).toBeNull();
  });
});

describe('the grid', () => {
  test('holds whole ticks only', () => {
    expect(isOnGrid('6873.75', '0.25')).toBe(true);
    expect(isOnGrid('6873.80', '0.25')).toBe(false);
    expect(isOnGrid('118.3125', '0.03125')).toBe(true);
    expect(isOnGrid('118.328125', '0.03125')).toBe(false);
  });

  test('is stepped by ticks, and first met from a price off it', () => {
    expect(stepped('6873.75', '0.25', 1)).toBe('6874');
    expect(stepped('6873.80', '0.25', 1)).toBe('6874');
    expect(stepped('6873.80', '0.25', -1)).toBe('6873.75');
    expect(stepped('0', '0.01', -1)).toBe('-0.01');
    expect(stepped('-37.005', '0.01', -1)).toBe('-37.01');
    expect(stepped('-37.005', '0.01', 1)).toBe('-37');
  });

  test('counts the ticks between two prices', () => {
    expect(ticksBetween('6870.00', '6873.75', '0.25')).toBe(15);
    expect(ticksBetween('6873.75', '6870.00', '0.25')).toBe(-15);
    expect(ticksBetween('118.3125', '118.15625', '0.03125')).toBe(-5);
    expect(ticksBetween(null, '1', '0.25')).toBeNull();
  });
});
