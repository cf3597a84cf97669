local seats = cjson.decode(ARGV[3])
for _, seat in ipairs(seats) do
  if redis.call('HEXISTS', KEYS[1], seat) == 1 then return 0 end
end
for _, seat in ipairs(seats) do
  redis.call('HSET', KEYS[1], seat, ARGV[1])
end
redis.call('HSET', 'hold:' .. ARGV[1], 'user', ARGV[2], 'seats', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1
