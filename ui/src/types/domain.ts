/** Names for the API's types, and the few that only the UI has. */

import type { components } from './api';

type Schemas = components['schemas'];

export type Instrument = Schemas['InstrumentRow'];
export type Quote = Schemas['Quote'];
export type Problem = Schemas['Problem'];

export type Hello = Schemas['Hello'];
export type Ping = Schemas['Ping'];
export type Heard = Schemas['Heard'];
export type Gap = Schemas['Gap'];
export type Fault = Schemas['Fault'];
export type DeskSignal = Schemas['DeskSignal'];
export type DeskTotal = Schemas['DeskTotal'];
export type DeskExtreme = Schemas['DeskExtreme'];
export type Signal = NonNullable<DeskSignal['signal']>;
export type ClosedBar = Schemas['ClosedBar'];
/** A row of the futures board: `market.quote_metrics(as_of)`. Decimals are texts, null is missing. */
export type BoardRow = Schemas['BoardRow'];
export type Nature = NonNullable<Hello['nature']>;
export type QuoteState = NonNullable<BoardRow['state']>;

/** What changes on the board; the rest is the instrument's. */
export type BoardField = Exclude<keyof BoardRow, InstrumentField>;
type InstrumentField =
  | 'symbol'
  | 'name'
  | 'root'
  | 'kind'
  | 'sort_order'
  | 'exchange'
  | 'asset_class'
  | 'currency'
  | 'display_precision'
  | 'tick_size'
  | 'tick_value'
  | 'multiplier'
  | 'margin';
/** A row as the pages keep it: what changes, by symbol. */
export type QuoteRow = { symbol: string } & { [F in BoardField]: BoardRow[F] | null };
