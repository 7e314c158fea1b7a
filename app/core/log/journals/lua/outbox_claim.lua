-- Claim turns of the outbox, oldest first. Arguments: session ('' for all), limit, owner, for how many
-- milliseconds. Returns turns; those of sessions that another owner has claimed are left out.
local session, limit, owner, time = ARGV[2], tonumber(ARGV[3]), ARGV[4], now()
local claims, found, mine = prefix .. 'outbox:claims', {}, {}
for _, key in ipairs(redis.call('ZRANGE', prefix .. 'outbox', 0, -1)) do
  if #found >= limit then break end
  local name = redis.call('HGET', prefix .. 'outbox:sessions', key)
  if session == '' or session == name then
    local claim = redis.call('HGET', claims, name)
    local by, till = string.match(claim or '', '^(%x+):(%d+)$')
    if not by or by == owner or tonumber(till) < time then
      mine[name] = true
      found[#found + 1] = redis.call('HGET', prefix .. 'outbox:turns', key)
    end
  end
end
for name in pairs(mine) do
  redis.call('HSET', claims, name, owner .. ':' .. string.format('%d', time + ARGV[5]))
end
return found
