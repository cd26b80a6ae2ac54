-- The operations by name. What each returns is its caller's reply. Further files may add their own,
-- and savers for what these change.

local REPLICA_LIFE = 10 -- seconds since its last beat

local operations = {claim = claim}

-- Undo a claim of which nobody knows how it ended.
function operations.unclaim(id, accounts)
  for _, name in ipairs(accounts) do
    local gate = gate_of(name)
    if gate:find(id) then
      gate:drop(id)
      tell('freed', name)
    end
  end
end

function operations.prove(slot)
  local gate = gate_of(slot.account)
  local held = gate:find(slot.id)
  if held then
    gate:prove(held)
    tell('freed', slot.account)
  end
end

function operations.settle(slot, settlement)
  local gate = gate_of(slot.account)
  local held = gate:find(slot.id)
  if not held then
    return
  end
  if gate:settle(held, settlement) then
    tell('rested', slot.account, settlement.cooldown.reason)
  end
  tell('freed', slot.account)
  if settlement.proven and slot.binds and slot.session then
    rebind(slot)
  end
end

function operations.renew(slots)
  for _, slot in ipairs(slots) do
    gate_of(slot.account):keep(slot, now + policy.lease_ttl)
  end
end

function operations.rest(account, family, cooldown)
  if gate_of(account):rest(family, cooldown) then
    tell('rested', account, cooldown.reason)
  end
end

function operations.wake(account, family, reason)
  if gate_of(account):wake(family, reason) then
    tell('woken', account)
  end
end

function operations.snapshot()
  local states = {}
  for _, gate in pairs(every_gate()) do
    states[#states + 1] = gate:state()
  end
  return states
end

-- Bind sessions, those apart that are bound.
function operations.adopt(found)
  for _, binding in ipairs(found) do
    if not binding_of(binding[1]) then
      bind(binding[1], binding[2], ANY_MODEL)
    end
  end
end

-- Say that this replica lives; how many do, and since when this state has been kept.
function operations.beat()
  local index = key('replicas')
  redis.call('ZADD', index, now, batch.origin)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now - REPLICA_LIFE)
  redis.call('PEXPIRE', index, milliseconds(REPLICA_LIFE))
  local birth = redis.call('GET', key('birth'))
  if not birth then
    birth = batch.origin .. ' ' .. now
    redis.call('SET', key('birth'), birth)
  end
  return {redis.call('ZCARD', index), birth}
end

-- What other replicas told after an entry of the stream, and where it ends now; without an entry,
-- that alone. An end that lies before the entry is the end of another stream: go on from there.
--
-- Leases that have run out are noticed here, where somebody may wait for their slots.
function operations.news(since)
  if redis.call('EXISTS', key('waiting')) == 1 then
    every_gate()
  end
  local newest = redis.call('XREVRANGE', key('news'), '+', '-', 'COUNT', 1)[1]
  local found = since and redis.call('XRANGE', key('news'), '(' .. since, '+') or {}
  local told = {}
  for _, entry in ipairs(found) do
    local origin, packed = entry[2][2], entry[2][4]
    if origin ~= batch.origin then
      for _, event in ipairs(cmsgpack.unpack(packed)) do
        told[#told + 1] = event
      end
    end
  end
  return {newest and newest[1] or '0-0', told}
end
