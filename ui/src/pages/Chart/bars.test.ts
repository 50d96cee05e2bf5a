import { describe, expect, it } from 'vitest';

import { type Bar, candles, chartTime, fillBars, marks, merged, type Prediction, rolls, sessionStarts, sessionVwap } from './bars';

const CHICAGO = 'America/Chicago';

function bar(start: string, given: Partial<Bar> = {}): Bar {
  return {
    symbol: 'ES', bar_start: start, bar_end: start, known_at: start, changed_at: start,
    trade_date: '2026-03-02', open: '1', high: '2', low: '0.5', close: '1.5', vwap: '1.25',
    volume: 10, volume_buy: 5, volume_sell: 5, trades: 3, ticks: 4, late_ticks: 0,
    bid_close: null, ask_close: null, spread_mean: null, contract: null, adjustment: null,
    rule: null, is_imported: false, is_open: false, is_sampled: false,
    ...given,
  } as Bar;
}

describe('the time of a chart', () => {
  it('is moved by the offset of the zone', () => {
    // 14:30 UTC is 08:30 in Chicago in winter, 09:30 in summer.
    expect(chartTime('2026-03-02T14:30:00Z', CHICAGO)).toBe(Date.UTC(2026, 2, 2, 8, 30) / 1000);
    expect(chartTime('2026-07-01T14:30:00Z', CHICAGO)).toBe(Date.UTC(2026, 6, 1, 9, 30) / 1000);
  });

  it('has one bar for the hour that comes twice', () => {
    const twice = [bar('2026-11-01T06:30:00Z'), bar('2026-11-01T07:30:00Z', { close: '1.75' })];
    expect(candles(twice, CHICAGO).map((one) => one.close)).toEqual([1.75]);
  });
});

describe('bars', () => {
  it('that come again replace the earlier ones', () => {
    const [a, b, c] = [bar('2026-03-02T14:30:00Z'), bar('2026-03-02T14:31:00Z'), bar('2026-03-02T14:32:00Z')];
    const changed = bar('2026-03-02T14:31:00Z', { close: '9' });
    expect(merged([a, b], [changed, c])).toEqual([a, changed, c]);
    expect(merged([a], [])).toEqual([a]);
  });

  it('without a trade leave their place empty', () => {
    expect(candles([bar('2026-03-02T14:30:00Z', { open: null, close: null })], 'UTC')).toEqual([]);
  });

  it('begin a session where the trade date changes', () => {
    const next = bar('2026-03-02T23:00:00Z', { trade_date: '2026-03-03' });
    expect(sessionStarts([bar('2026-03-02T21:59:00Z'), next])).toEqual([next]);
  });

  it('roll where the contract changes', () => {
    const next = bar('2026-03-12T14:30:00Z', { contract: 'ESM26' });
    expect(rolls([bar('2026-03-11T14:30:00Z', { contract: 'ESH26' }), next])).toEqual([
      { bar: next, from: 'ESH26' },
    ]);
  });
});

describe('the VWAP of a session', () => {
  it('is weighted by volume and restarts with the trade date', () => {
    const line = sessionVwap(
      [
        bar('2026-03-02T14:30:00Z', { vwap: '10', volume: 1 }),
        bar('2026-03-02T14:31:00Z', { vwap: '20', volume: 3 }),
        bar('2026-03-02T23:00:00Z', { vwap: '40', volume: 2, trade_date: '2026-03-03' }),
      ],
      'UTC',
      { trade_date: '2026-03-02', volume: 0, notional: 0 },
    );
    expect(line.map((point) => point.value)).toEqual([10, 17.5, 40]);
  });

  it('goes on from what the session had traded before the first bar, and waits for it', () => {
    const bars = [
      bar('2026-03-02T14:31:00Z', { vwap: '20', volume: 3 }),
      bar('2026-03-02T23:00:00Z', { vwap: '40', volume: 2, trade_date: '2026-03-03' }),
    ];
    const before = { trade_date: '2026-03-02', volume: 1, notional: 10 };
    expect(sessionVwap(bars, 'UTC', before).map((point) => point.value)).toEqual([17.5, 40]);
    expect(sessionVwap(bars, 'UTC', null).map((point) => point.value)).toEqual([40]);
  });

  it('counts an imported bar at its typical price, as the board does', () => {
    const imported = bar('2026-03-02T14:30:00Z', { vwap: null, volume: 2, is_imported: true });
    const begun = { trade_date: '2026-03-02', volume: 0, notional: 0 };
    const [point] = sessionVwap([imported], 'UTC', begun);
    expect(point!.value).toBeCloseTo((2 + 0.5 + 1.5) / 3, 12);
  });
});

describe('predictions on the chart', () => {
  const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 14, minute)).toISOString();
  const five = [0, 5].map((minute) => ({ bar_start: at(minute), bar_end: at(minute + 5) }) as Bar);
  const said = (minute: number, value: number | null, is_hit: boolean | null, more = {}) =>
    ({ bar_start: at(minute), value, is_hit, kind: 'live', target: 'direction', ...more }) as Prediction;

  it('stand on the bar that holds their moment, with what came of them', () => {
    expect(marks(five, [said(6, -1, null), said(1, 1, true)])).toEqual([
      { bar: five[0], way: 'up', outcome: 'hit' },
      { bar: five[1], way: 'down', outcome: 'open' },
    ]);
  });

  it('have no mark where they are refused, within costs, made up for, or of no bar', () => {
    const none = [said(1, null, null), said(2, 0, true), said(3, 1, true, { kind: 'catch_up' }), said(30, 1, null)];
    expect(marks(five, none)).toEqual([]);
  });
});

describe('fills', () => {
  const minute = (start: string, end: string) => bar(start, { bar_end: end });
  const bars = [
    minute('2026-03-02T14:30:00Z', '2026-03-02T14:31:00Z'),
    minute('2026-03-02T14:31:00Z', '2026-03-02T14:32:00Z'),
    minute('2026-03-02T14:35:00Z', '2026-03-02T14:36:00Z'),
  ];

  it('stand at the bar that they fell into, oldest first', () => {
    const fills = [{ at: '2026-03-02T14:31:00Z' }, { at: '2026-03-02T14:30:59.9Z' }];
    expect(fillBars(bars, fills).map(({ bar: one, fill }) => [one.bar_start, fill.at])).toEqual([
      ['2026-03-02T14:30:00Z', '2026-03-02T14:30:59.9Z'],
      ['2026-03-02T14:31:00Z', '2026-03-02T14:31:00Z'],
    ]);
  });

  it('without a bar are left out', () => {
    const fills = [{ at: '2026-03-02T14:29:59Z' }, { at: '2026-03-02T14:33:00Z' }, { at: '2026-03-02T14:36:00Z' }];
    expect(fillBars(bars, fills)).toEqual([]);
  });
});
