-- Which account each session is bound to, as in affinity.py: one key a session, and an index by
-- when each runs out. Bindings end by comparison of instants; the keys' own lives only clear up.

local bindings = {}
local touched_bindings = {}

-- A session's binding, prolonged; nil if it has none.
local function binding_of(session)
  if bindings[session] == nil then
    local packed = redis.call('GET', key('session', session))
    bindings[session] = packed and cmsgpack.unpack(packed)
  end
  local binding = bindings[session]
  if not binding or binding.expires <= now then
    return nil
  end
  local expires = now + policy.affinity_ttl
  if expires - binding.expires > policy.affinity_ttl * policy.slack then
    binding.expires = expires
    touched_bindings[session] = true
  end
  return binding
end

local function own_account(binding, family)
  return binding.families[family] or binding.account
end

-- Bind a session to an account, for one model family or for all.
local function bind(session, account, family)
  local binding = binding_of(session)
  if not binding then
    bindings[session] = {account = account, expires = now + policy.affinity_ttl, families = {}}
  elseif family == ANY_MODEL then
    binding.account = account
  else
    binding.families[family] = account
  end
  touched_bindings[session] = true
end

-- Move a session after its replacement served, unless another moved it meanwhile.
local function rebind(slot)
  local binding = binding_of(slot.session)
  if not binding or own_account(binding, slot.family) == slot.own then
    bind(slot.session, slot.account, slot.binds)
  end
end

-- Drop a few that have run out; and, over the limit, the least recently used. Never more at once:
-- a limit that was lowered by much would stop Redis for longer than anybody waits.
local function drop_oldest_bindings(count)
  local index = key('sessions')
  local over = redis.call('ZCARD', index) - policy.affinity_limit
  local oldest = redis.call('ZRANGE', index, 0, count - 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    if (i + 1) / 2 <= over or tonumber(oldest[i + 1]) <= now then
      redis.call('ZREM', index, oldest[i])
      redis.call('DEL', key('session', oldest[i]))
    end
  end
end

savers[#savers + 1] = function()
  local count = 0
  local life = milliseconds(policy.affinity_ttl)
  for session in pairs(touched_bindings) do
    local binding = bindings[session]
    redis.call('SET', key('session', session), cmsgpack.pack(binding), 'PX', life)
    redis.call('ZADD', key('sessions'), binding.expires, session)
    count = count + 1
  end
  if count > 0 then
    redis.call('PEXPIRE', key('sessions'), life)
    drop_oldest_bindings(2 * count)
  end
end
