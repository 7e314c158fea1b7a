-- List the active runs of a principal. Argument: principal. Returns a record and an owner for each.
local found = {}
for _, id in ipairs(redis.call('ZRANGE', live, 0, -1)) do
  local run = redis.call('HMGET', run_key(id), 'record', 'owner', 'ended')
  if run[1] and not run[3] and cmsgpack.unpack(run[1]).principal == ARGV[2] then
    found[#found + 1] = run[1]
    found[#found + 1] = run[2]
  end
end
return found
