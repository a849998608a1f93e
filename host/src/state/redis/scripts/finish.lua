-- ARGV: token, nonce, the id that the log has committed or ''
if get('owner') ~= ARGV[1] then return { 'REFUSED' } end
local list, others = waiting(), false
for _, entry in ipairs(list) do
  others = others or string.match(entry.id, '^%d+%.(%x+)%.') ~= ARGV[2]
end
local cand = get('cand')
local pending = get('pending')
if others then
  pending = settle(list, place_of(list, ARGV[3]), {})
end
redis.call('HSET', control, 'pending', pending, 'tids', cand == '' and '' or cand .. '\n', 'old', '')
return { 'OK', get('applied'), get('next') }
