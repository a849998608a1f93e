-- ARGV: token, base, id, next, changes
if get('owner') ~= ARGV[1] then return { 'REFUSED' } end
local applied = get('applied')
if applied == ARGV[3] then return { 'OK' } end
if applied ~= ARGV[2] then return lost() end
write(ARGV[5])
redis.call('HSET', control, 'applied', ARGV[3], 'next', ARGV[4])
return { 'OK' }
