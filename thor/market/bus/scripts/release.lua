-- KEYS  lease
-- ARGV  who gives it back
-- Gives 1 where it was its own and is free now, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
