-- SPDX-License-Identifier: Apache-2.0
--
-- Events with publishers' ids that are lost: a failover or a flush has taken
-- them out of the stream, and nodes have had them. When one is published again,
-- its entry gets ag. It stays in the list, as it may be dropped from the stream
-- and published once more.

-- the latest that were told stay; without others, no longer than they count
local LOST_MAX = 100000
local LOST_AGE = 7 * 24 * 3600 * 1000

local function has_published(key)
    local name = string.match(key, '^[^\n]*')
    return find_published(name, key) ~= nil
end

-- lost CHANNEL-LF-ID...: a node has had these, and its history has them no
-- more. Those that the stream has are left out: they were not lost, or were
-- published again, in the first minute (see AGAIN in epoch.lua). Any node may
-- tell them, more than once. Returns how many are lost.
function operation.lost()
    local now, added = now_ms(), {}
    for i = 2, #ARGV do
        if not has_published(ARGV[i]) then
            added[#added + 1] = string.format('%.0f', now)
            added[#added + 1] = ARGV[i]
        end
    end
    for i = 1, #added, WORDS do
        call('ZADD', LOST, unpack(added, i, math.min(i + WORDS - 1, #added)))
    end
    if #added > 0 then
        call('PEXPIRE', LOST, LOST_AGE)
        call('ZREMRANGEBYSCORE', LOST, '-inf',
            string.format('%.0f', now - LOST_AGE))
        local old = call('ZRANGE', LOST, '0', -LOST_MAX - 1)
        for i = 1, #old, WORDS do
            call('ZREM', LOST, unpack(old, i, math.min(i + WORDS - 1, #old)))
        end
    end
    return #added / 2
end
