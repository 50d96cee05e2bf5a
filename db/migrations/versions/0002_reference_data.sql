insert into reference.instruments (
    symbol, name, exchange, asset_class, calendar, tick_size, quote_increment,
    multiplier, display_precision, margin, is_negative_legal, sort_order,
    aliases
)
values
('YM', 'E-mini Dow', 'CBOT', 'equity_index', 'CME_EQUITY',
 1, 1, 5, 0, 17000, false, 10, '{}'),
('ES', 'E-mini S&P 500', 'CME', 'equity_index', 'CME_EQUITY',
 0.25, 0.25, 50, 2, 13000, false, 20, '{}'),
('NQ', 'E-mini Nasdaq-100', 'CME', 'equity_index', 'CME_EQUITY',
 0.25, 0.25, 20, 2, 16000, false, 30, '{}'),
('RTY', 'E-mini Russell 2000', 'CME', 'equity_index', 'CME_EQUITY',
 0.10, 0.10, 50, 1, 7500, false, 40, '{RT}'),
('CL', 'Crude oil', 'NYMEX', 'energy', 'CME_ENERGY',
 0.01, 0.01, 1000, 2, 8000, true, 50, '{}'),
('SI', 'Silver', 'COMEX', 'metal', 'CME_METALS',
 0.005, 0.005, 5000, 3, 14000, false, 60, '{}'),
('HG', 'Copper', 'COMEX', 'metal', 'CME_METALS',
 0.0005, 0.0005, 25000, 4, 4000, false, 70, '{}'),
('GC', 'Gold', 'COMEX', 'metal', 'CME_METALS',
 0.10, 0.10, 100, 1, 11000, false, 80, '{}'),
('VX', 'VIX', 'CFE', 'volatility', 'CFE',
 0.05, 0.05, 1000, 2, 6000, false, 90, '{VIX}'),
('DX', 'US Dollar Index', 'ICE', 'currency', 'ICE',
 0.005, 0.001, 1000, 3, 2500, false, 100, '{$DXY,DXY,USDX}'),
('ZB', '30-year T-bond', 'CBOT', 'rates', 'CME_RATES',
 0.03125, 0.015625, 1000, 6, 5000, false, 110,
 '{30YRBOND,"30YR T-BOND",T-BOND}');

insert into reference.series (symbol, root, kind)
select i.symbol, i.symbol, 'root'
from reference.instruments as i;

insert into reference.sources (
    source, kind, priority, stale_after, cadence, is_sampled, description
)
values
('SCHWAB', 'feed', 10, '10 s', '60 s', true,
 'Schwab level-one streaming quotes'),
('EXCEL', 'feed', 20, '10 s', '60 s', true,
 'thinkorswim RTD through an Excel sheet'),
('SIM', 'simulator', 90, '5 s', '60 s', false,
 'Thor''s simulated market');
