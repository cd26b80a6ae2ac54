-- What one batch of operations works on. They run in order, on values read once, and nothing is
-- written before the last is through: a batch takes effect whole or not at all.

local pool = KEYS[1]
local policy = cmsgpack.unpack(ARGV[1])
local batch = cmsgpack.unpack(ARGV[2])

local ANY_MODEL = '*'

local now -- epoch seconds; set before each operation
local savers = {} -- called in the end, in order, to write what changed
local events = {} -- what listeners are told: {kind, account, reason}

local function key(kind, name)
  return name and pool .. ':' .. kind .. ':' .. name or pool .. ':' .. kind
end

local function tell(kind, account, reason)
  events[#events + 1] = {kind, account, reason}
end

local function milliseconds(seconds)
  return math.max(1, math.ceil(seconds * 1000))
end
