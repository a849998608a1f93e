-- ARGV: token, id, its sequence, positions, id known committed, id staged before, whether the committed one is known
-- promoted ('1'), packed changes.
local token, id, sequence, next, committed, previous, known, packed = unpack(ARGV)
local at = read()
if at.owner ~= token then return {'refused'} end
local last = at.waiting[#at.waiting]
if last and last.id == id then return {'ok'} end
if sequence <= at.lastseq then return {'old'} end

local count = known == '1' and 0 or place(at, committed)
local stands = count > 0 and at.waiting[count].id or at.applied
local pipelined = previous ~= committed
if stands ~= committed or (pipelined and place(at, previous) <= count) then return lost(at) end

settle(at, count, promoted(at, count), function(stage) return pipelined and stage.id == previous end,
  {id = id, sequence = sequence, next = next, packed = packed})
return {'ok'}
