-- KEYS: 3 = meta. ARGV: token, meta.
if redis.call('HGET', control, 'owner') ~= ARGV[1] then return {'refused'} end
redis.call('SET', KEYS[3], ARGV[2])
return {'ok'}
