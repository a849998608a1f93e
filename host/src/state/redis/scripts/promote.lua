-- ARGV: token, id known committed.
local at = read()
if at.owner ~= ARGV[1] then return {'refused'} end
local count = place(at, ARGV[2])
if count > 0 then
  settle(at, count, promoted(at, count), function() return true end)
elseif at.applied ~= ARGV[2] then
  return lost(at)
end
return {'ok'}
