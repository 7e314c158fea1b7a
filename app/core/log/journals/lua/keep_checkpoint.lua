-- Replace the checkpoint of an active run. Arguments: id, owner, data, which removes it if it is empty.
-- Returns 1, or 0 if the run has ended or has another owner.
local run = run_key(ARGV[2])
local found = redis.call('HMGET', run, 'owner', 'ended')
if found[1] ~= ARGV[3] or found[2] then return 0 end
if ARGV[4] == '' then
  redis.call('HDEL', run, 'checkpoint')
else
  redis.call('HSET', run, 'checkpoint', ARGV[4])
end
return 1
