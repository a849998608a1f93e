-- What the scripts share. KEYS: 1 = control, 2 = pending. A token or an id is the text of it and is compared as text:
-- a Lua number holds no 64 bits. '' stands for none. Every script computes first and writes last, as nothing is
-- rolled back.
local control, pending = KEYS[1], KEYS[2]
-- All keys of the scope begin with this, so they lie in the slot of the declared ones.
local root = string.sub(control, 1, -8)

-- The scope's record, with the ids and positions of the stages that wait, in order.
local function read()
  local found = redis.call('HMGET', control, 'owner', 'applied', 'next', 'pending', 'lastseq')
  local at = {
    owner = found[1] or '', applied = found[2] or '', next = found[3] or '', lastseq = found[5] or '', waiting = {},
  }
  for id, next in string.gmatch(found[4] or '', '(%S+) (%S*)\n') do
    at.waiting[#at.waiting + 1] = {id = id, next = next}
  end
  return at
end

local function lost(at)
  return {'lost', at.applied, at.next}
end

-- The place of a stage among those that wait; 0 = it does not.
local function place(at, id)
  for i, stage in ipairs(at.waiting) do
    if stage.id == id then return i end
  end
  return 0
end

local KNOWN = {HSET = true, HDEL = true, ZADD = true, ZREM = true, SADD = true}

-- Appends the commands that packed changes stand for: a msgpack array each, of a name, a key without its root, and
-- arguments.
local function decode(id, packed, commands)
  local offset = 0
  while offset ~= -1 and offset < #packed do
    local command
    offset, command = cmsgpack.unpack_one(packed, offset)
    if type(command) ~= 'table' or not KNOWN[command[1]] then
      error(redis.error_reply('DAMAGED ' .. control .. ' the changes of stage ' .. id .. ' cannot be read'))
    end
    commands[#commands + 1] = command
  end
end

-- The commands of the first `count` stages that wait.
local function promoted(at, count)
  local commands = {}
  for i = 1, count do
    local id = at.waiting[i].id
    local packed = redis.call('HGET', pending, id)
    if not packed then
      error(redis.error_reply('DAMAGED ' .. control .. ' the changes of stage ' .. id .. ' are missing'))
    end
    decode(id, packed, commands)
  end
  return commands
end

local function write(commands)
  for _, command in ipairs(commands) do
    redis.call(command[1], root .. command[2], unpack(command, 3))
  end
end

-- Makes the first `count` stages the state and keeps of the others those that `stays` says, and `added`. Nothing here
-- may fail once it has begun to write.
local function settle(at, count, commands, stays, added)
  local kept, gone = {}, {}
  for i, stage in ipairs(at.waiting) do
    if i > count and stays(stage) then
      kept[#kept + 1] = stage.id .. ' ' .. stage.next .. '\n'
    else
      gone[#gone + 1] = stage.id
    end
  end
  if added then
    redis.call('HSET', pending, added.id, added.packed)
    kept[#kept + 1] = added.id .. ' ' .. added.next .. '\n'
    at.lastseq = added.sequence
  end
  write(commands)
  if count > 0 then
    at.applied, at.next = at.waiting[count].id, at.waiting[count].next
  end
  redis.call('HSET', control, 'applied', at.applied, 'next', at.next, 'pending', table.concat(kept),
    'lastseq', at.lastseq)
  if #gone > 0 then redis.call('HDEL', pending, unpack(gone)) end
end
