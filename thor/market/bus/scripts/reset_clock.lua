-- KEYS  clocks, heard of the source, ahead, then latest and claim of each symbol
-- ARGV  source
-- Gives how many latest hashes went. Forgets what a source said that is ahead of the
-- bus's clock: its clock, what it heard, its claims, and the quotes that it was the last
-- to write.
local time = redis.call('TIME')
local now = instant(time[1] * 1000000 + time[2])
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local clock = redis.call('HGET', healed(KEYS[1]), ARGV[1])
if clock and clock > now then redis.call('HDEL', KEYS[1], ARGV[1]) end
local heard = redis.call('HGETALL', healed(KEYS[2]))
for i = 1, #heard, 2 do
  if heard[i + 1] > now then redis.call('HDEL', KEYS[2], heard[i]) end
end
redis.call('HDEL', healed(KEYS[3]), ARGV[1])
local gone = 0
for i = 4, #KEYS, 2 do
  local latest = redis.call('HMGET', healed(KEYS[i]), 'source', 'ts', 'received_at')
  if latest[1] == ARGV[1] and ((latest[2] or '') > now or (latest[3] or '') > now) then
    gone = gone + redis.call('DEL', KEYS[i])
  end
  local claim = redis.call('HMGET', healed(KEYS[i + 1]), 'source', 'heard_ms')
  if claim[1] == ARGV[1] and (tonumber(claim[2] or '') or 0) > now_ms then
    redis.call('DEL', KEYS[i + 1])
  end
end
return gone
