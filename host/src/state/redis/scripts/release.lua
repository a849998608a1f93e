-- ARGV: token
if get('owner') ~= ARGV[1] then return 'REFUSED' end
local cand, left = get('cand'), ''
for tid in string.gmatch(get('tids'), '[^\n]+') do
  if tid ~= cand then left = left .. tid .. '\n' end
end
redis.call('HSET', control, 'tids', left, 'cand', '')
return 'OK'
