-- Its type market.tick_key is there already.
select;
