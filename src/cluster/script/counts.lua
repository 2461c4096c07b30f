-- SPDX-License-Identifier: Apache-2.0
--
-- How many clients each channel has, of all nodes that live.

-- Subscriptions to each of the channels, of all nodes that live.
local function clients_of(channels)
    local sums = {}
    for i = 1, #channels do
        sums[i] = 0
    end
    local nodes = call('ZRANGEBYSCORE', NODES,
        string.format('(%.0f', now_ms()), '+inf')
    for _, node in ipairs(nodes) do
        for i = 1, #channels, WORDS do
            local counts = call('HMGET', PREFIX .. 'clients:' .. node,
                unpack(channels, i, math.min(i + WORDS - 1, #channels)))
            for k, count in ipairs(counts) do
                local at = i + k - 1
                sums[at] = sums[at] + (tonumber(count or '0') or 0)
            end
        end
    end
    return sums
end

local function sum_of_clients(channels)
    local sum = 0
    for _, clients in ipairs(clients_of(channels)) do
        sum = sum + clients
    end
    return sum
end

-- counts NODE TTL BEGIN, and pairs of CHANNEL COUNT: the node lives for TTL ms
-- from now on, and has so many clients. BEGIN=1: it has no others. Returns 1,
-- or 0: the broker knows nothing of the node; it has to begin.
function operation.counts(node, ttl, begin)
    local key = PREFIX .. 'clients:' .. node
    local now = now_ms()
    local set, gone = {'', '0'}, {}
    if begin == '1' then
        call('DEL', key)
    elseif call('EXISTS', key) == 0 then
        return 0
    end
    for i = 5, #ARGV, 2 do
        if ARGV[i + 1] == '0' then
            gone[#gone + 1] = ARGV[i]
        else
            set[#set + 1] = ARGV[i]
            set[#set + 1] = ARGV[i + 1]
        end
    end
    set_all(key, set)
    if #gone > 0 then
        call('HDEL', key, unpack(gone))
    end
    call('PEXPIRE', key, ttl)
    call('ZADD', NODES, string.format('%.0f', now + tonumber(ttl)), node)
    call('ZREMRANGEBYSCORE', NODES, '-inf', string.format('%.0f', now))
    return 1
end

-- clients CHANNEL...: subscriptions of all nodes to each. Writes nothing.
function operation.clients()
    return clients_of({unpack(ARGV, 2)})
end
