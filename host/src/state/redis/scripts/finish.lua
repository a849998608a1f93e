-- ARGV: token, id known committed. Touches what older tokens staged, and nothing else.
local at = read()
if at.owner ~= ARGV[1] then return {'refused'} end
local own, older = string.sub(ARGV[1], -16), false
for _, stage in ipairs(at.waiting) do
  older = older or string.match(stage.id, '%.(%x+)%.') ~= own
end
local count, commands = 0, {}
if older then
  count = place(at, ARGV[2])
  commands = promoted(at, count)
end
settle(at, count, commands, function() return not older end)
local cand = redis.call('HGET', control, 'cand')
redis.call('HSET', control, 'tids', cand and cjson.encode({cand}) or '[]', 'old', '[]')
return {'ok', at.applied, at.next}
