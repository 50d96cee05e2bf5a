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

/** What the API has a value of its own for may be left out. */
export type OrderBody = Pick<Schemas['OrderBody'], 'account_id' | 'symbol' | 'side' | 'type' | 'quantity' | 'time_in_force'> &
  Partial<Schemas['OrderBody']>;
export type OrderChange = Schemas['OrderChange'];
export type OrderRow = Schemas['TradeOrder'];
export type Side = OrderRow['side'];
export type OrderType = OrderRow['type'];
export type FillRow = Schemas['TradeFill'];
export type PositionRow = Schemas['TradePosition'];
export type AccountRow = Schemas['TradeAccount'];
export type VerdictRow = Schemas['VerdictRow'];
export type CheckRow = Schemas['CheckRow'];
export type KillRow = Schemas['KillSwitch'];
export type LimitRow = Schemas['LimitRow'];
export type LimitUsed = Schemas['LimitUsed'];
export type LimitChange = Schemas['LimitChange'];
export type ExposureRow = Schemas['ExposureRow'];
export type AccountPnl = Schemas['AccountPnl'];
export type ValueDay = Schemas['ValueDay'];
export type StatementLine = Schemas['StatementLine'];
export type ActivityRow = Schemas['ActivityRow'];
