/** The bars of a chart: read page by page from the API, and put into what the chart draws. */

import type { CandlestickData, HistogramData, LineData, UTCTimestamp } from 'lightweight-charts';

import { api, data } from '@/services/api';
import { literal } from '@/services/sql';
import type { components } from '@/types/api';

export type Bar = components['schemas']['BarRow'];
export type FeaturesRow = components['schemas']['FeaturesRow'];

export const WIDTHS = ['1s', '1m', '5m', '1h', '1d'] as const;
export type Width = (typeof WIDTHS)[number];
export const SECONDS: Record<Width, number> = { '1s': 1, '1m': 60, '5m': 300, '1h': 3600, '1d': 86_400 };
export const ADJUSTMENTS = ['none', 'raw', 'difference', 'ratio'] as const;
export type Adjustment = (typeof ADJUSTMENTS)[number];
/** The widths that features are computed at. */
export const FEATURE_WIDTHS: readonly Width[] = ['1m', '5m', '1h'];

/** How many bars are read at once: about three screens. */
export const PAGE = 600;

/** Read the newest bars of a symbol that begin before an instant, oldest first. */
export async function readBars(
  symbol: string,
  width: Width,
  adjusted: Adjustment,
  to?: string,
  limit = PAGE,
): Promise<Bar[]> {
  const query = { width, limit, adjusted, ...(to ? { to } : {}) };
  return data(api.GET('/api/bars/{symbol}', { params: { path: { symbol }, query } }));
}

/** Read features of the bars that begin at an instant or later. */
export async function readFeatures(
  symbol: string,
  width: Width,
  names: readonly string[],
  from: string,
): Promise<FeaturesRow[]> {
  const query = { width, names: names.join(','), from, limit: 10_000 };
  return data(api.GET('/api/features/{symbol}', { params: { path: { symbol }, query } }));
}

/** Append newer bars; a changed bar replaces the old one. */
export function merged(bars: readonly Bar[], newer: readonly Bar[]): Bar[] {
  const first = newer[0];
  if (!first) return [...bars];
  return [...bars.filter((bar) => bar.bar_start < first.bar_start), ...newer];
}

/**
 * The chart's time of an instant: seconds since 1970, moved by the zone's offset, since the chart
 * draws UTC and nothing else.
 */
export function chartTime(iso: string, zone: string): UTCTimestamp {
  const at = Date.parse(iso);
  return Math.floor((at + offsetMs(at, zone)) / 1000) as UTCTimestamp;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function offsetMs(at: number, zone: string): number {
  let formatter = formatters.get(zone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit',
      hour: '2-digit', minute: '2-digit', second: '2-digit',
    });
    formatters.set(zone, formatter);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of formatter.formatToParts(at)) part[type] = Number(value);
  const local = Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second);
  return local - Math.floor(at / 1000) * 1000;
}

/** The drawn form of a bar; a bar without a trade leaves a gap. */
export function candles(bars: readonly Bar[], zone: string): CandlestickData<UTCTimestamp>[] {
  return unique(
    bars.flatMap((bar) =>
      bar.open === null || bar.close === null
        ? []
        : [
            {
              time: chartTime(bar.bar_start, zone),
              open: Number(bar.open),
              high: Number(bar.high),
              low: Number(bar.low),
              close: Number(bar.close),
            },
          ],
    ),
  );
}

export function volumes(
  bars: readonly Bar[],
  zone: string,
  colours: { up: string; down: string },
): HistogramData<UTCTimestamp>[] {
  return unique(
    bars.flatMap((bar) =>
      bar.open === null || bar.close === null
        ? []
        : [
            {
              time: chartTime(bar.bar_start, zone),
              value: bar.volume ?? 0,
              color: Number(bar.close) >= Number(bar.open) ? colours.up : colours.down,
            },
          ],
    ),
  );
}

/** What a session had traded before the first bar that is shown. */
export interface Traded {
  readonly trade_date: string;
  readonly volume: number;
  readonly notional: number;
}

/** Return what the session of the first bar had traded before it, of the minutes before. */
export async function readTraded(symbol: string, first: Bar, adjusted: Adjustment): Promise<Traded> {
  const bars = await readBars(symbol, '1m', adjusted, first.bar_start, MINUTES_OF_A_DAY);
  const before = bars.filter((bar) => bar.trade_date === first.trade_date && bar.bar_end <= first.bar_start);
  return { trade_date: first.trade_date, ...traded(before) };
}

const MINUTES_OF_A_DAY = 1_440;

/** Volume and notional of bars: an imported one, whose trades nobody has, at its typical price. */
function traded(bars: readonly Bar[]): { volume: number; notional: number } {
  let [volume, notional] = [0, 0];
  for (const bar of bars) {
    if (!bar.volume || bar.close === null) continue;
    const mean =
      bar.vwap === null ? (Number(bar.high) + Number(bar.low) + Number(bar.close)) / 3 : Number(bar.vwap);
    volume += bar.volume;
    notional += mean * bar.volume;
  }
  return { volume, notional };
}

/**
 * The session's VWAP up to each bar: it starts anew with the trade date. The first session of the
 * bars goes on from what it had `before`, and is left out while that is not known.
 */
export function sessionVwap(
  bars: readonly Bar[],
  zone: string,
  before: Traded | null,
): LineData<UTCTimestamp>[] {
  let day = '';
  let [volume, notional] = [0, 0];
  const first = bars[0]?.trade_date;
  const found: LineData<UTCTimestamp>[] = [];
  for (const bar of bars) {
    if (bar.trade_date !== day) {
      // The line ends with its session: what follows a point takes that point's colour.
      const last = found.at(-1);
      if (last) found[found.length - 1] = { ...last, color: 'transparent' };
      const isKnown = before !== null && before.trade_date === bar.trade_date;
      day = bar.trade_date;
      [volume, notional] = isKnown ? [before.volume, before.notional] : [0, 0];
    }
    const more = traded([bar]);
    volume += more.volume;
    notional += more.notional;
    if (day === first && before?.trade_date !== first) continue;
    if (volume > 0 && bar.open !== null) {
      found.push({ time: chartTime(bar.bar_start, zone), value: notional / volume });
    }
  }
  return unique(found);
}

export function featureLine(
  rows: readonly FeaturesRow[],
  name: string,
  zone: string,
): LineData<UTCTimestamp>[] {
  return unique(
    rows.flatMap((row) => {
      const value = row.features[name];
      return value === null || value === undefined
        ? []
        : [{ time: chartTime(row.bar_start, zone), value }];
    }),
  );
}

/** The first bar of each trade date but the first: where a session begins. */
export function sessionStarts(bars: readonly Bar[]): Bar[] {
  return bars.filter((bar, index) => index > 0 && bar.trade_date !== bars[index - 1]!.trade_date);
}

/** The bars at which a continuous series goes over to another month. */
export function rolls(bars: readonly Bar[]): { bar: Bar; from: string }[] {
  return bars.flatMap((bar, index) => {
    const before = bars[index - 1]?.contract;
    return before && bar.contract && bar.contract !== before ? [{ bar, from: before }] : [];
  });
}

/** The bar that each fill fell into, in the order of time; fills outside of the bars are left out. */
export function fillBars<F extends { at: string }>(
  bars: readonly Bar[],
  fills: readonly F[],
): { bar: Bar; fill: F }[] {
  const starts = bars.map((bar) => Date.parse(bar.bar_start));
  const found = fills.flatMap((fill) => {
    const at = Date.parse(fill.at);
    const index = starts.findLastIndex((start) => start <= at);
    const bar = bars[index];
    return bar && at < Date.parse(bar.bar_end) ? [{ bar, fill }] : [];
  });
  return found.sort((a, b) => Date.parse(a.fill.at) - Date.parse(b.fill.at));
}

/** In the hour that a clock is put back two bars have one local time: the later one stays. */
function unique<T extends { time: UTCTimestamp }>(points: T[]): T[] {
  const byTime = new Map<number, T>();
  for (const point of points) byTime.set(point.time, point);
  return [...byTime.values()].sort((a, b) => a.time - b.time);
}

export type Prediction = components['schemas']['PredictionRow'];

/** A prediction on the bar that holds its moment: which way, and what came of it. */
export interface Mark {
  bar: Bar;
  way: 'up' | 'down';
  probability: number | null;
  outcome: 'hit' | 'miss' | 'open';
}

/** Live predictions of a direction, each on the bar that it is of; those within costs have no mark. */
export function marks(bars: readonly Bar[], predictions: readonly Prediction[]): Mark[] {
  const starts = bars.map((bar) => Date.parse(bar.bar_start));
  const found = new Map<number, Mark>();
  // The newest come first: of several on one bar the first of them stays.
  for (const one of [...predictions].reverse()) {
    if (one.kind !== 'live' || one.target !== 'direction' || !one.value) continue;
    const at = Date.parse(one.bar_start);
    let index = starts.length - 1;
    while (index >= 0 && starts[index]! > at) index -= 1;
    const bar = bars[index];
    if (!bar || at >= Date.parse(bar.bar_end) || found.has(index)) continue;
    const outcome = one.is_hit === null ? 'open' : one.is_hit ? 'hit' : 'miss';
    found.set(index, { bar, way: one.value > 0 ? 'up' : 'down', probability: one.probability, outcome });
  }
  return [...found.entries()].sort(([a], [b]) => a - b).map(([, mark]) => mark);
}

/** The newest live predictions of a symbol, with what came of them. */
export async function readPredictions(symbol: string): Promise<Prediction[]> {
  return data(
    api.GET('/api/predictions', { params: { query: { symbol, target: 'direction', limit: 300 } } }),
  );
}

/** The select that gives what the chart shows. */
export function chartSql(
  symbol: string,
  width: Width,
  adjusted: Adjustment,
  bars: readonly Bar[],
): string {
  const from = bars[0]?.bar_start ?? '';
  const where =
    adjusted === 'none'
      ? `from bars_${width}\nwhere symbol = ${literal(symbol)}`
      : `from continuous_${width}\nwhere symbol = ${literal(symbol)} and rule = 'volume' ` +
        `and adjustment = ${literal(adjusted)}`;
  const columns = 'bar_start, open, high, low, close, volume, vwap, ticks, late_ticks';
  return `select ${columns}\n${where}\n  and bar_start >= timestamptz ${literal(from)}\norder by bar_start`;
}
