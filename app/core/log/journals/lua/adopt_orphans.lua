-- Take over runs of dead owners. Arguments: owner, lifetime, the most that are taken over. Returns the
-- records of these runs. An owner with more runs stays, dead, for the next call.
local me, limit, found, seen = ARGV[2], tonumber(ARGV[4]), {}, 0
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners, '-inf', '(' .. now())) do
  if owner ~= me then
    for _, id in ipairs(redis.call('SRANDMEMBER', runs_key(owner), limit - seen)) do
      local record = redis.call('HGET', run_key(id), 'record')
      redis.call('SREM', runs_key(owner), id)
      if record then
        redis.call('HSET', run_key(id), 'owner', me)
        redis.call('SADD', runs_key(me), id)
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
    if redis.call('EXISTS', runs_key(owner)) == 0 then redis.call('ZREM', owners, owner) end
  end
  if seen >= limit then break end
end
if #found > 0 then redis.call('PEXPIRE', runs_key(me), ARGV[3]) end
return found
