/** The selects of the panels that trade. */

import { literal } from '@/services/sql';

export const positionsSql = (account: string) => `select series, quantity, days, average_price, mark, mark_kind, market_value,
       unrealised, unrealised_percent, pnl_day, realised_today, margin_initial
from trade.positions
where account_id = ${literal(account)}
order by series;`;

export const workingSql = (account: string) => `select placed_at, symbol, contract, side, quantity, filled_quantity, type,
       stop_price, limit_price, trail_by, distance, status, order_id
from trade.working_orders
where account_id = ${literal(account)}
order by placed_at desc;`;

export const fillsSql = (account: string, limit: number) => `select at, series, side, quantity, price, bid, ask, latency_ms, slippage,
       commission, realised, assumptions, order_id
from trade.fills
where account_id = ${literal(account)}
order by at desc, fill_id desc
limit ${limit};`;

export const accountSql = (account: string) => `select net_liquidation, cash, unrealised, pnl_day, margin_initial,
       margin_intraday, available_funds, day_trading_funds, drawdown
from trade.account
where account_id = ${literal(account)};`;

export const activitySql = (account: string) => `select section, updated_at, series, side, quantity, filled_quantity, type,
       price, status, reason, order_id
from trade.activity_today
where account_id = ${literal(account)}
order by section desc, updated_at desc;`;

export const storySql = (order: string) => `select step, kind, at, what, detail
from trade.trade_story
where order_id = ${literal(order)}
order by step, at;`;

export const limitsSql = () => `select rule, account_id, symbol, value, version, valid_from, who
from trade.limits_at(now())
order by rule, account_id, symbol;`;

export const killSql = () => `select is_latched, is_flat, since, who, reason
from trade.kill_switch;`;

export const statementSql = (account: string, from: string, to: string) => `select line, section, at, trade_date, symbol, side, quantity, price, realised,
       commission, amount, balance, detail, order_id
from trade.statement(${literal(account)}, ${literal(from)}, ${literal(to)});`;

export const symbolsSql = (account: string, from: string, to: string) => `select series, bought, sold, realised, commission, pnl
from trade.pnl_by_symbol(${literal(account)}, ${literal(from)}, ${literal(to)}, market.moment(now()));`;

export const valueSql = (account: string, from: string, to: string) => `select trade_date, moved, pnl, commission, net_liquidation
from trade.value_days(${literal(account)}, ${literal(from)}, ${literal(to)}, market.moment(now()));`;

export const usedSql = (account: string) => `select rule, account_id, symbol, used, subject, value, version, valid_from, who
from trade.limits_used_at(${literal(account)}, market.moment(now()), now())
order by rule, account_id, symbol;`;

export const exposureSql = (account: string) => `select root, correlation_group, quantity, working_buy, working_sell, long_most,
       short_most, net, gross_most, margin_initial
from trade.exposure_at(market.moment(now()))
where account_id = ${literal(account)};`;

export const versionsSql = (account: string) => `select valid_from, rule, account_id, symbol, value, version, who
from trade.limits
where account_id = ${literal(account)} or account_id is null
order by limit_id desc;`;
