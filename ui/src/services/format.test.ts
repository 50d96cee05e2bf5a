import { describe, expect, it } from 'vitest';

import { decimal, minus, ratio, rounded, written } from './decimal';
import * as format from './format';

const ES = { kind: 'decimal', places: 2 } as const;
const YM = { kind: 'decimal', places: 0 } as const;
const HG = { kind: 'decimal', places: 4 } as const;
const ZB = { kind: '32nds' } as const;

describe('a price', () => {
  it('has the precision of its instrument and no thousands separator', () => {
    expect(format.price('47670', YM)).toBe('47670');
    expect(format.price('6873.75', ES)).toBe('6873.75');
    expect(format.price('6873.5', ES)).toBe('6873.50');
    expect(format.price('5.2195', HG)).toBe('5.2195');
  });

  it('keeps digits that are finer than the precision, unless it is a mean', () => {
    expect(format.price('6873.755', ES)).toBe('6873.755');
    expect(format.price('6873.755', ES, true)).toBe('6873.76');
    expect(format.price('-0.005', ES, true)).toBe('−0.01');
  });

  it('is written in 32nds with a plus for a half', () => {
    expect(format.price('118.312500', ZB)).toBe("118'10");
    expect(format.price('118.171875', ZB)).toBe("118'05+");
    expect(format.price('118', ZB)).toBe("118'00");
    expect(format.price('118.59375', ZB)).toBe("118'19");
    expect(format.price('-0.28125', ZB)).toBe("−0'09");
  });

  it('off the grid of 64ths is written in decimals, a mean on the nearest half', () => {
    expect(format.price('118.32', ZB)).toBe('118.32');
    expect(format.price('118.32', ZB, true)).toBe("118'10");
    expect(format.price('118.999', ZB, true)).toBe("119'00");
  });

  it('that is the average of fills has the digits it needs, two beyond the tick at most', () => {
    // (6874.25 + 6874.50) / 2, and of three fills at 6874.25, 6874.25 and 6874.50.
    expect(format.average('6874.375', ES)).toBe('6874.375');
    expect(format.average('6874.3333333333', ES)).toBe('6874.3333');
    expect(format.average('6874.250000', ES)).toBe('6874.25');
    expect(format.average('47670.5', YM)).toBe('47670.5');
    // (118'10 + 118'11) / 2 is on a half; a third of a 32nd is on no mark of them.
    expect(format.average('118.328125', ZB)).toBe("118'10+");
    expect(format.average('118.3229166667', ZB)).toBe('118.3229167');
    expect(format.average(null, ES)).toBe('–');
  });

  it('below zero has a true minus sign, and zero has none', () => {
    expect(format.price('-37.63', ES)).toBe('−37.63');
    expect(format.price('-0.00', ES)).toBe('0.00');
  });

  it('splits at the point', () => {
    expect(format.priceParts('-37.63', ES)).toEqual({ whole: '−37', fraction: '.63' });
    expect(format.priceParts('47670', YM)).toEqual({ whole: '47670', fraction: '' });
    expect(format.priceParts('118.171875', ZB)).toEqual({ whole: '118', fraction: "'05+" });
  });

  it('that is missing or no number is an en dash', () => {
    for (const value of [null, undefined, '', 'NaN', 'n/a']) {
      expect(format.price(value, ES)).toBe('–');
    }
  });
});

describe('a change', () => {
  it('always has its sign, but for zero', () => {
    expect(format.change('46.75', ES)).toBe('+46.75');
    expect(format.change('-0.28125', ZB)).toBe("−0'09");
    expect(format.change('0.28125', ZB)).toBe("+0'09");
    expect(format.change('0', ES)).toBe('0.00');
    expect(format.change(null, ES)).toBe('–');
  });

  it('has a direction', () => {
    expect(['0.25', '-0.25', '0.00', null].map(format.direction)).toEqual([1, -1, 0, 0]);
  });
});

describe('percent, rate, size and money', () => {
  it('percent has two decimals and a sign', () => {
    expect(format.percent('-1.15')).toBe('−1.15%');
    expect(format.percent('0.684712')).toBe('+0.68%');
    expect(format.percent('0.001')).toBe('0.00%');
    expect(format.percent('-0.004')).toBe('0.00%');
    expect(format.percent(null)).toBe('–');
  });

  it('a rate has one decimal and no sign', () => expect(format.rate('58.654')).toBe('58.7%'));

  it('sizes are whole, with commas', () => {
    expect(format.size(44276)).toBe('44,276');
    expect(format.size(0)).toBe('0');
    expect(format.size(-1234567)).toBe('−1,234,567');
    expect(format.size(null)).toBe('–');
  });

  it('money has two decimals, commas, and a sign where it is a result', () => {
    expect(format.money('-2000')).toBe('−2,000.00');
    expect(format.money('861.25', true)).toBe('+861.25');
    expect(format.money('13000.00')).toBe('13,000.00');
    expect(format.money('0', true)).toBe('0.00');
  });
});

describe('an age', () => {
  it.each([
    [0, '0.0 s'],
    [140, '0.1 s'],
    [9_949, '9.9 s'],
    [9_999, '10 s'],
    [47_800, '47 s'],
    [126_000, '2 m 06 s'],
    [11_040_000, '3 h 04 m'],
    [190_800_000, '2 d 5 h'],
    [-50, '0.0 s'],
  ])('of %i ms is %s', (ms, text) => expect(format.age(ms)).toBe(text));

  it('that is missing is an en dash, never now', () => expect(format.age(null)).toBe('–'));
});

describe('times', () => {
  const at = Date.UTC(2025, 11, 17, 2, 46, 12);

  it('are of 24 hours, in the zone that is named', () => {
    expect(format.time(at, 'America/Chicago')).toBe('20:46:12');
    expect(format.time(Date.UTC(2025, 11, 17, 6, 0, 5), 'America/Chicago')).toBe('00:00:05');
  });

  it('name the day where it is not that of now', () => {
    const later = at + 86_400_000;
    expect(format.time(at, 'America/Chicago', later)).toBe('16 Dec 20:46:12');
    expect(format.time(at, 'America/Chicago', at)).toBe('20:46:12');
  });

  it('a date needs no zone', () => expect(format.date('2025-12-16')).toBe('Tue 16 Dec'));

  it('count down', () => {
    expect(format.countdown(18_828_000)).toBe('5:13:48');
    expect(format.countdown(2_628_000)).toBe('43:48');
    expect(format.countdown(-5)).toBe('00:00');
    expect(format.countdown(null)).toBe('–');
  });
});

describe('decimals', () => {
  it('round half away from zero, as numeric does', () => {
    const round = (text: string, places: number) => written(rounded(decimal(text)!, places), places);
    expect(round('0.125', 2)).toBe('0.13');
    expect(round('-0.125', 2)).toBe('-0.13');
    expect(round('2.5', 0)).toBe('3');
  });

  it('are exact where doubles are not', () => {
    expect(written(minus(decimal('0.3')!, decimal('0.1')!))).toBe('0.2');
    expect(written(ratio(decimal('46.75')!, decimal('6827.00')!, 6, 100n)!)).toBe('0.684781');
    expect(ratio(decimal('1')!, decimal('0.00')!, 2)).toBeNull();
  });
});
