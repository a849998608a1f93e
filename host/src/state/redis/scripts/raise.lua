-- ARGV: token, owner to be.
if redis.call('HGET', control, 'owner') ~= ARGV[1] then return {'refused'} end
redis.call('HSET', control, 'owner', ARGV[2])
return {'ok'}
