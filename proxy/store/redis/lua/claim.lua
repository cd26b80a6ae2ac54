-- How a wish becomes a slot: the rules of memory.py, and of `choose` in core/ranking.py.

local NAME, CONCURRENCY, TRIED, SHARE = 1, 2, 3, 4 -- of a candidate
local waits = 0 -- for so many seconds somebody waits who was refused for want of room

local function candidate_named(wish, name)
  for _, candidate in ipairs(wish.candidates) do
    if candidate[NAME] == name then
      return candidate
    end
  end
end

-- What moves: all of the session, or one family where only that is kept off its account.
local function rebinds(wish, binding)
  if binding.families[wish.family] then
    return wish.family
  end
  local gate = gate_of(binding.account)
  local whole = gate:resting(ANY_MODEL)
  if not gate:resting(wish.family) or (whole and not policy.soft[whole.reason]) then
    return ANY_MODEL
  end
  return candidate_named(wish, binding.account) and wish.family or ANY_MODEL
end

-- How a session stands to its own account; with a `standing`, it is served there.
local function tie_of(wish)
  if not wish.session then
    return {placing = 'unbound'}
  end
  local binding = binding_of(wish.session)
  if not binding then
    return {placing = 'first'}
  end
  local own = own_account(binding, wish.family)
  local candidate, gate = candidate_named(wish, own), gate_of(own)
  local rest = gate:resting(wish.family)
  if not candidate or (rest and not policy.soft[rest.reason]) then
    return {placing = 'moved', own = own, binds = rebinds(wish, binding)}
  end
  local standing = not candidate[TRIED] and not rest and gate:standing(wish.family)
  if not standing then
    return {placing = 'spilled', own = own, waits = not candidate[TRIED]}
  end
  return {placing = 'hit', own = own, standing = standing}
end

local function grant(wish, tie, account, standing)
  local gate = gate_of(account)
  local slot = {
    id = wish.id, account = account, family = wish.family, placing = tie.placing,
    granted_at = now, session = wish.session, own = tie.own, binds = tie.binds,
    standing = standing, streak = gate.streak,
  }
  gate:hold(slot, now + policy.lease_ttl)
  if tie.placing == 'first' then
    bind(wish.session, account, ANY_MODEL)
  end
  return {slot = slot}
end

local function refuse(wish, own)
  local refusal = {now = now, full = false, limited = false, own = own}
  for _, candidate in ipairs(wish.candidates) do
    if not candidate[TRIED] and (not own or own == candidate[NAME]) then
      local rest = gate_of(candidate[NAME]):resting(wish.family)
      if not rest then
        refusal.full, waits = true, math.max(waits, wish.wait)
      else
        refusal.limited = refusal.limited or policy.limits[rest.reason] or false
        if rest.ends < math.min(refusal['until'] or math.huge, math.huge) then
          refusal['until'] = rest.ends
        end
      end
    end
  end
  return {refusal = refusal}
end

-- The account that takes one request more; nil where none has room.
local function choose(loads, drawn)
  local out, share = 1, 0
  for _, load in ipairs(loads) do
    out, share = out + load.gate.out, share + load.share
  end
  local fair, best = policy.bound * out / share, nil
  for _, load in ipairs(loads) do
    local next_out = load.gate.out + 1
    load.tier = load.doubtful and 1 or 0
    load.tier = next_out > math.ceil(fair * load.share) and 2 or load.tier
    load.cost = drawn and 0 or next_out / load.share
    if load.standing and (not best or load.tier < best.tier
      or (load.tier == best.tier and load.cost < best.cost)) then
      best = load
    end
  end
  return best
end

local function elsewhere(wish, tie)
  local loads = {}
  for _, candidate in ipairs(wish.candidates) do
    local gate = gate_of(candidate[NAME])
    if not candidate[TRIED] and not gate:resting(wish.family) then
      loads[#loads + 1] = {
        gate = gate, share = candidate[SHARE], standing = gate:standing(wish.family),
        doubtful = gate:doubtful(wish.family),
      }
    end
  end
  local best = choose(loads, wish.session)
  return best and grant(wish, tie, best.gate.name, best.standing) or refuse(wish)
end

-- The slot that this id has been granted before, if any; and what each account may carry.
local function granted_before(wish)
  open_gates(wish.candidates)
  local found
  for _, candidate in ipairs(wish.candidates) do
    local gate = gate_of(candidate[NAME])
    if gate.concurrency ~= candidate[CONCURRENCY] then
      gate.concurrency, gate.changed = candidate[CONCURRENCY], true
    end
    local held = gate:find(wish.id)
    found = found or (held and held.slot)
  end
  return found
end

local function claim(wish)
  local slot = granted_before(wish)
  if slot then
    return {slot = slot}
  end
  local tie = tie_of(wish)
  if tie.standing then
    return grant(wish, tie, tie.own, tie.standing)
  end
  if tie.waits and wish.reach ~= 'spill' then
    return refuse(wish, tie.own)
  end
  if wish.reach == 'own' then
    return {refusal = {now = now}}
  end
  return elsewhere(wish, tie)
end

savers[#savers + 1] = function()
  local life = milliseconds(waits)
  if waits > 0 and redis.call('PTTL', key('waiting')) < life then
    redis.call('SET', key('waiting'), 1, 'PX', life)
  end
end
