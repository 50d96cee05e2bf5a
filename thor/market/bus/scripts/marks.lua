-- KEYS  stream, counter
-- ARGV  source, its marks as JSON, ticks_max
-- Gives {'ok', id} | {'full', held}. The entry accounts for no tick, as a clock's.
local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held >= tonumber(ARGV[3]) then return {'full', held} end

return {'ok', redis.call('XADD', KEYS[1], '*', unpack(signed(count[4],
  {'first', count[1], 'n', '0', 'source', ARGV[1], 'marks', ARGV[2]})))}
