-- Does once what the other scripts do, on a key that is gone afterwards: a right that is missing shows at the start.
-- KEYS: 1 = a control key of nobody, 2 = a key beside it.
redis.call('HSET', control, 'probe', '1')
redis.call('HMGET', control, 'owner', 'probe')
redis.call('HGET', control, 'probe')
redis.call('HSCAN', control, 0, 'COUNT', 1)
redis.call('HDEL', control, 'probe')
redis.call('ZADD', pending, 0, 'probe')
redis.call('ZRANGEBYLEX', pending, '[', '+', 'LIMIT', 0, 1)
redis.call('ZREM', pending, 'probe')
redis.call('SADD', pending, 'probe')
redis.call('SREM', pending, 'probe')
redis.call('EXISTS', pending)
redis.call('SET', pending, 'probe')
redis.call('DEL', pending)
return {'ok'}
