-- KEYS  stream, counter, shadowed, then latest and seat of each symbol
-- ARGV  payload, n, source, ticks_max, is_arbitrated, shadowed, symbols, then for
--       each symbol priority, stale_ms, the newest good ts (or nothing), fields, and
--       that many names, values and the ts of the tick that told each
-- Gives {'ok', id, first} | {'full', held} | {'shadowed', index of each symbol, ...}
--
-- Told that some are shadowed, the publisher asks again without them, and says how
-- many ticks those were: they count when the rest goes through, and only then.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local n, source, symbols = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[7])
local is_arbitrated, unheard = ARGV[5] == '1', tonumber(ARGV[6])

local at, heads = 8, {}
for i = 1, symbols do
  heads[i] = at
  at = at + 4 + 3 * tonumber(ARGV[at + 3])
end

if is_arbitrated then
  local shadowed = {'shadowed'}
  for i = 1, symbols do
    local head = heads[i]
    local seat = redis.call('HMGET', KEYS[3 + 2 * i], 'source', 'priority', 'heard_ms', 'stale_ms')
    if seat[1] and seat[1] ~= source
        and tonumber(seat[2]) <= tonumber(ARGV[head])
        and now_ms - tonumber(seat[3]) <= tonumber(seat[4]) then
      shadowed[#shadowed + 1] = i
    end
  end
  if #shadowed > 1 then return shadowed end
end
if n == 0 then
  redis.call('HINCRBY', KEYS[3], source, unheard)
  return {'ok', false, false}
end

local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held + n > tonumber(ARGV[4]) then return {'full', held} end

if unheard > 0 then redis.call('HINCRBY', KEYS[3], source, unheard) end
redis.call('HINCRBY', KEYS[2], 'next', n)
local id = redis.call('XADD', KEYS[1], '*',
  'first', count[1], 'n', ARGV[2], 'source', source, 'ticks', ARGV[1])
for i = 1, symbols do
  local head, latest = heads[i], KEYS[2 + 2 * i]
  local ts = redis.call('HGET', latest, 'ts')
  local told = {}
  for field = head + 4, head + 1 + 3 * tonumber(ARGV[head + 3]), 3 do
    if not ts or ts <= ARGV[field + 2] then
      told[#told + 1] = ARGV[field]
      told[#told + 1] = ARGV[field + 1]
    end
  end
  if #told > 0 then redis.call('HSET', latest, unpack(told)) end
  -- Who tells nothing that may be heard does not keep the others from speaking.
  if is_arbitrated and ARGV[head + 2] ~= '' then
    redis.call('HSET', KEYS[3 + 2 * i], 'source', source, 'priority', ARGV[head],
      'heard_ms', string.format('%.0f', now_ms), 'stale_ms', ARGV[head + 1])
  end
end
return {'ok', id, count[1]}
