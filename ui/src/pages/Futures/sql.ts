/** The selects of the futures page, as of the moment at which they are asked for. */

import { now } from '@/hooks/useQuote';
import { literal, moment } from '@/services/sql';

const FROM = () => `from market.quote_metrics(${moment(now())})`;

export function tableSql(): string {
  return `select symbol, last, net_change, round(net_change_percent, 2) as net_change_percent,
       bid_size, bid, ask, ask_size, spread_ticks, volume, vwap,
       low, open, high, low_52w, high_52w, source, heard_age_ms, state
${FROM()}
order by sort_order;`;
}

export function heatmapSql(): string {
  return `select symbol, last, round(net_change_percent, 2) as net_change_percent,
       spread_ticks, state, heard_age_ms
${FROM()}
order by sort_order;`;
}

export function cardsSql(): string {
  return `select *
${FROM()}
order by sort_order;`;
}

export function hourSql(symbol: string): string {
  const at = moment(now());
  return `select bar_start, close
from market.bars_1m
where symbol = ${literal(symbol)}
  and bar_start > ${at} - interval '1 hour' and bar_start <= ${at}
order by bar_start;`;
}
