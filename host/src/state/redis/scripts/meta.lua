-- ARGV: token, what is kept about the scope
if get('owner') ~= ARGV[1] then return 'REFUSED' end
redis.call('SET', base .. 'meta', ARGV[2])
return 'OK'
