-- KEYS: 1 = control, 2 = fields of a sorted map in order, 3 = its hash. ARGV: first and last field in the words of
-- ZRANGEBYLEX, most items, most bytes. Answers where to go on (nothing = the end), then fields and values.
local found = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, tonumber(ARGV[3]) + 1)
local answer, bytes = {{}}, 0
for i, field in ipairs(found) do
  if i > tonumber(ARGV[3]) or bytes >= tonumber(ARGV[4]) then
    answer[1] = {field}
    break
  end
  local value = redis.call('HGET', KEYS[3], field)
  if value then
    answer[#answer + 1], answer[#answer + 2] = field, value
    bytes = bytes + #field + #value
  end
end
return answer
