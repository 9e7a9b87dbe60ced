-- Entries of a channel's log behind a number.
-- KEYS: the stream, what is known of it; ARGV: an epoch for a new log, the epoch that is asked for
-- ('' for the oldest that is left), the number, at most how many entries, for how many ms they are kept.
-- Returns the epoch, the number of the last entry, that of the oldest that is left (one more than the
-- last when none is), and number, entry, number, entry, …
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  redis.call('DEL', KEYS[1])
  epoch = ARGV[1]
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
redis.call('PEXPIRE', KEYS[2], ARGV[5] * 10)
local last = tonumber(redis.call('HGET', KEYS[2], 'last') or 0)
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[5]
local first = last + 1
local from = '-'
while from do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 100)
  from = nil
  for _, entry in ipairs(entries) do
    if tonumber(entry[2][2]) >= oldest then
      first = tonumber(string.match(entry[1], '^%d+'))
      from = nil
      break
    end
    from = '(' .. entry[1]
  end
end
local start = first
if ARGV[2] == epoch then
  start = math.max(first, tonumber(ARGV[3]) + 1)
end
local found = { epoch, last, first }
if tonumber(ARGV[4]) > 0 then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], start .. '-0', '+', 'COUNT', ARGV[4])) do
    found[#found + 1] = tonumber(string.match(entry[1], '^%d+'))
    found[#found + 1] = entry[2][4]
  end
end
return found
