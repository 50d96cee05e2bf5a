-- What the scripts share that write beside what others may have written.

-- Gives the key, emptied where it holds anything else than a hash.
local function healed(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
  return key
end

-- Gives microseconds since 1970 as the wire writes an instant; such texts sort as
-- their instants do.
local function instant(us)
  local s = math.floor(us / 1000000)
  local day = math.floor(s / 86400)
  local z = day + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)
  yoe = math.floor(yoe / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local d = doy - math.floor((153 * mp + 2) / 5) + 1
  local m = mp < 10 and mp + 3 or mp - 9
  local y = yoe + era * 400 + (m <= 2 and 1 or 0)
  local of_day = s - day * 86400
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%06dZ', y, m, d,
    math.floor(of_day / 3600), math.floor(of_day / 60) % 60, of_day % 60, us - s * 1000000)
end

-- Gives the microseconds since 1970 of such a text, or nothing where it is none.
local function microseconds(text)
  local y, m, d, h, mi, s, us = string.match(text,
    '^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.(%d%d%d%d%d%d)Z$')
  if not y then return nil end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m <= 2 then y = y - 1 end
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  local mp = m > 2 and m - 3 or m + 9
  local doy = math.floor((153 * mp + 2) / 5) + d - 1
  local doe = yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy
  local day = era * 146097 + doe - 719468
  return ((day * 24 + h) * 60 + mi) * 60000000 + s * 1000000 + us
end

-- Notes how far a source's clock is ahead of the bus's, in ms; without a value, that it is not.
local function ahead(key, source, ms)
  if ms then
    redis.call('HSET', healed(key), source, string.format('%.0f', ms))
  elseif redis.call('EXISTS', key) == 1 then
    redis.call('HDEL', healed(key), source)
  end
end
