-- Read the log of a run. Arguments: id, after, limit. Returns the base, then the last number and the
-- entries of each group; only the base if `after` is below it; false if the run is unknown.
local id, after, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local base = redis.call('HGET', run_key(id), 'base')
if not base then return false end
local answer, at = {base}, after
if after < tonumber(base) then return answer end
while at - after < limit do
  local groups = redis.call('XRANGE', log_key(id), string.format('(%d-0', at), '+', 'COUNT', 4)
  for _, group in ipairs(groups) do
    at = tonumber(string.match(group[1], '%d+'))
    answer[#answer + 1] = at
    answer[#answer + 1] = group[2][4]
    if at - after >= limit then break end
  end
  if #groups < 4 then break end
end
return answer
