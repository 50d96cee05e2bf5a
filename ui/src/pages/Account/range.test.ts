import { expect, test } from 'vitest';

import type { AccountPnl, PositionRow, StatementLine } from '@/types/domain';

import { bySymbol, profits, rangeOf, sumOf } from './range';

test('spans end on the trade date', () => {
  expect(rangeOf('Today', '2026-01-05')).toEqual({ from: '2026-01-05', to: '2026-01-05', fault: null });
  expect(rangeOf('Week', '2026-01-05').from).toBe('2025-12-30');
  expect(rangeOf('Month', '2026-02-28').from).toBe('2026-02-01');
  expect(rangeOf('Year', '2026-02-28').from).toBe('2026-01-01');
});

test('a range holds 370 days at most and runs forwards', () => {
  expect(rangeOf('Range', '2026-01-05', '2025-01-01', '2026-01-05').fault).toBeNull();
  expect(rangeOf('Range', '2026-01-06', '2025-01-01', '2026-01-06').fault).toBe('A statement is of 370 days at most, these are 371.');
  expect(rangeOf('Range', '2026-01-05', '2026-01-05', '2026-01-04').fault).toBe('The range ends before it begins.');
  expect(rangeOf('Range', '2026-01-05', 'x', '').from).toBe('2026-01-05');
});

test('trades add up by symbol, after commission', () => {
  const trade = (symbol: string, quantity: number, realised: string, commission: string) =>
    ({ section: 'TRADE', symbol, quantity, realised, commission }) as StatementLine;
  const cash = { section: 'CASH', symbol: null } as StatementLine;
  // ES long 2 at 6873.75, out 6875.25: 2 × 1.50 × 50 − 4 × 2.50; ZB 5 × 31.25 − 5.
  const lines = [cash, trade('ZB', 1, '0', '2.50'), trade('ES', 2, '0', '5.00'), trade('ES', 2, '150.00', '5.00'), trade('ZB', 1, '156.25', '2.50')];
  expect(bySymbol(lines)).toEqual([
    { series: 'ES', traded: 4, realised: '150.00', commission: '10.00', net: '140.00' },
    { series: 'ZB', traded: 2, realised: '156.25', commission: '5.00', net: '151.25' },
  ]);
});

test('a symbol of the range, of the year or held has a row, and what is not known is no 0', () => {
  const made = (series: string, pnl: string | null) =>
    ({ series, bought: 1, sold: 1, realised: '0', commission: '5.00', pnl }) as AccountPnl['symbols'][number];
  const held = { series: 'CL', unrealised: '500.00', pnl_day: '495.00' } as PositionRow;
  const rows = profits([made('ZB', '151.25'), made('CL', null)], [made('ZB', '151.25'), made('CL', null), made('ES', '140.00')], [held]);
  expect(rows.map(({ series, pnl, open, day, year }) => [series, pnl, open, day, year])).toEqual([
    ['CL', null, '500.00', '495.00', null],
    ['ES', '0', '0', '0', '140.00'],
    ['ZB', '151.25', '0', '0', '151.25'],
  ]);
  expect(sumOf(rows.map(({ pnl }) => pnl))).toBeNull();
  expect(sumOf(['140.00', '151.25'])).toBe('291.25');
  expect(sumOf(undefined)).toBeNull();
});
