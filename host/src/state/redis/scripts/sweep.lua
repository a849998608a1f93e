-- KEYS: 3 = names of the hashes that hold expiries. ARGV: token, name of one of them, cursor in it, rows to look at,
-- time before which what expired is removed. A value written since is looked at as it is now, so none is lost.
local token, name, cursor, rows, before = unpack(ARGV)
if redis.call('HGET', control, 'owner') ~= token then return {'refused'} end
local hash, index = root .. name, nil
if string.sub(name, 1, 1) == 'z' then
  hash, index = root .. 'm' .. string.sub(name, 2), hash
end
local found = redis.call('HSCAN', hash, cursor, 'COUNT', rows)
local expired = {}
for i = 1, #found[2], 2 do
  local expiry = string.match(found[2][i + 1], '^\245(%d+):')
  if expiry and tonumber(expiry) < tonumber(before) then expired[#expired + 1] = found[2][i] end
end
for i = 1, #expired, 1000 do
  local last = math.min(i + 999, #expired)
  redis.call('HDEL', hash, unpack(expired, i, last))
  if index then redis.call('ZREM', index, unpack(expired, i, last)) end
end
if redis.call('EXISTS', hash) == 0 then redis.call('SREM', KEYS[3], name) end
return {'ok', found[1], tostring(#expired)}
