-- KEYS  lease
-- ARGV  who asks, ms it is to last
-- Gives who holds it now: the one who asks, where it was free or already its own.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
