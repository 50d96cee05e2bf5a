-- Gives the next ordinal and the oldest that is held, as texts.
--
-- Ordinals begin at the microsecond the counter was born, so that the ticks of
-- a bus that was wiped can never wear the ordinals of the one before.
local function counted()
  local count = redis.call('HMGET', KEYS[2], 'next', 'oldest')
  if count[1] then return count end
  local time = redis.call('TIME')
  local born = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[2], 'base', born, 'next', born, 'oldest', born)
  return {born, born}
end
