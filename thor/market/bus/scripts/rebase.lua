-- KEYS  counter
-- ARGV  ordinal after the newest in the database
-- Gives 1 where the counter was behind the database (a bus that lost its newest
-- seconds) and ordinals restart, else 0.
local next_ordinal = redis.call('HGET', KEYS[1], 'next')
if not next_ordinal or tonumber(next_ordinal) >= tonumber(ARGV[1]) then return 0 end
local time = redis.call('TIME')
-- Never behind what was taken, however fast ticks came or far the clock was set back.
local base = string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(ARGV[1])))
redis.call('HSET', KEYS[1], 'base', base, 'next', base, 'oldest', base)
return 1
