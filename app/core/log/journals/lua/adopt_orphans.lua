-- Take over runs of dead owners. Arguments: owner, lifetime, the most that are taken over, the time of the
-- owner's last heartbeat, for how many milliseconds after it this may be done, and the ids that the last
-- call has returned. Returns the records of these runs, and again those that an earlier call took over
-- whose answer was lost. An owner with more runs stays, dead, for the next call.
local me, limit, found, seen = ARGV[2], tonumber(ARGV[4]), {}, 0
local mine = adopted_key(me)
for n = 7, #ARGV do redis.call('SREM', mine, ARGV[n]) end

local function known(id)
  local run = redis.call('HMGET', run_key(id), 'record', 'owner', 'ended')
  return run[1] and run[2] == me and not run[3] and run[1]
end
for _, id in ipairs(redis.call('SRANDMEMBER', mine, limit)) do
  local record = known(id)
  if record then
    found[#found + 1] = record
  else
    redis.call('SREM', mine, id)
  end
end
seen = #found

-- What arrives late finds others dead whose heartbeats are as late.
local late = now() - tonumber(ARGV[5]) > tonumber(ARGV[6])
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners, '-inf', '(' .. now())) do
  if late or seen >= limit then break end
  if owner ~= me then
    for _, id in ipairs(redis.call('SRANDMEMBER', runs_key(owner), limit - seen)) do
      local record = redis.call('HGET', run_key(id), 'record')
      redis.call('SREM', runs_key(owner), id)
      if record then
        redis.call('HSET', run_key(id), 'owner', me)
        redis.call('SADD', runs_key(me), id)
        redis.call('SADD', mine, id)
        if redis.call('SREM', asked_key(owner), id) == 1 then
          redis.call('SADD', asked_key(me), id)
          redis.call('PEXPIRE', asked_key(me), ARGV[3])
        end
        found[#found + 1] = record
      else
        redis.call('ZREM', live, id)
      end
      seen = seen + 1
    end
    if redis.call('EXISTS', runs_key(owner)) == 0 then
      redis.call('ZREM', owners, owner)
      redis.call('SREM', leaving, owner)
    end
  end
end
if #found > 0 then
  redis.call('PEXPIRE', runs_key(me), ARGV[3])
  redis.call('PEXPIRE', mine, ARGV[3])
end
return found
