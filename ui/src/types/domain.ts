/** Names for the API's types, and the few that only the UI has. */

import type { components } from './api';

type Schemas = components['schemas'];

export type Instrument = Schemas['InstrumentRow'];
export type Quote = Schemas['Quote'];
export type Problem = Schemas['Problem'];

export type QuoteState = 'FRESH' | 'STALE' | 'DEAD';

/** A row of the futures board: `market.quote_metrics(as_of)`. Decimals are texts, null is missing. */
export interface BoardRow {
  symbol: string;
  name: string;
  sort_order: number;
  contract: string | null;
  source: string | null;
  last: string | null;
  bid: string | null;
  ask: string | null;
  last_size: number | null;
  bid_size: number | null;
  ask_size: number | null;
  volume: number | null;
  ts: string | null;
  received_at: string | null;
  heard_at: string | null;
  state: QuoteState | null;
  basis: string | null;
  basis_kind: string | null;
  basis_source: string | null;
  basis_date: string | null;
  net_change: string | null;
  net_change_percent: string | null;
  open: string | null;
  high: string | null;
  low: string | null;
  prev_close: string | null;
  open_prev_diff: string | null;
  open_prev_percent: string | null;
  range_diff: string | null;
  range_percent: string | null;
  spread: string | null;
  spread_ticks: string | null;
  vwap: string | null;
  high_52w: string | null;
  high_52w_on: string | null;
  low_52w: string | null;
  low_52w_on: string | null;
  above_low_52w_diff: string | null;
  above_low_52w_percent: string | null;
  below_high_52w_diff: string | null;
  below_high_52w_percent: string | null;
}

export type BoardField = keyof BoardRow;
