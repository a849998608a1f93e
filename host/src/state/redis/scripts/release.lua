-- ARGV: token.
local found = redis.call('HMGET', control, 'owner', 'cand', 'tids')
if found[1] ~= ARGV[1] then return {'refused'} end
if not found[2] then return {'ok'} end
local left = {}
for _, id in ipairs(cjson.decode(found[3] or '[]')) do
  if id ~= found[2] then left[#left + 1] = id end
end
redis.call('HSET', control, 'tids', #left > 0 and cjson.encode(left) or '[]')
redis.call('HDEL', control, 'cand')
return {'ok'}
