-- Gives the next ordinal and the oldest that is held, as texts.
--
-- Ordinals begin at the microsecond the counter was born, so that the ticks of
-- a bus that was wiped can never wear the ordinals of the one before. A counter
-- that holds anything else than ordinals is born again.
local function is_ordinal(text)
  return text and #text <= 16 and string.match(text, '^%d+$')
end

local function counted()
  local count = redis.pcall('HMGET', KEYS[2], 'next', 'oldest', 'base')
  if count.err then redis.call('DEL', KEYS[2]) end
  if is_ordinal(count[1]) and is_ordinal(count[2]) and is_ordinal(count[3]) then return count end
  local time = redis.call('TIME')
  local born = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[2], 'base', born, 'next', born, 'oldest', born)
  return {born, born}
end
