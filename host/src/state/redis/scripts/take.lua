-- ARGV: nonce, transactional id, owner seen, owner to be, lowest sequence.
local found = redis.call('HMGET', control, 'owner', 'tids', 'old', 'applied', 'next', 'pending')
local owner, old = found[1] or '', found[3] or '[]'
if string.sub(owner, -16) ~= ARGV[1] then
  if owner ~= ARGV[3] then return {'moved'} end
  old = found[2] or '[]'
  local ids, known = cjson.decode(old), false
  for _, id in ipairs(ids) do known = known or id == ARGV[2] end
  if not known then ids[#ids + 1] = ARGV[2] end
  owner = ARGV[4]
  redis.call('HSET', control, 'owner', owner, 'cand', ARGV[2], 'tids', cjson.encode(ids), 'old', old,
    'lastseq', ARGV[5])
end
return {'ok', owner, old, found[6] or '', found[4] or '', found[5] or ''}
