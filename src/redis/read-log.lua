-- Entries of a channel's log behind a number.
-- KEYS: the stream, what is known of it; ARGV: an epoch for a new log, the epoch that is asked for
-- ('' for the oldest that is left), the number, at most how many entries, for how many ms they are kept.
-- Returns the epoch, the number of the last entry, that of the oldest that is left (one more than the
-- last when none is), and number, entry, number, entry, …
local function entry(from)
  return redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
end
local function number(of)
  return tonumber(string.match(of[1], '^%d+'))
end
local epoch, last = unpack(redis.call('HMGET', KEYS[2], 'epoch', 'last'))
if not epoch then
  redis.call('DEL', KEYS[1])
  epoch = ARGV[1]
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
redis.call('PEXPIRE', KEYS[2], ARGV[5] * 10)
last = tonumber(last or 0)
local time = redis.call('TIME')
local old = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[5]

-- Entries that are too old are left to whoever appends next. The first that is not is found by halves.
local first = last + 1
local oldest = entry('-')
if oldest then
  local from, to = number(oldest), last + 1
  if tonumber(oldest[2][2]) >= old then
    to = from
  end
  while from < to do
    local middle = math.floor((from + to) / 2)
    local at = entry(middle .. '-0')
    if at and tonumber(at[2][2]) < old then
      from = middle + 1
    else
      to = middle
    end
  end
  first = from
end
local start = first
if ARGV[2] == epoch then
  start = math.max(first, tonumber(ARGV[3]) + 1)
end
local found = { epoch, last, first }
if tonumber(ARGV[4]) > 0 then
  for _, each in ipairs(redis.call('XRANGE', KEYS[1], start .. '-0', '+', 'COUNT', ARGV[4])) do
    found[#found + 1] = number(each)
    found[#found + 1] = each[2][4]
  end
end
return found
