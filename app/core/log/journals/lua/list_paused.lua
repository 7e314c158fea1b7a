-- List the paused runs of a principal, or of all (''). Argument: principal. Returns a record and an
-- owner for each.
local found = {}
for _, id in ipairs(redis.call('ZRANGE', paused, 0, -1)) do
  local run = redis.call('HMGET', run_key(id), 'principal', 'owner')
  if ARGV[2] == '' or run[1] == ARGV[2] then
    local record = redis.call('HGET', run_key(id), 'record')
    if record then
      found[#found + 1] = record
      found[#found + 1] = run[2]
    end
  end
end
return found
