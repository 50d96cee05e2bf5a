-- KEYS  stream
-- ARGV  entries_max, then of each prediction its rising number, us since 1970 from which it is
--       too late, its JSON object
-- Gives the numbers of those that are on the stream: added now, or before an answer was lost.
-- The number is the entry's id, so that none is added twice; this server's clock decides.
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local last = newest and tonumber(string.match(newest[1], '^%d+')) or 0
local there = {}
for i = 2, #ARGV, 3 do
  local id = ARGV[i] .. '-0'
  local is_there = false
  if tonumber(ARGV[i]) <= last then
    is_there = #redis.call('XRANGE', KEYS[1], id, id) > 0
  elseif now_us < tonumber(ARGV[i + 1]) then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, 'prediction', ARGV[i + 2])
    is_there = true
  end
  if is_there then there[#there + 1] = ARGV[i] end
end
return there
