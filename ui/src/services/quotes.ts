/**
 * The quotes of all symbols, outside of React's tree. Events change rows at once; listeners hear
 * of it once a frame, and only of fields whose text changed, so a tick re-renders its cells and
 * nothing else.
 *
 * What stands on the last price is computed here between two answers of the board, by the rules
 * of `market.quote_metrics`; the board's own answer replaces it.
 */

import type { BoardField, BoardRow, Instrument, Quote, QuoteState } from '@/types/domain';

import { ticker } from './clock';
import { compared, decimal, minus, ratio, written } from './decimal';
import { Cell } from './emitter';
import type { Notation } from './format';

export const STALE_AFTER_MS = 5_000;
export const DEAD_AFTER_MS = 30_000;

/** A row of which nothing is known yet. */
export const EMPTY: Omit<BoardRow, 'symbol' | 'name' | 'sort_order'> = {
  contract: null,
  source: null,
  last: null,
  bid: null,
  ask: null,
  last_size: null,
  bid_size: null,
  ask_size: null,
  volume: null,
  ts: null,
  received_at: null,
  heard_at: null,
  state: null,
  basis: null,
  basis_kind: null,
  basis_source: null,
  basis_date: null,
  net_change: null,
  net_change_percent: null,
  open: null,
  high: null,
  low: null,
  prev_close: null,
  open_prev_diff: null,
  open_prev_percent: null,
  range_diff: null,
  range_percent: null,
  spread: null,
  spread_ticks: null,
  vwap: null,
  high_52w: null,
  high_52w_on: null,
  low_52w: null,
  low_52w_on: null,
  above_low_52w_diff: null,
  above_low_52w_percent: null,
  below_high_52w_diff: null,
  below_high_52w_percent: null,
};
const FIELDS = Object.keys(EMPTY) as BoardField[];
const LIVE = [
  'contract',
  'source',
  'last',
  'bid',
  'ask',
  'last_size',
  'bid_size',
  'ask_size',
  'volume',
  'ts',
  'received_at',
] as const;

/** The state of a quote last heard so long ago. */
export function stateOf(heardAgeMs: number): QuoteState {
  if (heardAgeMs > DEAD_AFTER_MS) return 'DEAD';
  return heardAgeMs > STALE_AFTER_MS ? 'STALE' : 'FRESH';
}

/** How an instrument's prices are written. */
export function notationOf(instrument: Instrument | undefined): Notation {
  if (!instrument) return { kind: 'decimal', places: 2 };
  const tick = Number(instrument.tick_size);
  if (tick === 1 / 32 || tick === 1 / 64) return { kind: '32nds' };
  return { kind: 'decimal', places: instrument.display_precision };
}

type Difference = [keyof BoardRow, keyof BoardRow | null, string | null, string | null];

function difference(a: string | null, b: string | null): string | null {
  const [x, y] = [decimal(a), decimal(b)];
  return x && y ? written(minus(x, y)) : null;
}

function percentOf(part: string | null, whole: string | null): string | null {
  const [x, y] = [decimal(part), decimal(whole)];
  const found = x && y ? ratio(x, y, 6, 100n) : null;
  return found ? written(found) : null;
}

function further(a: string | null, b: string | null, side: 1 | -1): string | null {
  const [x, y] = [decimal(a), decimal(b)];
  if (!x || !y) return a;
  return compared(y, x) * side > 0 ? b : a;
}

/** Compute again what stands on the last price, bid and ask of a row. */
export function derive(row: BoardRow, tickSize: string | undefined): void {
  row.high = further(row.high, row.last, 1);
  row.low = further(row.low, row.last, -1);
  const differences: Difference[] = [
    ['net_change', 'net_change_percent', difference(row.last, row.basis), row.basis],
    ['range_diff', 'range_percent', difference(row.high, row.low), row.prev_close],
    ['above_low_52w_diff', 'above_low_52w_percent', difference(row.last, row.low_52w), row.low_52w],
    [
      'below_high_52w_diff',
      'below_high_52w_percent',
      difference(row.last, row.high_52w),
      row.high_52w,
    ],
  ];
  for (const [field, percentField, value, base] of differences) {
    Object.assign(row, { [field]: value });
    if (percentField) Object.assign(row, { [percentField]: percentOf(value, base) });
  }
  row.spread = difference(row.ask, row.bid);
  const [spread, tick] = [decimal(row.spread), decimal(tickSize)];
  const ticks = spread && tick ? ratio(spread, tick, 1) : null;
  row.spread_ticks = ticks ? written(ticks) : null;
}

export class QuoteStore {
  private readonly rows = new Map<string, BoardRow>();
  /** What listeners have been told: what a render reads, the same all through a frame. */
  private shown = new Map<string, BoardRow>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly flushed = new Set<() => void>();
  private readonly touched = new Set<string>();
  private readonly instruments = new Map<string, Instrument>();
  private isScheduled = false;

  constructor(
    private readonly schedule: (flush: () => void) => void = (flush) =>
      requestAnimationFrame(flush),
  ) {}

  /** Take the instruments; rows of new ones begin empty. */
  list(instruments: readonly Instrument[]): void {
    for (const one of instruments) {
      this.instruments.set(one.symbol, one);
      this.row(one.symbol);
      this.touch(one.symbol);
    }
  }

  instrument(symbol: string): Instrument | undefined {
    return this.instruments.get(symbol);
  }

  /** Take the board's rows; a quote that is newer than theirs stays. */
  load(rows: readonly BoardRow[]): void {
    for (const one of rows) {
      const row = this.row(one.symbol);
      const kept = isNewer(row, one) ? Object.fromEntries(LIVE.map((name) => [name, row[name]])) : {};
      const heard_at = later(row.heard_at, one.heard_at);
      Object.assign(row, one, kept, { heard_at });
      this.touch(one.symbol);
    }
  }

  /** Take a quote event. */
  quote(event: Quote): void {
    const row = this.row(event.symbol);
    for (const name of LIVE) Object.assign(row, { [name]: event[name] });
    row.heard_at = later(row.heard_at, event.received_at);
    this.touch(event.symbol);
  }

  /** Return a row as it is shown now. */
  read(symbol: string): BoardRow | undefined {
    return this.shown.get(symbol);
  }

  symbols(): string[] {
    return [...this.shown.keys()];
  }

  /** Hear of a field of a symbol; returns what ends it. */
  subscribe(symbol: string, field: BoardField, listener: () => void): () => void {
    const key = `${symbol}.${field}`;
    let found = this.listeners.get(key);
    if (!found) this.listeners.set(key, (found = new Set()));
    found.add(listener);
    return () => found.delete(listener);
  }

  /** Hear of every frame in which any row changed. */
  onFlush(listener: () => void): () => void {
    this.flushed.add(listener);
    return () => this.flushed.delete(listener);
  }

  /** Let time pass: quotes that nobody has spoken of turn STALE, then DEAD. */
  age(now: number): void {
    for (const [symbol, row] of this.rows) {
      if (row.heard_at !== null && stateOf(now - Date.parse(row.heard_at)) !== row.state) {
        this.touch(symbol);
      }
    }
  }

  flush(): void {
    this.isScheduled = false;
    const heard = new Set<() => void>();
    const now = ticker.get();
    for (const symbol of this.touched) {
      const row = this.rows.get(symbol)!;
      derive(row, this.instruments.get(symbol)?.tick_size);
      if (row.heard_at !== null) row.state = stateOf(now - Date.parse(row.heard_at));
      const before = this.shown.get(symbol);
      this.shown.set(symbol, { ...row });
      for (const field of FIELDS) {
        if (before?.[field] === row[field]) continue;
        for (const listener of this.listeners.get(`${symbol}.${field}`) ?? []) heard.add(listener);
      }
    }
    this.touched.clear();
    for (const listener of heard) listener();
    for (const listener of this.flushed) listener();
  }

  private row(symbol: string): BoardRow {
    let row = this.rows.get(symbol);
    if (!row) {
      const instrument = this.instruments.get(symbol);
      row = {
        symbol,
        name: instrument?.name ?? symbol,
        sort_order: instrument?.sort_order ?? 1000,
        ...EMPTY,
      };
      this.rows.set(symbol, row);
    }
    return row;
  }

  private touch(symbol: string): void {
    this.touched.add(symbol);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.schedule(() => this.flush());
  }
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return Date.parse(a) >= Date.parse(b) ? a : b;
}

function isNewer(row: BoardRow, than: BoardRow): boolean {
  if (row.received_at === null) return false;
  return than.received_at === null || Date.parse(row.received_at) > Date.parse(than.received_at);
}

export const quotes = new QuoteStore();

/** When the newest quote of any symbol was received by its source; null before the first. */
export const lastQuoteAt = new Cell<number | null>(null);
