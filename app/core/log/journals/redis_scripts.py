"""What the Redis journal does in one step inside Redis: Lua, run by name of its hash.

All begin with the same words. `ARGV[1]` is the prefix of all keys, what follows is each script's
own. Times are Redis' own clock in milliseconds: those of several hosts differ.
"""

#: The keys, and what several scripts do.
COMMON = """
local prefix = ARGV[1]
local function run_key(id) return prefix .. 'run:' .. id end
local function log_key(id) return prefix .. 'log:' .. id end
local function runs_key(owner) return prefix .. 'runs:' .. owner end
local owners, live, ended = prefix .. 'owners', prefix .. 'live', prefix .. 'ended'
local sizes, bytes = prefix .. 'sizes', prefix .. 'bytes'

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A live run is one no more: nobody adopts it, and nobody in its conversation waits for it.
local function settle(id, owner, queue)
  redis.call('SREM', runs_key(owner), id)
  redis.call('ZREM', live, id)
  redis.call('ZREM', queue, id)
end

-- Drop a run's oldest groups until `excess` bytes are free, but never its newest one.
local function trim_head(id, excess)
  local freed, base = 0, nil
  while freed < excess do
    local groups = redis.call('XRANGE', log_key(id), '-', '+', 'COUNT', 2)
    if #groups < 2 then break end
    base = string.match(groups[1][1], '%d+')
    freed = freed + tonumber(groups[1][2][2])
    redis.call('XTRIM', log_key(id), 'MINID', groups[2][1])
  end
  if base then
    redis.call('HSET', run_key(id), 'base', base)
    redis.call('HINCRBY', run_key(id), 'size', -freed)
    redis.call('DECRBY', bytes, freed)
  end
  return freed
end
"""

#: id, owner, record, key of its queue, lifetime, and for how long its owner lives by this
CREATE = """
local id, owner, queue, lifetime = ARGV[2], ARGV[3], ARGV[5], ARGV[6]
if redis.call('EXISTS', run_key(id)) == 1 then return 0 end
redis.call('HSET', run_key(id), 'owner', owner, 'record', ARGV[4], 'queue', queue,
           'last', 0, 'base', 0, 'size', 0)
redis.call('PEXPIRE', run_key(id), lifetime)
redis.call('SADD', runs_key(owner), id)
redis.call('PEXPIRE', runs_key(owner), lifetime)
redis.call('ZADD', owners, 'GT', now() + ARGV[7], owner)
redis.call('ZADD', live, now(), id)
redis.call('INCRBY', bytes, #ARGV[4])
redis.call('ZADD', queue, redis.call('INCR', prefix .. 'count'), id)
redis.call('PEXPIRE', queue, lifetime)
return 1
"""

#: groups, run_bytes, retention, lifetime; answers for each group whether it is in the log now,
#: lost, or of a run that is not known
APPEND = """
local WRITTEN, LOST, UNKNOWN = 0, 1, 2
local run_bytes, retention, lifetime = tonumber(ARGV[3]), ARGV[4], ARGV[5]
local time = now()

local function append(id, owner, first, last, size, ends, blob)
  local run, log = run_key(id), log_key(id)
  local found = redis.call('HMGET', run, 'owner', 'last', 'size', 'ended', 'queue')
  if not found[1] then return UNKNOWN end
  if found[1] ~= owner then return LOST end
  local written, held = tonumber(found[2]), tonumber(found[3])
  if last <= written or last < first then return WRITTEN end
  if found[4] then return LOST end
  if first > written + 1 then
    redis.call('UNLINK', log)
    redis.call('DECRBY', bytes, held)
    redis.call('HSET', run, 'base', first - 1)
    held = 0
  end
  redis.call('XADD', log, string.format('%d-0', last), 'size', size, 'entries', blob)
  redis.call('INCRBY', bytes, size)
  held = held + size
  redis.call('HSET', run, 'last', last, 'size', held)
  if held > run_bytes then held = held - trim_head(id, held - run_bytes) end
  if ends then
    redis.call('HSET', run, 'ended', time)
    redis.call('HSET', sizes, id, held + redis.call('HSTRLEN', run, 'record'))
    redis.call('ZADD', ended, time, id)
    settle(id, owner, found[5])
  else
    redis.call('ZADD', live, time, id)
  end
  redis.call('PEXPIRE', run, ends and retention or lifetime)
  redis.call('PEXPIRE', log, ends and retention or lifetime)
  return WRITTEN
end

local answers = {}
for n, group in ipairs(cmsgpack.unpack(ARGV[2])) do answers[n] = append(unpack(group)) end
return answers
"""

#: id, after, limit; answers the base, and then the last number and the entries of each group
READ = """
local id, after, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local base = redis.call('HGET', run_key(id), 'base')
if not base then return false end
local answer, at = {base}, after
if after < tonumber(base) then return answer end
while at - after < limit do
  local groups = redis.call('XRANGE', log_key(id), string.format('(%d-0', at), '+', 'COUNT', 4)
  for _, group in ipairs(groups) do
    at = tonumber(string.match(group[1], '%d+'))
    answer[#answer + 1] = at
    answer[#answer + 1] = group[2][4]
    if at - after >= limit then break end
  end
  if #groups < 4 then break end
end
return answer
"""

#: ids; answers the last number of each, and when it ended
REACHED = """
local answer = {}
for n = 2, #ARGV do answer[n - 1] = redis.call('HMGET', run_key(ARGV[n]), 'last', 'ended') end
return answer
"""

#: name, its life, lifetime; the keys that all runs share go when nobody has lived for `lifetime`
BEAT = """
redis.call('ZADD', owners, now() + tonumber(ARGV[3]), ARGV[2])
for _, key in ipairs({owners, live, ended, sizes, bytes, prefix .. 'count', runs_key(ARGV[2])}) do
  redis.call('PEXPIRE', key, ARGV[4])
end
"""

#: name; its runs may be adopted at once
LEAVE = """
redis.call('ZADD', owners, 'XX', 0, ARGV[2])
"""

#: name; answers how many others live
PEERS = """
local own = redis.call('ZSCORE', owners, ARGV[2])
local time = now()
local count = redis.call('ZCOUNT', owners, time, '+inf')
if own and tonumber(own) >= time then count = count - 1 end
return count
"""

#: name, lifetime; answers the records of the runs that are its own from now on
ADOPT = """
local me, found = ARGV[2], {}
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners, '-inf', '(' .. now())) do
  if owner ~= me then
    for _, id in ipairs(redis.call('SMEMBERS', runs_key(owner))) do
      local record = redis.call('HGET', run_key(id), 'record')
      if record then
        redis.call('HSET', run_key(id), 'owner', me)
        redis.call('SADD', runs_key(me), id)
        found[#found + 1] = record
      else
        redis.call('ZREM', live, id)
      end
    end
    redis.call('DEL', runs_key(owner))
    redis.call('ZREM', owners, owner)
  end
end
if #found > 0 then redis.call('PEXPIRE', runs_key(me), ARGV[3]) end
return found
"""

#: id, its owner, key of its queue; answers the ids of those of other owners before it
QUEUE = """
local id, owner, queue = ARGV[2], ARGV[3], ARGV[4]
local before = {}
for _, other in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
  if other == id then break end
  local driver = redis.call('HGET', run_key(other), 'owner')
  if not driver then
    redis.call('ZREM', queue, other)
  elseif driver ~= owner then
    before[#before + 1] = other
  end
end
return before
"""

#: principal; answers the record and the owner of each run
LIVE = """
local found = {}
for _, id in ipairs(redis.call('ZRANGE', live, 0, -1)) do
  local run = redis.call('HMGET', run_key(id), 'record', 'owner', 'ended')
  if run[1] and not run[3] and cmsgpack.unpack(run[1]).principal == ARGV[2] then
    found[#found + 1] = run[1]
    found[#found + 1] = run[2]
  end
end
return found
"""

#: id, lifetime
ASK = """
local found = redis.call('HMGET', run_key(ARGV[2]), 'owner', 'ended')
if found[1] and not found[2] then
  redis.call('SADD', prefix .. 'asked:' .. found[1], ARGV[2])
  redis.call('PEXPIRE', prefix .. 'asked:' .. found[1], ARGV[3])
end
"""

#: milliseconds, ids
WATCH = """
for n = 3, #ARGV do
  if redis.call('EXISTS', run_key(ARGV[n])) == 1 then
    redis.call('SET', prefix .. 'watch:' .. ARGV[n], 1, 'PX', ARGV[2])
  end
end
"""

#: retention, total_bytes, how many runs at most; answers how many it removed
SWEEP = """
local horizon, total, most = now() - tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function excess() return tonumber(redis.call('GET', bytes) or 0) - total end

local removed = 0
while removed < most do
  local oldest = redis.call('ZRANGE', ended, 0, 0, 'WITHSCORES')
  local id, time = oldest[1], tonumber(oldest[2])
  if not id or (time >= horizon and excess() <= 0) then break end
  redis.call('DECRBY', bytes, redis.call('HGET', sizes, id) or 0)
  redis.call('HDEL', sizes, id)
  redis.call('ZREM', ended, id)
  redis.call('UNLINK', run_key(id), log_key(id))
  removed = removed + 1
end
for _, id in ipairs(redis.call('ZRANGE', live, 0, most - 1)) do
  local over = excess()
  if over <= 0 then break end
  trim_head(id, over)
end
return removed
"""
