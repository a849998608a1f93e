-- ARGV: token, committed
if get('owner') ~= ARGV[1] then return { 'REFUSED' } end
local list = waiting()
local at = place_of(list, ARGV[2])
if at > 0 then
  local kept = {}
  for after = at + 1, #list do kept[#kept + 1] = list[after] end
  redis.call('HSET', control, 'pending', settle(list, at, kept))
elseif get('applied') ~= ARGV[2] then
  return lost()
end
return { 'OK' }
