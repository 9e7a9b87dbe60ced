-- Appends an entry to the log of a channel, and drops what retention has passed.
-- KEYS: the stream, what is known of it; ARGV: the entry, an epoch for a new log, how many entries
-- are kept, for how many ms. Entries are numbered from 1 without holes: a hole tells what was dropped.
-- Returns the epoch and the number of the entry.
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  -- What is left of a log whose numbers are lost can't be placed.
  redis.call('DEL', KEYS[1])
  epoch = ARGV[2]
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
local number = redis.call('HINCRBY', KEYS[2], 'last', 1)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], number .. '-0', 't', now, 'p', ARGV[1])
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 100)) do
  if tonumber(entry[2][2]) >= now - ARGV[4] then
    break
  end
  redis.call('XDEL', KEYS[1], entry[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
-- The epoch outlives the entries: a cursor that comes late learns what it has missed.
redis.call('PEXPIRE', KEYS[2], ARGV[4] * 10)
return { epoch, number }
