-- SPDX-License-Identifier: Apache-2.0
--
-- The call itself, after all that can be called.

local run = operation[ARGV[1]]
if not run then
    return redis.error_reply('ESOP unknown operation')
end
return run(unpack(ARGV, 2, math.min(#ARGV, 9)))
