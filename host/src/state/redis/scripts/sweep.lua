-- ARGV: token, time, rows. A member of `expires` is the length of a key, ':', the key, the field.
if get('owner') ~= ARGV[1] then return { '0', 0 } end
local members = redis.call('ZRANGEBYSCORE', base .. 'expires', '-inf', '(' .. ARGV[2], 'LIMIT', '0', ARGV[3])
local dead = {}
for at, member in ipairs(members) do
  local length, from = string.match(member, '^(%d+):()')
  local key = string.sub(member, from, from + length - 1)
  local field = string.sub(member, from + length)
  local value = redis.call('HGET', base .. key, field)
  local expires = value and string.match(value, '^%z1(%d+):')
  if expires and tonumber(expires) < tonumber(ARGV[2]) then dead[#dead + 1] = { key, field } end
end
for _, address in ipairs(dead) do
  redis.call('HDEL', base .. address[1], address[2])
  if string.sub(address[1], 1, 2) == 'm:' then
    redis.call('ZREM', base .. 's' .. string.sub(address[1], 2), address[2])
  end
end
many('ZREM', base .. 'expires', members)
return { tostring(#dead), #members < tonumber(ARGV[3]) and 1 or 0 }
