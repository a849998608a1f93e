-- Does once what the other scripts do, on keys that are gone afterwards: a right that is missing shows at the start.
-- KEYS: 1 = a control key of nobody, 2 = a key beside it.
local function try(name, ...)
  local answer = redis.pcall(name, ...)
  if type(answer) == 'table' and answer.err then
    if string.find(answer.err, 'user', 1, true) or string.find(answer.err, 'NOPERM', 1, true) then
      error(redis.error_reply('NOPERM in a script: ' .. string.lower(name) .. ' on ' .. root .. '*'))
    end
    error(answer)
  end
end
try('HSET', control, 'probe', '1')
try('HMGET', control, 'owner', 'probe')
try('HGET', control, 'probe')
try('HSCAN', control, 0, 'COUNT', 1)
try('HDEL', control, 'probe')
try('ZADD', pending, 0, 'probe')
try('ZRANGEBYLEX', pending, '[', '+', 'LIMIT', 0, 1)
try('ZREM', pending, 'probe')
try('SADD', pending, 'probe')
try('SREM', pending, 'probe')
try('EXISTS', pending)
try('SET', pending, 'probe')
try('DEL', pending)
return {'ok'}
