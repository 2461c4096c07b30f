-- SPDX-License-Identifier: Apache-2.0
--
-- Presence: which names each node has, and the joins and leaves of all.

local HERE = PREFIX .. 'here'
local FENCES = PREFIX .. 'fences'
-- names of one node that are taken away in one call
local REAP_MAX = 1000

-- In the form of all texts of JSON here: cjson escapes the slash, too.
local function json(text)
    return (string.gsub(cjson.encode(text), '\\/', '/'))
end

-- What a call of presence does, and knows.
local function telling_of(meta, node)
    local nodes = call('ZRANGEBYSCORE', HERE, '-inf', '+inf')
    return {node = node, nodes = nodes, write = writer_of(meta), added = 0}
end

local function tell(telling, kind, channel, name, clients)
    telling.last = telling.write({'b', '0', 'n', telling.node,
        'ch', 'presence-' .. channel, 'ty', kind, 'da', '{"channel":'
        .. json(channel) .. ',"name":' .. json(name) .. ',"clients":'
        .. clients .. '}'})
    telling.added = telling.added + 1
end

local function is_elsewhere(telling, node, field)
    for _, other in ipairs(telling.nodes) do
        if other ~= node and other ~= ''
            and call('ZSCORE', PREFIX .. 'names:' .. other, field) then
            return true
        end
    end
    return false
end

-- The event comes first: the broker may refuse it, and then nothing is done.
local function join(telling, channel, name, clients, serial)
    local key = PREFIX .. 'names:' .. telling.node
    local field = channel .. '\n' .. name
    local known = tonumber(call('ZSCORE', key, field) or nil)
    if not known then
        if not is_elsewhere(telling, telling.node, field) then
            tell(telling, 'join', channel, name, clients)
        end
        call('ZADD', PREFIX .. 'who:' .. channel, '0', name)
    end
    if not known or tonumber(serial) > known then
        call('ZADD', key, serial, field)
    end
end

local function take_away(telling, node, field)
    local at = string.find(field, '\n', 1, true)
    local channel = string.sub(field, 1, at - 1)
    local name = string.sub(field, at + 1)
    if not is_elsewhere(telling, node, field) then
        tell(telling, 'leave', channel, name, '0')
        call('ZREM', PREFIX .. 'who:' .. channel, name)
    end
    call('ZREM', PREFIX .. 'names:' .. node, field)
end

-- A leave that is older than the last join comes late, and is over.
local function leave(telling, channel, name, serial)
    local field = channel .. '\n' .. name
    local known = call('ZSCORE', PREFIX .. 'names:' .. telling.node, field)
    if known and tonumber(serial) > tonumber(known) then
        take_away(telling, telling.node, field)
    end
end

-- Take away names of a node that has ended. Returns whether none is left; then
-- the node is not known any more.
local function reap(telling, node)
    local fields = call('ZRANGE', PREFIX .. 'names:' .. node, '0', REAP_MAX)
    local is_last = #fields <= REAP_MAX
    for i = 1, math.min(#fields, REAP_MAX) do
        take_away(telling, node, fields[i])
    end
    if is_last then
        call('ZREM', HERE, node)
        call('ZREM', FENCES, node)
    else
        call('ZADD', HERE, '0', node)
    end
    return is_last
end

-- A node whose time is over, unless the broker itself was away: then it waits
-- for all nodes to come back.
local function reap_others(telling, now)
    local hold = tonumber(call('ZSCORE', HERE, '') or '0')
    if hold > now then
        return
    end
    local ended = call('ZRANGEBYSCORE', HERE, '-inf',
        string.format('%.0f', now))
    for _, node in ipairs(ended) do
        if node ~= '' and node ~= telling.node then
            reap(telling, node)
            return
        end
    end
end

-- presence EPOCH FLOOR ACKS NODE MAXLEN TTL BEGIN FENCE, and for each name that
-- has come or gone KIND CHANNEL NAME CLIENTS SERIAL: the node lives for TTL ms
-- from now on. A name joins when the first node has it, and leaves with the
-- last. Also when nodes that live no longer were the last: their names are
-- taken away by whoever calls. A call that is made again changes nothing.
--   BEGIN   "1": if the broker does not know the node, it begins without names
--   FENCE   the node raises it before it tells something again of which it does
--           not know whether it was done. A call with a lower one comes late
--   KIND    "join" or "leave"
--   SERIAL  higher with each of the node
-- Returns as publish, but instead of subscriptions 1 and how many events were
-- added; or 0: nothing was done, as the broker does not know the node. It has
-- to begin, and to tell all of its names again. Or -1: nothing was done, as the
-- call comes late.
function operation.presence(epoch, floor, acks, node, maxlen, ttl, begin, fence)
    local meta = check_epoch(epoch, floor)
    if tonumber(fence) < tonumber(call('ZSCORE', FENCES, node) or '0') then
        return {'ok', meta.last, 0, -1, meta.last}
    end
    local telling = telling_of(meta, node)
    local now, ms = now_ms(), tonumber(ttl)
    local lives = tonumber(call('ZSCORE', HERE, node) or '0')
    local is_known = lives > 0
    if not is_known and begin == '1' then
        is_known = reap(telling, node)
        lives = now + ms
    end
    if is_known then
        for i = 10, #ARGV, 5 do
            if ARGV[i] == 'join' then
                join(telling, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3],
                    ARGV[i + 4])
            else
                leave(telling, ARGV[i + 1], ARGV[i + 2], ARGV[i + 4])
            end
        end
        if lives - now < ms * 2 / 3 then
            call('ZADD', HERE, string.format('%.0f', now + ms), '')
        end
        call('ZADD', HERE, string.format('%.0f', now + ms), node)
        call('ZADD', FENCES, fence, node)
        reap_others(telling, now)
    end
    if telling.last then
        finish(meta, telling.last, acks, maxlen, telling.added)
    end
    return {'ok', telling.last or meta.last, 0,
        is_known and 1 + telling.added or 0, telling.last or meta.last}
end

-- who CHANNEL AFTER LIMIT: names in a channel that are above AFTER, "" = all.
-- Returns each with the number of nodes that have it, at most LIMIT of them.
-- Writes nothing.
function operation.who(channel, after, limit)
    local names = call('ZRANGEBYLEX', PREFIX .. 'who:' .. channel,
        after == '' and '-' or '(' .. after, '+', 'LIMIT', '0', limit)
    local nodes, result = call('ZRANGEBYSCORE', HERE, '-inf', '+inf'), {}
    for i, name in ipairs(names) do
        local count = 0
        for _, node in ipairs(nodes) do
            if node ~= '' and call('ZSCORE', PREFIX .. 'names:' .. node,
                channel .. '\n' .. name) then
                count = count + 1
            end
        end
        result[2 * i - 1], result[2 * i] = name, count
    end
    return result
end
