-- KEYS  stream, counter, clocks, heard of the source, then the claim on each symbol seen
-- ARGV  source, its clock, ticks_max, the symbols seen as JSON, then each of them
-- Gives {'ok', id} | {'full', held}. The entry accounts for no tick: it stands
-- before the ordinal that the next one will have. `since` is what the source's
-- clock showed before, or empty where it went back: a run that began anew. What the
-- source has looked at is heard, and its claim renewed, although it said nothing new.
local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held >= tonumber(ARGV[3]) then return {'full', held} end

local since = redis.call('HGET', KEYS[3], ARGV[1])
if not since or since > ARGV[2] then since = '' end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for i = 5, #ARGV do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[2])
  if redis.call('HGET', KEYS[i], 'source') == ARGV[1] then
    redis.call('HSET', KEYS[i], 'heard_ms', now_ms)
  end
end
local fields = {'first', count[1], 'n', '0', 'source', ARGV[1], 'clock', ARGV[2], 'since', since}
if #ARGV > 4 then
  fields[#fields + 1] = 'seen'
  fields[#fields + 1] = ARGV[4]
end
return {'ok', redis.call('XADD', KEYS[1], '*', unpack(fields))}
