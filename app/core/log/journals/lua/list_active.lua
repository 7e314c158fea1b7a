-- List the active runs of a principal. Argument: principal. Returns a record and an owner for each.
-- Runs of others are not looked at: a record has a whole question.
local found, set = {}, active_key(ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', set, 0, -1)) do
  local run = redis.call('HMGET', run_key(id), 'record', 'owner', 'ended')
  if run[1] and not run[3] then
    found[#found + 1] = run[1]
    found[#found + 1] = run[2]
  else
    redis.call('ZREM', set, id)
  end
end
return found
