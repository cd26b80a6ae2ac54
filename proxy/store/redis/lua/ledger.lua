-- What clients have used: the requests that run (a sorted set by the end of their leases), the pace
-- (core/quota.py gives the rule), and each day's tokens.

local DAY = 86400

local clients = {}
local spent = {} -- {day, field, amount}
local numbers -- of this replica's spending: {number, days}

local function client_named(name)
  if not clients[name] then
    local pace = redis.call('HGET', key('paces'), name)
    clients[name] = {
      next_at = pace and cmsgpack.unpack(pace) or 0,
      out = redis.call('ZCOUNT', key('running', name), string.format('(%.17g', now), '+inf'),
      running = {}, -- by id: when its lease ends, or false
      touched = {},
    }
  end
  return clients[name]
end

local function runs(client, name, id)
  if client.running[id] == nil then
    local ends = tonumber(redis.call('ZSCORE', key('running', name), id) or 0)
    client.running[id] = ends > now and ends or false
  end
  return client.running[id]
end

local function keep_running(client, name, id)
  if not runs(client, name, id) then
    client.out = client.out + 1
  end
  client.running[id], client.touched[id] = now + policy.lease_ttl, true
end

local function tokens_of(name)
  local day = math.floor(now / DAY)
  return tonumber(redis.call('HGET', key('usage', day), name) or 0)
end

local function reached(client, name, limits)
  if limits.tokens and tokens_of(name) >= limits.tokens then
    return 'tokens'
  elseif limits.concurrency and client.out >= limits.concurrency then
    return 'concurrency'
  elseif client.next_at - now > limits.tolerance then
    return 'requests'
  end
end

local function standing(client, name, limit)
  local use = {next_at = client.next_at, out = client.out, tokens = tokens_of(name)}
  return {now, use, limit}
end

function operations.admit(id, name, limits)
  local client = client_named(name)
  local limit
  if not runs(client, name, id) then
    limit = reached(client, name, limits)
    if not limit then
      keep_running(client, name, id)
      client.next_at = math.max(now, client.next_at) + limits.interval
    end
  end
  return standing(client, name, limit)
end

function operations.use(name)
  return standing(client_named(name), name)
end

function operations.release(id, name)
  local client = client_named(name)
  if runs(client, name, id) then
    client.out = client.out - 1
    client.running[id], client.touched[id] = false, true
  end
end

function operations.renew_requests(found)
  for _, running in ipairs(found) do
    keep_running(client_named(running[2]), running[2], running[1])
  end
end

-- What a replica spent, once: a number that was seen before is a repetition.
function operations.spend(number, sums, days)
  local last = tonumber(redis.call('GET', key('spender', batch.origin)) or 0)
  if number > last then
    numbers = {number, days}
    for _, sum in ipairs(sums) do
      spent[#spent + 1] = sum
    end
  end
end

function operations.usage(day)
  return redis.call('HGETALL', key('usage', day))
end

local function save_client(name, client)
  local running = key('running', name)
  for id in pairs(client.touched) do
    if client.running[id] then
      redis.call('ZADD', running, string.format('%.17g', client.running[id]), id)
    else
      redis.call('ZREM', running, id)
    end
  end
  if next(client.touched) then
    redis.call('ZREMRANGEBYSCORE', running, '-inf', string.format('%.17g', now))
    redis.call('PEXPIRE', running, milliseconds(policy.lease_ttl))
    redis.call('HSET', key('paces'), name, cmsgpack.pack(client.next_at))
  end
end

savers[#savers + 1] = function()
  for name, client in pairs(clients) do
    save_client(name, client)
  end
  for _, sum in ipairs(spent) do
    redis.call('HINCRBY', key('usage', sum[1]), sum[2], sum[3])
  end
  if numbers then
    local life = milliseconds((numbers[2] + 1) * DAY)
    for _, sum in ipairs(spent) do
      redis.call('PEXPIRE', key('usage', sum[1]), life)
    end
    redis.call('SET', key('spender', batch.origin), numbers[1], 'PX', milliseconds(DAY))
  end
end
