-- Note that runs are followed. Arguments: milliseconds, ids.
for n = 3, #ARGV do
  if redis.call('EXISTS', run_key(ARGV[n])) == 1 then
    redis.call('SET', prefix .. 'watch:' .. ARGV[n], 1, 'PX', ARGV[2])
  end
end
