-- Store the record of a run. Arguments: id, owner, record, key of its queue, lifetime, and for how
-- many milliseconds this counts as a heartbeat of the owner, the paused run that it continues or '',
-- the retention, and its principal. Returns 1 if the run is new and may continue that one, else 0.
local id, owner, queue, lifetime = ARGV[2], ARGV[3], ARGV[5], ARGV[6]
if redis.call('EXISTS', run_key(id)) == 1 then return 0 end
local continues = ARGV[8]
if continues ~= '' then
  local size = redis.call('HGET', run_key(continues), 'size')
  if redis.call('ZREM', paused, continues) == 0 or not size then return 0 end
  redis.call('HSET', run_key(continues), 'continued', id)
  pass_away(continues, ARGV[9], size)
end
redis.call('HSET', run_key(id), 'owner', owner, 'record', ARGV[4], 'queue', queue,
           'last', 0, 'base', 0, 'size', 0, 'principal', ARGV[10])
redis.call('PEXPIRE', run_key(id), lifetime)
redis.call('SADD', runs_key(owner), id)
redis.call('PEXPIRE', runs_key(owner), lifetime)
redis.call('ZADD', owners, 'GT', now() + ARGV[7], owner)
redis.call('ZADD', live, now(), id)
redis.call('INCRBY', bytes, #ARGV[4])
local count = redis.call('INCR', prefix .. 'count')
for _, set in ipairs({queue, active_key(ARGV[10])}) do
  redis.call('ZADD', set, count, id)
  redis.call('PEXPIRE', set, lifetime)
end
return 1
