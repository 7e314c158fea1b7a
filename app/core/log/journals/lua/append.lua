-- Append groups to logs. Arguments: groups (MessagePack), run_bytes, retention, lifetime, and records
-- that have changed, to which groups refer by their places, from 1 on. Returns for each group WRITTEN
-- (now or before), LOST (another owner, or ended), or UNKNOWN (no record), and then how many cancels
-- are requested of the process that writes.
local WRITTEN, LOST, UNKNOWN = 0, 1, 2
local run_bytes, retention, lifetime = tonumber(ARGV[3]), ARGV[4], ARGV[5]
local time = now()

local function append(id, owner, first, last, size, ends, pauses, changed, blob)
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
  if changed > 0 then
    local record = ARGV[5 + changed]
    redis.call('INCRBY', bytes, #record - redis.call('HSTRLEN', run, 'record'))
    redis.call('HSET', run, 'record', record)
  end
  if ends then
    redis.call('HDEL', run, 'checkpoint')
    redis.call('HSET', run, 'ended', time)
    settle(id, owner, found[5])
  else
    redis.call('ZADD', live, time, id)
  end
  if pauses then redis.call('ZADD', paused, time, id) end
  if ends and not pauses then
    pass_away(id, retention, held)
  else
    redis.call('PEXPIRE', run, lifetime)
    redis.call('PEXPIRE', log, lifetime)
  end
  return WRITTEN
end

local answers, owner = {}, ''
for n, group in ipairs(cmsgpack.unpack(ARGV[2])) do
  answers[n] = append(unpack(group))
  owner = group[2]
end
table.insert(answers, redis.call('SCARD', asked_key(owner)))
return answers
