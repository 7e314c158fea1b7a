-- Remove ended runs and trim active ones. Arguments: retention, total_bytes, how many runs at most, and
-- the retention of paused runs. Returns how many runs were removed, without the paused ones.
local horizon, total, most = now() - tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function excess() return tonumber(redis.call('GET', bytes) or 0) - total end

local removed = 0
while removed < most do
  local oldest = redis.call('ZRANGE', ended, 0, 0, 'WITHSCORES')
  local id, time = oldest[1], tonumber(oldest[2])
  if not id or (time >= horizon and excess() <= 0) then break end
  remove(id)
  removed = removed + 1
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', paused, '-inf', now() - tonumber(ARGV[5]))) do
  remove(id)
end
for _, set in ipairs({paused, live}) do
  for _, id in ipairs(redis.call('ZRANGE', set, 0, most - 1)) do
    local over = excess()
    if over <= 0 then break end
    trim_head(id, over)
  end
end
return removed
