-- Run the batch, write what changed, and tell the other replicas what concerns them.

local NEWS_KEPT = 1000

local function is_news()
  for _, event in ipairs(events) do
    if event[1] ~= 'freed' then
      return true
    end
  end
  return #events > 0 and redis.call('EXISTS', key('waiting')) == 1
end

local function save()
  for _, saver in ipairs(savers) do
    saver()
  end
  if is_news() then
    redis.call(
      'XADD', key('news'), 'MAXLEN', '~', NEWS_KEPT, '*',
      'origin', batch.origin, 'events', cmsgpack.pack(events)
    )
  end
end

local time = redis.call('TIME')
local began = batch.now or time[1] + time[2] / 1000000
local tick = batch.now and 0 or 1 / 1000000 -- what comes later is later
local replies = {}
for i, operation in ipairs(batch.operations) do
  now = began + (i - 1) * tick
  replies[i] = operations[operation[1]](unpack(operation, 2, 5)) or false
end
save()
return cmsgpack.pack({began, replies, events})
