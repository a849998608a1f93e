-- ARGV: token, id that the state must stand at, id, positions, packed changes.
local token, base, id, next, packed = unpack(ARGV)
local at = read()
if at.owner ~= token then return {'refused'} end
if at.applied == id then return {'ok'} end
if at.applied ~= base then return lost(at) end
local commands = {}
decode(id, packed, commands)
write(commands)
redis.call('HSET', control, 'applied', id, 'next', next)
return {'ok'}
