-- KEYS  stream, counter, shadowed, ahead, then latest and claim of each symbol
-- ARGV  payload, n, source, ticks_max, is_arbitrated, shadowed, symbols, how far ahead of
--       the bus's clock ticks may be in us (or -1: a file keeps its own time), the newest
--       good instant (or nothing), then for each symbol priority, stale_ms, the newest
--       good ts (or nothing), fields, and that many names, values and the ts of the tick
--       that gave each
-- Gives {'ok', id, first} | {'full', held} | {'shadowed', index of each symbol, ...}
--     | {'ahead', the bus's clock in us}
--
-- After such an answer the publisher sends the request again, without them or with
-- the reason on each, and says how many were shadowed: they count when the rest goes
-- through, and only then. What else stands in a latest hash than a publish writes is
-- taken out by the next one, and a whole hash that is ahead of time.
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)
local n, source, symbols = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[7])
local is_arbitrated, unheard = ARGV[5] == '1', tonumber(ARGV[6])
local skew_us = tonumber(ARGV[8])
local is_own_time = skew_us < 0
if is_own_time then skew_us = 5000000 end
local bound = instant(now_us + skew_us)

local at, heads = 10, {}
for i = 1, symbols do
  heads[i] = at
  at = at + 4 + 3 * tonumber(ARGV[at + 3])
end

if not is_own_time and ARGV[9] ~= '' then
  if ARGV[9] > bound then
    ahead(KEYS[4], source, (microseconds(ARGV[9]) - now_us) / 1000)
    return {'ahead', string.format('%.0f', now_us)}
  end
end

if is_arbitrated then
  local shadowed = {'shadowed'}
  for i = 1, symbols do
    local head, key = heads[i], healed(KEYS[4 + 2 * i])
    local claim = redis.call('HMGET', key, 'source', 'priority', 'heard_ms', 'stale_ms')
    local priority, heard_ms = tonumber(claim[2] or ''), tonumber(claim[3] or '')
    local stale_ms = tonumber(claim[4] or '')
    if claim[1] and claim[1] ~= source and priority and heard_ms and stale_ms
        and priority <= tonumber(ARGV[head])
        and heard_ms <= now_ms and now_ms - heard_ms <= stale_ms then
      shadowed[#shadowed + 1] = i
    end
  end
  if #shadowed > 1 then return shadowed end
end

local function count_shadowed()
  if type(redis.pcall('HINCRBY', healed(KEYS[3]), source, unheard)) == 'table' then
    redis.call('HSET', KEYS[3], source, unheard)
  end
end
if n == 0 then
  count_shadowed()
  return {'ok', false, false}
end

local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held + n > tonumber(ARGV[4]) then return {'full', held} end

if unheard > 0 then count_shadowed() end
redis.call('HINCRBY', KEYS[2], 'next', n)
local id = redis.call('XADD', KEYS[1], '*', unpack(signed(count[4],
  {'first', count[1], 'n', ARGV[2], 'source', source, 'ticks', ARGV[1]})))
local numbers = {'last', 'bid', 'ask', 'last_size', 'bid_size', 'ask_size', 'volume'}
for i = 1, symbols do
  local head, latest = heads[i], healed(KEYS[3 + 2 * i])
  local stands = redis.call('HMGET', latest, 'ts', 'source', unpack(numbers))
  local ts = stands[1]
  if ts and (not microseconds(ts) or (ts > bound and not (is_own_time and stands[2] == source)))
      or (stands[2] and not ts) then
    redis.call('DEL', latest)
    ts = false
  else
    for j, name in ipairs(numbers) do
      local value = stands[j + 2]
      if value and not (#value < 32 and string.match(value, '^%-?%d+%.?%d*$')) then
        redis.call('HDEL', latest, name)
      end
    end
  end
  local values = {}
  for field = head + 4, head + 1 + 3 * tonumber(ARGV[head + 3]), 3 do
    if not ts or ts <= ARGV[field + 2] then
      values[#values + 1] = ARGV[field]
      values[#values + 1] = ARGV[field + 1]
    end
  end
  if #values > 0 then redis.call('HSET', latest, unpack(values)) end
  -- A source whose ticks were all refused does not renew its claim on the symbol.
  if is_arbitrated and ARGV[head + 2] ~= '' then
    redis.call('HSET', healed(KEYS[4 + 2 * i]), 'source', source, 'priority', ARGV[head],
      'heard_ms', string.format('%.0f', now_ms), 'stale_ms', ARGV[head + 1])
  end
end
return {'ok', id, count[1]}
