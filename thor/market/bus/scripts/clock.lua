-- KEYS  stream, counter, clocks
-- ARGV  source, its clock, ticks_max
-- Gives {'ok', id} | {'full', held}. The entry accounts for no tick: it stands
-- before the ordinal that the next one will have. `since` is what the source's
-- clock showed before, or empty where it went back: a run that began anew.
local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held >= tonumber(ARGV[3]) then return {'full', held} end

local since = redis.call('HGET', KEYS[3], ARGV[1])
if not since or since > ARGV[2] then since = '' end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
return {'ok', redis.call('XADD', KEYS[1], '*',
  'first', count[1], 'n', '0', 'source', ARGV[1], 'clock', ARGV[2], 'since', since)}
