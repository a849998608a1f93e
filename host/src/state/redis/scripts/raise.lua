-- ARGV: token, token with the higher epoch
if get('owner') ~= ARGV[1] then return 'REFUSED' end
redis.call('HSET', control, 'owner', ARGV[2])
return 'OK'
