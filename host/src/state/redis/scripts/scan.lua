-- KEYS: hash, index. ARGV: from, to (as ZRANGEBYLEX has them), limit
local fields = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', '0', ARGV[3])
if #fields == 0 then return { fields, {} } end
local values = {}
for from = 1, #fields, 4000 do
  local part = redis.call('HMGET', KEYS[1], unpack(fields, from, math.min(from + 3999, #fields)))
  for _, value in ipairs(part) do values[#values + 1] = value end
end
return { fields, values }
