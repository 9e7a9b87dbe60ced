-- Appends entries to the log of a channel, and drops what retention has passed. An entry whose id is
-- in the log already is not appended once more.
-- KEYS: the stream, what is known of it, the ids; ARGV: an epoch for a new log, how many entries are
-- kept, for how many ms, then id, entry, id, entry, … Entries are numbered from 1 without holes: a hole
-- tells what was dropped.
-- Returns the epoch and the number of each entry, negative for one that was in the log before.
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  -- What is left of a log whose numbers are lost can't be placed.
  redis.call('DEL', KEYS[1], KEYS[3])
  epoch = ARGV[1]
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local numbers = { epoch }
for i = 4, #ARGV, 2 do
  local known = redis.call('ZSCORE', KEYS[3], ARGV[i])
  if known then
    numbers[#numbers + 1] = -tonumber(known)
  else
    local number = redis.call('HINCRBY', KEYS[2], 'last', 1)
    redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], number .. '-0', 't', now, 'p', ARGV[i + 1])
    redis.call('ZADD', KEYS[3], number, ARGV[i])
    numbers[#numbers + 1] = number
  end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 100)) do
  if tonumber(entry[2][2]) >= now - ARGV[3] then
    break
  end
  redis.call('XDEL', KEYS[1], entry[1])
end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. string.match(oldest[1], '^%d+'))
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
-- The epoch outlives the entries: a cursor that comes late learns what it has missed.
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 10)
return numbers
