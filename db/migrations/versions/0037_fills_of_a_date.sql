create index fills_series_date
on trade.fills (account_id, epoch, series, trade_date, number);
