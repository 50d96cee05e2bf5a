-- Gives the next ordinal, the oldest that is held, the first of this life of the bus, and
-- the key that entries are signed with, as texts.
--
-- Ordinals begin at the microsecond the counter was born, so that the ticks of
-- a bus that was wiped can never wear the ordinals of the one before. A counter
-- that holds anything else than ordinals is born again. Entries up to `signed_after`
-- are from before the key.
local function is_ordinal(text)
  return text and #text <= 16 and string.match(text, '^%d+$')
end

local function counted()
  local count = redis.pcall('HMGET', KEYS[2], 'next', 'oldest', 'base', 'key')
  if count.err then
    redis.call('DEL', KEYS[2])
    count = {}
  end
  local is_whole = is_ordinal(count[1]) and is_ordinal(count[2]) and is_ordinal(count[3])
  if is_whole and count[4] then return count end
  local time = redis.call('TIME')
  local born = string.format('%.0f', time[1] * 1000000 + time[2])
  if not count[4] then
    count[4] = redis.sha1hex(born .. redis.call('INFO', 'server'))
    -- A counter without a key is from before there was one, and so is what lies there.
    local last = is_whole and redis.pcall('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1) or {}
    redis.call('HSET', KEYS[2], 'key', count[4],
      'signed_after', not last.err and last[1] and last[1][1] or '0-0')
  end
  if is_whole then return count end
  redis.call('HSET', KEYS[2], 'base', born, 'next', born, 'oldest', born)
  return {born, born, born, count[4]}
end
