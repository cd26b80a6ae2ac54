-- Where the gates of accounts are kept, and the slots they hold.
--
-- A gate's head is small and read by every claim: one field in a hash of all gates. The slots held
-- are a hash for each account, read one by one; all of them only where their ages matter.

local Gate = {}
Gate.__index = Gate

local gates = {}

local HEAD = {
  'concurrency', 'out', 'soonest', 'rests', 'streak', 'counted_at', 'learned', 'ceiling',
  'clean', 'saturated',
}

local function open_gate(name, packed)
  local gate = packed and cmsgpack.unpack(packed) or {
    concurrency = 1, out = 0, soonest = math.huge, rests = {},
    streak = 0, counted_at = 0, clean = 0, saturated = false,
  }
  gate.name, gate.held, gate.touched = name, {}, {}
  gates[name] = setmetatable(gate, Gate)
  gate:drop_expired()
  return gate
end

local function gate_of(name)
  return gates[name] or open_gate(name, redis.call('HGET', key('gates'), name))
end

-- Open the gates of all candidates with one reading.
local function open_gates(candidates)
  local missing = {}
  for _, candidate in ipairs(candidates) do
    if not gates[candidate[1]] then
      missing[#missing + 1] = candidate[1]
    end
  end
  if #missing > 0 then
    local found = redis.call('HMGET', key('gates'), unpack(missing))
    for i, name in ipairs(missing) do
      open_gate(name, found[i])
    end
  end
end

local function every_gate()
  local found = redis.call('HGETALL', key('gates'))
  for i = 1, #found, 2 do
    if not gates[found[i]] then
      open_gate(found[i], found[i + 1])
    end
  end
  return gates
end

-- The slot held under an id, with its lease; false if there is none.
function Gate:find(id)
  if self.held[id] == nil then
    local packed = self.out > 0 and not self.whole and redis.call('HGET', key('held', self.name), id)
    self.held[id] = packed and cmsgpack.unpack(packed)
  end
  return self.held[id]
end

-- Every slot held, by id; those given back in this batch are false.
function Gate:all()
  if not self.whole then
    local found = redis.call('HGETALL', key('held', self.name))
    for i = 1, #found, 2 do
      if self.held[found[i]] == nil then
        self.held[found[i]] = cmsgpack.unpack(found[i + 1])
      end
    end
    self.whole = true
  end
  return self.held
end

function Gate:put(id, held)
  self.held[id] = held
  self.touched[id] = true
  self.changed = true
end

-- Keep a lease until it expires. One that was lost is taken in again: the request does run.
function Gate:keep(slot, expires)
  local held = self:find(slot.id)
  if not held then
    held = {slot = slot, proved = false}
    self.out = self.out + 1
  end
  held.expires = expires
  self.soonest = math.min(self.soonest, expires)
  self:put(slot.id, held)
end

function Gate:drop(id)
  if self:find(id) then
    self.out = self.out - 1
    self:put(id, false)
  end
end

-- `soonest` is never later than the first lease's end. What is out is counted anew here, so that
-- nothing that befell the keys lasts longer than a lease.
function Gate:drop_expired()
  if self.soonest > now then
    return
  end
  local out, soonest = 0, math.huge
  for id, held in pairs(self:all()) do
    if held and held.expires <= now then
      self:put(id, false)
    elseif held then
      out, soonest = out + 1, math.min(soonest, held.expires)
    end
  end
  if out < self.out then
    tell('freed', self.name)
  end
  self.out, self.soonest, self.changed = out, soonest, true
end

function Gate:save()
  local head = {}
  for _, name in ipairs(HEAD) do
    head[name] = self[name]
  end
  redis.call('HSET', key('gates'), self.name, cmsgpack.pack(head))
  for id in pairs(self.touched) do
    local held = self.held[id]
    if held then
      redis.call('HSET', key('held', self.name), id, cmsgpack.pack(held))
    else
      redis.call('HDEL', key('held', self.name), id)
    end
  end
end

savers[#savers + 1] = function()
  for _, gate in pairs(gates) do
    if gate.changed then
      gate:save()
    end
  end
end
