"""What the bus does in one atomic step, as scripts that run in the server.

Room 25, bus. Gives text; `bus.py` runs it.
"""

# Gives the next ordinal and the oldest that is held, as texts.
#
# Ordinals begin at the microsecond the counter was born, so that the ticks of
# a bus that was wiped can never wear the ordinals of the one before.
_COUNTED = """
local function counted()
  local count = redis.call('HMGET', KEYS[2], 'next', 'oldest')
  if count[1] then return count end
  local time = redis.call('TIME')
  local born = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[2], 'base', born, 'next', born, 'oldest', born)
  return {born, born}
end
"""

# KEYS  stream, counter, shadowed, then latest and seat of each symbol
# ARGV  payload, n, source, ticks_max, is_arbitrated, shadowed, symbols, then for
#       each symbol priority, stale_ms, the newest good ts (or nothing), fields, and
#       that many names, values and the ts of the tick that told each
# Gives {'ok', id, first} | {'full', held} | {'shadowed', index of each symbol, ...}
#
# Told that some are shadowed, the publisher asks again without them, and says how
# many ticks those were: they count when the rest goes through, and only then.
PUBLISH = (
    _COUNTED
    + """
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
"""
)

# KEYS  stream, counter, clocks
# ARGV  source, its clock, ticks_max
# Gives {'ok', id} | {'full', held}. The entry accounts for no tick: it stands
# before the ordinal that the next one will have. `since` is what the source's
# clock showed before, or empty where it went back: a run that began anew.
CLOCK = (
    _COUNTED
    + """
local count = counted()
local held = tonumber(count[1]) - tonumber(count[2])
if held >= tonumber(ARGV[3]) then return {'full', held} end

local since = redis.call('HGET', KEYS[3], ARGV[1])
if not since or since > ARGV[2] then since = '' end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
return {'ok', redis.call('XADD', KEYS[1], '*',
  'first', count[1], 'n', '0', 'source', ARGV[1], 'clock', ARGV[2], 'since', since)}
"""
)

# KEYS  stream, counter
# ARGV  keep_ms, ticks_max
# Gives how many entries went. Nothing that a group has not acknowledged goes;
# without a group nothing goes. Acknowledged entries stay keep_ms for those who
# resume, unless the stream is more than half full.
TRIM = """
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
"""

# KEYS  counter
# ARGV  ordinal the ledger knows to be taken
# Gives 1 where the counter stood behind the ledger (a bus that lost its newest
# seconds) and ordinals begin anew, else 0.
REBASE = """
local next_ordinal = redis.call('HGET', KEYS[1], 'next')
if not next_ordinal or tonumber(next_ordinal) >= tonumber(ARGV[1]) then return 0 end
local time = redis.call('TIME')
local base = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('HSET', KEYS[1], 'base', base, 'next', base, 'oldest', base)
return 1
"""
