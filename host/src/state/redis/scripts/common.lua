-- In front of every script. KEYS[1] = control, KEYS[2] = pending, ARGV[1] = the caller's token.
-- Nothing is written before everything is decided: a script that fails half-way is not rolled back.
-- Numbers of 64 bits are text throughout; Lua's are doubles.

local control, staged = KEYS[1], KEYS[2]
local base = string.sub(control, 1, -8) -- without "control"

local function get(field)
  return redis.call('HGET', control, field) or ''
end

-- The stages that wait, oldest first: { id, next }.
local function waiting()
  local list = {}
  for id, next in string.gmatch(get('pending'), '([^ \n]+) ([^\n]*)\n') do
    list[#list + 1] = { id = id, next = next }
  end
  return list
end

local function place_of(list, id)
  for at, entry in ipairs(list) do
    if entry.id == id then return at end
  end
  return 0
end

local STRIDE = 4000 -- even, and below what unpack takes

local function many(command, key, list)
  for from = 1, #list, STRIDE do
    redis.call(command, key, unpack(list, from, math.min(from + STRIDE - 1, #list)))
  end
end

-- Changes, a group per key: { key, index key or '', fields and values to set, fields to delete, expiries and members }.
local function write(changes)
  for _, group in ipairs(cmsgpack.unpack(changes)) do
    local key, index, sets, deletes, expires = unpack(group)
    many('HSET', base .. key, sets)
    many('HDEL', base .. key, deletes)
    if index ~= '' then
      local scored = {}
      for at = 1, #sets, 2 do
        scored[#scored + 1] = '0'
        scored[#scored + 1] = sets[at]
      end
      many('ZADD', base .. index, scored)
      many('ZREM', base .. index, deletes)
    end
    many('ZADD', base .. 'expires', expires)
  end
end

-- Makes the first `count` stages the state, keeps those in `kept`, drops the rest. Returns the last one promoted.
local function settle(list, count, kept)
  for at = 1, count do
    write(redis.call('HGET', staged, list[at].id))
  end
  local stays, gone, text = {}, {}, ''
  for _, entry in ipairs(kept) do
    stays[entry.id] = true
    text = text .. entry.id .. ' ' .. entry.next .. '\n'
  end
  for _, entry in ipairs(list) do
    if not stays[entry.id] then gone[#gone + 1] = entry.id end
  end
  many('HDEL', staged, gone)
  if count > 0 then
    redis.call('HSET', control, 'applied', list[count].id, 'next', list[count].next)
  end
  return text
end

local function lost()
  return { 'LOST', get('applied'), get('next') }
end
