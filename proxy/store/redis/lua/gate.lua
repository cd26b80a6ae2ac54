-- One account's gate: how many may be in flight, and whether it rests. The rules are those of
-- gate.py, which gives the reasons for them.

function Gate:limit()
  return math.min(self.learned or self.concurrency, self.concurrency)
end

function Gate:hold(slot, expires)
  self:keep(slot, expires)
  self.saturated = self.saturated or self.out >= self:limit()
end

-- The whole account's rest and the family's, standing or being recovered from.
function Gate:rests_of(family)
  if not next(self.rests) then
    return self.rests
  end
  return {[ANY_MODEL] = self.rests[ANY_MODEL], [family] = self.rests[family]}
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

-- Whether nothing has succeeded since it failed.
function Gate:doubtful(family)
  for _, rest in pairs(self:rests_of(family)) do
    if rest.ramp == 0 and rest.reason == 'failing' then
      return true
    end
  end
  return false
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

-- Allow one more after a window's worth of clean answers in which the limit was reached; going
-- back to the ceiling takes more of them.
function Gate:grow()
  self.clean = self.clean + 1
  local more = self:limit() + 1
  local at_ceiling = self.ceiling and more >= self.ceiling
  local enough = self:limit() * (at_ceiling and policy.caution or 1)
  if not self.learned or not self.saturated or self.clean < enough then
    return
  end
  self.learned = more < self.concurrency and more or nil
  self.ceiling = not at_ceiling and self.ceiling or nil
  self.clean, self.saturated = 0, false
end

function Gate:shrink()
  local limit = self:limit()
  self.ceiling = limit
  self.learned = math.max(1, math.min(limit - 1, math.ceil(limit * policy.shrink)))
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
