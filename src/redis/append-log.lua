-- Appends entries to the log of a channel, and drops what retention has passed. An entry whose id is
-- in the log already is not appended once more.
-- KEYS: the stream, what is known of it, the ids; ARGV: an epoch for a new log, how many entries are
-- kept, for how many ms, then id, entry, id, entry, … Entries are numbered from 1 without holes: a hole
-- tells what was dropped.
-- Returns the epoch and the number of each entry, negative for one that was in the log before.
local function entry(from)
  return redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
end
local function number(of)
  return tonumber(string.match(of[1], '^%d+'))
end
local epoch, last = unpack(redis.call('HMGET', KEYS[2], 'epoch', 'last'))
if not epoch then
  -- What is left of a log whose numbers are lost can't be placed.
  redis.call('DEL', KEYS[1], KEYS[3])
  epoch = ARGV[1]
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
last = tonumber(last or 0)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- An id is forgotten with its entry. Many may be too old at once: the first that is not is found by halves.
local function isOld(of)
  return tonumber(of[2][2]) < now - ARGV[3]
end
local oldest = entry('-')
if oldest and isOld(oldest) then
  local from, to = number(oldest) + 1, last + 1
  while from < to do
    local middle = math.floor((from + to) / 2)
    local at = entry(middle .. '-0')
    if at and isOld(at) then
      from = middle + 1
    else
      to = middle
    end
  end
  redis.call('XTRIM', KEYS[1], 'MINID', from .. '-0')
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. from)
end

local numbers = { epoch }
local before = last
for i = 4, #ARGV, 2 do
  local known = redis.call('ZSCORE', KEYS[3], ARGV[i])
  if known then
    numbers[#numbers + 1] = -tonumber(known)
  else
    last = redis.call('HINCRBY', KEYS[2], 'last', 1)
    redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], last .. '-0', 't', now, 'p', ARGV[i + 1])
    redis.call('ZADD', KEYS[3], last, ARGV[i])
    numbers[#numbers + 1] = last
  end
end
if last > before then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', last - ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
-- The epoch outlives the entries: a cursor that comes late learns what it has missed.
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 10)
return numbers
