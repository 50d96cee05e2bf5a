import { describe, expect, it, vi } from 'vitest';

import type { BoardRow, Instrument, Quote, QuoteRow } from '@/types/domain';

import { ServerClock } from './clock';
import { derive, notationOf, QuoteStore, stateOf } from './quotes';

const ES = {
  symbol: 'ES',
  name: 'E-mini S&P 500',
  tick_size: '0.25',
  display_precision: 2,
  sort_order: 20,
  symbols: ['ES', 'ESH26'],
} as Instrument;

function quote(more: Partial<Quote>): Quote {
  return {
    symbol: 'ES',
    last: '6873.75',
    bid: '6873.50',
    ask: '6873.75',
    last_size: 1,
    bid_size: 12,
    ask_size: 13,
    volume: 44276,
    ts: '2025-12-17T02:46:12.000000Z',
    received_at: '2025-12-17T02:46:12.000000Z',
    heard_at: '2025-12-17T02:46:12.000000Z',
    basis: null,
    source: 'SIM',
    contract: null,
    ...more,
  } as Quote;
}

function store() {
  const flushes: (() => void)[] = [];
  const found = new QuoteStore((flush) => flushes.push(flush));
  found.list([ES]);
  const frame = () => flushes.splice(0).forEach((flush) => flush());
  frame();
  return { found, frame, flushes };
}

describe('the quotes', () => {
  it('tell once a frame, and only of fields that changed', () => {
    const { found, frame, flushes } = store();
    found.quote(quote({}));
    frame();
    const [last, bid] = [vi.fn(), vi.fn()];
    found.subscribe('ES', 'last', last);
    found.subscribe('ES', 'bid', bid);
    found.quote(quote({ last: '6874.00' }));
    found.quote(quote({ last: '6874.25' }));
    expect(flushes).toHaveLength(1);
    expect(last).not.toHaveBeenCalled();
    frame();
    expect(last).toHaveBeenCalledTimes(1);
    expect(bid).not.toHaveBeenCalled();
    expect(found.read('ES')?.last).toBe('6874.25');
  });

  it('show the same all through a frame', () => {
    const { found, frame } = store();
    found.quote(quote({}));
    frame();
    const before = found.read('ES');
    found.quote(quote({ last: '1' }));
    expect(found.read('ES')).toBe(before);
  });

  it('keep a quote that is newer than the board, and take what the board adds', () => {
    const { found, frame } = store();
    found.quote(quote({ last: '6874.00', received_at: '2025-12-17T02:46:13.000000Z' }));
    const board = {
      ...found.read('ES'),
      symbol: 'ES',
      last: '6873.75',
      basis: '6827.00',
      received_at: '2025-12-17T02:46:12.000000Z',
    } as BoardRow;
    found.load([board]);
    frame();
    expect(found.read('ES')).toMatchObject({ last: '6874.00', net_change: '47.00' });
    found.load([{ ...board, last: '6875.00', received_at: '2025-12-17T02:46:14.000000Z' }]);
    frame();
    expect(found.read('ES')?.last).toBe('6875.00');
  });

  it('without bid, ask or basis have no spread and no change', () => {
    const { found, frame } = store();
    found.quote(quote({ bid: null, ask: null }));
    frame();
    expect(found.read('ES')).toMatchObject({ spread: null, spread_ticks: null, net_change: null });
  });

  it('are as fresh as their source last looked, with or without a tick', () => {
    const { found, frame } = store();
    found.quote(quote({}));
    const ts = '2025-12-17T02:46:20.000000Z';
    found.heard({ source: 'EXCEL', ts, symbols: ['ES'] });
    frame();
    expect(found.read('ES')?.heard_at).toBe('2025-12-17T02:46:12.000000Z');
    found.heard({ source: 'SIM', ts, symbols: ['ES', 'NQ'] });
    frame();
    expect(found.read('ES')?.heard_at).toBe(ts);
  });

  it('stand a row a root, or a row a month where a file names months', () => {
    const { found, frame } = store();
    expect(found.symbols.get()).toEqual(['ES']);
    found.quote(quote({ symbol: 'ESH26' }));
    frame();
    expect(found.symbols.get()).toEqual(['ESH26']);
    expect(found.instrument('ESH26')).toMatchObject({ root: 'ES', name: 'E-mini S&P 500' });
    found.quote(quote({}));
    frame();
    expect(found.symbols.get()).toEqual(['ES', 'ESH26']);
  });
});

it('derives what stands on the last price as the database does', () => {
  const row = {
    last: '6873.75',
    bid: '6873.50',
    ask: '6874.00',
    basis: '6827.00',
    prev_close: '6827.00',
    high: '6873.50',
    low: '6865.75',
    low_52w: '4832.00',
    high_52w: '6910.75',
  } as QuoteRow;
  derive(row, '0.25');
  expect(row).toMatchObject({
    net_change: '46.75',
    net_change_percent: '0.68478102',
    high: '6873.75',
    low: '6865.75',
    range_diff: '8.00',
    range_percent: '0.11718178',
    spread: '0.50',
    spread_ticks: '2',
    above_low_52w_diff: '2041.75',
    above_low_52w_percent: '42.25475993',
    below_high_52w_diff: '37.00',
  });
});

it('is FRESH below 5 s, STALE to 30 s, then DEAD', () => {
  expect([0, 4_999, 5_000, 30_000, 30_001].map(stateOf)).toEqual([
    'FRESH',
    'FRESH',
    'STALE',
    'STALE',
    'DEAD',
  ]);
});

it('writes bonds in 32nds and the rest in decimals', () => {
  expect(notationOf(ES)).toEqual({ kind: 'decimal', places: 2 });
  expect(notationOf({ ...ES, tick_size: '0.03125', display_precision: 6 })).toEqual({
    kind: '32nds',
  });
});

it('counts ages by the server, whatever the viewer’s clock says', () => {
  let monotonic = 1_000;
  const wall = () => 5_000_000 + 58 * 60_000 + monotonic;
  const clock = new ServerClock(() => monotonic, wall);
  clock.read(5_001_000 - 40);
  monotonic = 2_000;
  clock.read(5_002_000 - 5);
  monotonic = 3_000;
  expect(clock.now()).toBe(5_003_000 - 5);
  expect(Math.round(clock.skew() / 60_000)).toBe(58);
});
