-- List the paused runs of a principal, or of all (''). Argument: principal. Returns a record and an
-- owner for each.
local found = {}
for _, id in ipairs(redis.call('ZRANGE', paused, 0, -1)) do
  local run = redis.call('HMGET', run_key(id), 'record', 'owner')
  if run[1] and (ARGV[2] == '' or cmsgpack.unpack(run[1]).principal == ARGV[2]) then
    found[#found + 1] = run[1]
    found[#found + 1] = run[2]
  end
end
return found
