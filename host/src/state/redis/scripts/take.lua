-- ARGV: new token, nonce, the owner that was seen, transactional id
local owner = get('owner')
if owner == '' or string.match(owner, '%.(%x+)$') ~= ARGV[2] then
  if owner ~= ARGV[3] then return { 'MOVED' } end
  local tids, known = get('tids'), false
  for tid in string.gmatch(tids, '[^\n]+') do
    known = known or tid == ARGV[4]
  end
  local all = known and tids or tids .. ARGV[4] .. '\n'
  redis.call('HSET', control, 'owner', ARGV[1], 'cand', ARGV[4], 'tids', all, 'old', tids, 'lastseq', '0')
end
return { 'TAKEN', get('owner'), get('old'), get('pending'), get('applied'), get('next') }
