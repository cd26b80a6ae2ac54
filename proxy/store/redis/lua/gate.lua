-- One account's gate, with the rules of gate.py, which gives the reasons for them.
--
-- Its head is small and read by every claim: one field in a hash of all gates. The slots held are
-- a hash for each account, read one by one; all of them only where their ages matter.

local Gate = {}
Gate.__index = Gate

local gates = {}

local HEAD = {
  'concurrency', 'out', 'soonest', 'rests', 'streak', 'counted_at', 'learned', 'clean', 'saturated',
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

function Gate:hold(slot, expires)
  self:keep(slot, expires)
  self.saturated = self.saturated or self.out >= self:limit()
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

function Gate:limit()
  return math.min(self.learned or self.concurrency, self.concurrency)
end

-- The whole account's rest and the family's, standing or being recovered from.
function Gate:rests_of(family)
  local found = {}
  if next(self.rests) then
    found[ANY_MODEL], found[family] = self.rests[ANY_MODEL], self.rests[family]
  end
  return found
end

-- The later of the cooldowns that keep this family off the account, if any stands.
function Gate:resting(family)
  local latest
  for _, rest in pairs(self:rests_of(family)) do
    if rest.ends > now and (not latest or rest.ends > latest.ends) then
      latest = rest
    end
  end
  return latest
end

-- How the account would be trusted with one request more; nil without room for it.
function Gate:standing(family)
  if self.out >= self:limit() then
    return nil
  end
  local standing = 'trusted'
  for scope, rest in pairs(self:rests_of(family)) do
    if self:out_since(rest.ends, scope) >= math.max(1, rest.ramp) then
      return nil
    end
    if rest.ramp == 0 then
      standing = 'canary'
    elseif standing == 'trusted' then
      standing = 'rising'
    end
  end
  return standing
end

function Gate:out_since(instant, scope)
  local count = 0
  for _, held in pairs(self:all()) do
    if held and held.slot.granted_at >= instant
      and (scope == ANY_MODEL or scope == held.slot.family) then
      count = count + 1
    end
  end
  return count
end

-- End probation; in slow start, double what may be out. Once a slot.
function Gate:prove(held)
  if held.proved then
    return
  end
  held.proved = true
  self:put(held.slot.id, held)
  for scope, rest in pairs(self:rests_of(held.slot.family)) do
    if rest.ends <= held.slot.granted_at then
      rest.ramp = 2 * math.max(1, rest.ramp)
      if rest.ramp >= self:limit() then
        self.rests[scope] = nil
      end
    end
  end
end

-- Take in how a request ended; true if a cooldown began.
function Gate:settle(held, settlement)
  local slot, cooldown = held.slot, settlement.cooldown
  local fresh = slot.granted_at > self.counted_at
  if settlement.proven then
    self:prove(held)
    self.streak = fresh and 0 or self.streak
  end
  self:drop(slot.id)
  if settlement.pressure == 'clean' then
    self:grow()
  end
  if fresh and settlement.failed then
    self.streak = self.streak + 1
    self.counted_at = now
    if settlement.pressure == 'burst' then
      self:shrink()
    end
  end
  if not cooldown or not (fresh or self:still_tells(cooldown, slot.family)) then
    return false
  end
  return self:rest(settlement.family or ANY_MODEL, cooldown)
end

-- Whether a late failure says more than its moment's first: never by reopening a pause.
function Gate:still_tells(cooldown, family)
  return not policy.estimated[cooldown.reason] or self:resting(family) ~= nil
end

-- Of two cooldowns the later stands. True if none stood before.
function Gate:rest(family, cooldown)
  local standing, ends = self.rests[family], cooldown['until']
  if standing and standing.ends >= ends then
    return false
  end
  self.rests[family] = {ends = ends, reason = cooldown.reason, ramp = 0}
  self.changed = true
  return not standing or standing.ends <= now
end

-- End a standing cooldown (of that reason); true if there was one.
function Gate:wake(family, reason)
  local rest = self.rests[family]
  if not rest or rest.ends <= now or (reason and reason ~= rest.reason) then
    return false
  end
  rest.ends = now
  self.changed = true
  return true
end

-- Allow one more after a window's worth of clean answers in which the limit was reached.
function Gate:grow()
  self.clean = self.clean + 1
  local limit = self:limit()
  if not self.learned or not self.saturated or self.clean < limit then
    return
  end
  self.learned = limit + 1 < self.concurrency and limit + 1 or nil
  self.clean, self.saturated = 0, false
end

function Gate:shrink()
  self.learned = math.max(1, math.floor(self:limit() * policy.shrink))
  self.clean, self.saturated = 0, false
end

function Gate:state()
  local whole, limit, cooldowns = self.rests[ANY_MODEL], self:limit(), {}
  local ramp = whole and whole.ends <= now and whole.ramp
  for family, rest in pairs(self.rests) do
    if rest.ends > now then
      cooldowns[#cooldowns + 1] = {family, rest.ends, rest.reason}
    end
  end
  limit = ramp and math.min(limit, math.max(1, ramp)) or limit
  return {self.name, self.out, limit, ramp == 0, self.streak, cooldowns}
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
