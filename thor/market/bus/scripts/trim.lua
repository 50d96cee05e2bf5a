-- KEYS  stream, counter
-- ARGV  keep_ms, ticks_max
-- Gives how many entries were removed. Unacknowledged entries stay; without a group
-- all stay. Acknowledged entries stay keep_ms for resumes, unless the stream is more
-- than half full.
local function before(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end
local function parse(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return {tonumber(ms), tonumber(seq)}
end

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local floor = false
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  local safe = parse(group['last-delivered-id'])
  safe[2] = safe[2] + 1
  local pending = redis.call('XPENDING', KEYS[1], group['name'])
  if pending[1] > 0 then safe = parse(pending[2]) end
  if not floor or before(safe, floor) then floor = safe end
end
if not floor then return 0 end

local count = redis.call('HMGET', KEYS[2], 'next', 'oldest')
local time = redis.call('TIME')
-- The first that is younger: to keep for 0 ms keeps nothing, not this millisecond's.
local kept = {time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1]) + 1, 0}
local held = tonumber(count[1] or 0) - tonumber(count[2] or 0)
if before(kept, floor) and held * 2 < tonumber(ARGV[2]) then floor = kept end

local gone = redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', floor[1], floor[2]))
if gone > 0 and count[1] then
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local first, base = count[1], redis.call('HGET', KEYS[2], 'base')
  if oldest then
    for i = 1, #oldest[2], 2 do
      if oldest[2][i] == 'first' then first = oldest[2][i + 1] end
    end
  end
  -- Entries from before a new beginning are not part of this count.
  if tonumber(first) < tonumber(base) then first = base end
  redis.call('HSET', KEYS[2], 'oldest', first)
end
return gone
