-- ARGV: token, id, sequence, next, committed, previous, whether committed is promoted ('1'), changes
if get('owner') ~= ARGV[1] then return { 'REFUSED' } end
local list = waiting()
if #list > 0 and list[#list].id == ARGV[2] then return { 'OK' } end
if tonumber(ARGV[3]) <= tonumber(get('lastseq')) then return { 'OLD' } end
local committed, previous = ARGV[5], ARGV[6]
local at = ARGV[7] == '1' and 0 or place_of(list, committed)
local applied = at > 0 and committed or get('applied')
local kept = {}
if previous ~= committed then
  for after = at + 1, #list do
    if list[after].id == previous then kept[#kept + 1] = list[after] end
  end
  if #kept == 0 then return lost() end
end
if applied ~= committed then return lost() end
local pending = settle(list, at, kept) .. ARGV[2] .. ' ' .. ARGV[4] .. '\n'
redis.call('HSET', staged, ARGV[2], ARGV[8])
redis.call('HSET', control, 'pending', pending, 'lastseq', ARGV[3])
return { 'OK' }
