-- KEYS  stream, counter
-- ARGV  group
-- Gives the first ordinal of this life of the bus, and the ordinal below which
-- nothing lies on the stream any more that the group has yet to take: what is
-- below it was acknowledged, or was deleted.
local counter = redis.call('HMGET', KEYS[2], 'base', 'next')
for i = 1, 2 do
  if not (counter[i] and string.match(counter[i], '^%d+$')) then return {'0', '0'} end
end
local after = '-'
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
for _, group in ipairs(groups) do
  local fields = {}
  for i = 1, #group, 2 do fields[group[i]] = group[i + 1] end
  if fields['name'] == ARGV[1] then
    after = '(' .. fields['last-delivered-id']
    local waiting = redis.call('XPENDING', KEYS[1], ARGV[1])
    if waiting[1] > 0 then after = waiting[2] end
  end
end
local bound = tonumber(counter[2])
-- Several are looked at, since one of them may not be Thor's.
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', 16)) do
  for i = 1, #entry[2], 2 do
    local first = entry[2][i] == 'first' and tonumber(entry[2][i + 1])
    if first and first < bound then bound = first end
  end
end
return {counter[1], string.format('%.0f', bound)}
