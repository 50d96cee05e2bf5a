-- KEYS  stream, counter
-- ARGV  keep_ms, ticks_max
-- Gives how many entries were removed. Unacknowledged entries stay; without a group
-- all stay. Acknowledged entries stay keep_ms for resumes, unless the stream is more
-- than half full or the server short of memory.
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

local count = redis.call('HMGET', KEYS[2], 'next', 'oldest', 'base', 'key', 'signed_after')
local is_counted = true
for i = 1, 3 do
  if not (count[i] and #count[i] <= 16 and string.match(count[i], '^%d+$')) then
    is_counted = false
  end
end
local time = redis.call('TIME')
-- The first that is younger: to keep for 0 ms keeps nothing, not this millisecond's.
local kept = {time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1]) + 1, 0}
local held = is_counted and tonumber(count[1]) - tonumber(count[2]) or 0
local memory = redis.call('INFO', 'memory')
local most = tonumber(string.match(memory, 'maxmemory:(%d+)') or 0)
local used = tonumber(string.match(memory, 'used_memory:(%d+)') or 0)
local is_short = most > 0 and used * 4 > most * 3
if before(kept, floor) and held * 2 < tonumber(ARGV[2]) and not is_short then floor = kept end

local gone = redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', floor[1], floor[2]))
if gone == 0 or not is_counted then return gone end

-- The oldest that a publish of this bus wrote tells what is held; what others put there
-- tells nothing.
local after = count[5] and parse(count[5])
local function first_of(entry)
  local fields, first, sig = {}, nil, nil
  for i = 1, #entry[2], 2 do
    local name, value = entry[2][i], entry[2][i + 1]
    if name == 'first' then first = value end
    if name == 'sig' then
      sig = value
    else
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  if not (first and #first <= 16 and string.match(first, '^%d+$')) then return nil end
  if not count[4] or not before(after, parse(entry[1])) then return first end
  return sig == signature(count[4], fields) and first or nil
end

local from, first = '-', nil
while not first do
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 64)
  for _, entry in ipairs(page) do
    first = first or first_of(entry)
    from = '(' .. entry[1]
  end
  if #page < 64 then break end
end
first = first or count[1]
-- Entries from before a new beginning are not part of this count.
if tonumber(first) < tonumber(count[3]) then first = count[3] end
redis.call('HSET', KEYS[2], 'oldest', first)
return gone
