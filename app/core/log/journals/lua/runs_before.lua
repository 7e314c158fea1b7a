-- List the runs before one in its queue that have other owners. Arguments: id, its owner, key of the
-- queue. Returns ids.
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
