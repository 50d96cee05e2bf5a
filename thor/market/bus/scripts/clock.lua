-- KEYS  stream, counter, clocks, heard of the source, ahead, then the claim on each symbol seen
-- ARGV  source, its clock, ticks_max, how far ahead of the bus's clock it may be in us (or
--       -1: a file keeps its own time), the symbols seen as JSON, then each of them
-- Gives {'ok', id} | {'full', held} | {'ahead'}. The entry accounts for no tick: it stands
-- before the ordinal that the next one will have. `since` is what the source's
-- clock showed before, or empty where it went back: a run that began anew. What the
-- source has looked at is heard, and its claim renewed, although it said nothing new.
-- A clock that is ahead of the bus's own is not believed: nothing of it is written.
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local skew_us = tonumber(ARGV[4])
local bound = instant(now_us + math.max(skew_us, 0))
if skew_us >= 0 then
  if ARGV[2] > bound then
    ahead(KEYS[5], ARGV[1], (microseconds(ARGV[2]) - now_us) / 1000)
    return {'ahead'}
  end
  ahead(KEYS[5], ARGV[1])
end
local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held >= tonumber(ARGV[3]) then return {'full', held} end

local since = redis.call('HGET', healed(KEYS[3]), ARGV[1])
if not since or not microseconds(since) or since > ARGV[2] then since = '' end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
local now_ms = string.format('%.0f', math.floor(now_us / 1000))
if #ARGV > 5 then healed(KEYS[4]) end
for i = 6, #ARGV do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[2])
  if redis.call('HGET', healed(KEYS[i]), 'source') == ARGV[1] then
    redis.call('HSET', KEYS[i], 'heard_ms', now_ms)
  end
end
local fields = {'first', count[1], 'n', '0', 'source', ARGV[1], 'clock', ARGV[2], 'since', since}
if #ARGV > 5 then
  fields[#fields + 1] = 'seen'
  fields[#fields + 1] = ARGV[5]
end
return {'ok', redis.call('XADD', KEYS[1], '*', unpack(signed(count[4], fields)))}
