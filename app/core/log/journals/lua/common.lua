-- The functions that precede every script. ARGV[1] is the prefix of all keys; the arguments of a script
-- follow it. Times are milliseconds of the clock of Redis, because the clocks of hosts differ.

local prefix = ARGV[1]
local function run_key(id) return prefix .. 'run:' .. id end
local function log_key(id) return prefix .. 'log:' .. id end
local function runs_key(owner) return prefix .. 'runs:' .. owner end
local function asked_key(owner) return prefix .. 'asked:' .. owner end
local function adopted_key(owner) return prefix .. 'adopted:' .. owner end
local function active_key(principal) return prefix .. 'active:' .. principal end
local owners, leaving = prefix .. 'owners', prefix .. 'leaving'
local live, ended = prefix .. 'live', prefix .. 'ended'
local sizes, bytes = prefix .. 'sizes', prefix .. 'bytes'
local paused = prefix .. 'paused'

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Remove a run from the sets of active runs: no process adopts it, no run waits for it.
local function settle(id, owner, queue)
  redis.call('SREM', runs_key(owner), id)
  redis.call('ZREM', live, id)
  redis.call('ZREM', queue, id)
  redis.call('ZREM', active_key(redis.call('HGET', run_key(id), 'principal') or ''), id)
end

-- Remove a run that has ended, with its log.
local function remove(id)
  local held = redis.call('HGET', sizes, id)
  if redis.call('ZREM', paused, id) == 1 then
    held = (redis.call('HGET', run_key(id), 'size') or 0) + redis.call('HSTRLEN', run_key(id), 'record')
  end
  redis.call('DECRBY', bytes, held or 0)
  redis.call('HDEL', sizes, id)
  redis.call('ZREM', ended, id)
  redis.call('UNLINK', run_key(id), log_key(id))
end

-- Let an ended run be swept, and expire, as all others `retention` milliseconds from now.
local function pass_away(id, retention, held)
  redis.call('HSET', sizes, id, held + redis.call('HSTRLEN', run_key(id), 'record'))
  redis.call('ZADD', ended, now(), id)
  redis.call('PEXPIRE', run_key(id), retention)
  redis.call('PEXPIRE', log_key(id), retention)
end

-- Remove the oldest groups of a run until `excess` bytes are freed, but never the newest one.
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
