-- Gives an entry's fields with their signature, by which readers tell it from what others
-- put on the stream: names and values in their order, under the key of the bus.
local function signature(key, fields)
  return redis.sha1hex(key .. '\n' .. table.concat(fields, '\n'))
end

local function signed(key, fields)
  local sig = signature(key, fields)
  fields[#fields + 1] = 'sig'
  fields[#fields + 1] = sig
  return fields
end
