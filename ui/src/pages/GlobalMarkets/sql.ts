/** The selects of the page, as of the moment of the request. */

import { literal, moment } from '@/services/sql';

export function wallSql(now: number): string {
  return `select market, state, local_time, open_at, close_at, next_event, next_event_at,
       seconds_to_next_event, weight, contribution, confidence, next_confidence, note
from studies.market_states(${moment(now)})
order by sort_order;`;
}

export function compositeSql(now: number): string {
  return `select composite, composite_max, active_markets, control_markets, phase
from studies.market_composite(${moment(now)});`;
}

export function sessionSql(now: number, calendar: string): string {
  return `select *
from reference.session_state(${literal(calendar)}, ${moment(now)});`;
}

export function daysSql(first: string, last: string): string {
  return `select d.market, d.day, d.open_at, d.lunch_start_at, d.lunch_end_at, d.close_at
from reference.market_days as d
inner join reference.markets as m on m.market = d.market
where d.day between ${literal(first)} and ${literal(last)}
order by m.sort_order, d.day;`;
}

export function holidaysSql(first: string, last: string): string {
  return `select d.day, d.market, d.is_holiday, d.open_at, d.close_at, d.note, d.confidence
from reference.market_days as d
inner join reference.markets as m on m.market = d.market
where (d.is_holiday or d.note is not null)
    and d.day between ${literal(first)} and ${literal(last)}
order by d.day, m.sort_order;`;
}
