-- SPDX-License-Identifier: Apache-2.0
--
-- Which node sends to the GRIP proxies, and how far it has sent.

-- for how long a node sends without a further call, at most
local TTL_MAX = 10000

-- The ids in a text "proxy id proxy id ...".
local function read_sent(text)
    local sent = {}
    for proxy, id in string.gmatch(text or '', '(%S+) (%d+%-%d+)') do
        sent[proxy] = id
    end
    return sent
end

-- grip NODE TTL SEAL, and pairs of PROXY ID: one node at a time sends to the
-- GRIP proxies. The caller does so for TTL ms from now on, if it is that node
-- or none is; with TTL 0 no longer. Only the node that sends writes, and with
-- TTL "" the caller only asks.
--   SEAL  for links, if there is none yet
--   ID    up to which the caller has sent, "" = it does not know
-- Returns 1 if the caller sends, else 0; the seal; and up to which id each
-- proxy was sent, "" = never.
function operation.grip(node, ttl, seal)
    local key = PREFIX .. 'grip'
    local values = call('HMGET', key, 'node', 'until', 'seal', 'sent')
    local now, meta = now_ms(), read_meta()
    local left = (tonumber(values[2] or '0') or 0) - now
    local time = tonumber(ttl)
    local is_own = time and values[1] == node
    -- no node has more than TTL_MAX: the clock was set back
    local is_sending = time and time > 0
        and (is_own or left <= 0 or left > TTL_MAX)
    local known, list = read_sent(values[4]), {}
    local result = {is_sending and 1 or 0, values[3] or seal}
    for i = 5, #ARGV, 2 do
        local proxy, id = ARGV[i], known[ARGV[i]]
        if (is_sending or is_own) and parse(ARGV[i + 1]) then
            id = later(ARGV[i + 1], id or '0-0')
        end
        if meta.epoch and ((is_sending and not id)
            or (id and is_above(id, meta.last))) then
            id = meta.last -- it is new; or what was above is lost
        end
        list[#list + 1] = id and (proxy .. ' ' .. id)
        result[#result + 1] = id or ''
    end
    if is_sending or is_own then
        call('HSET', key, 'node', node,
            'until', string.format('%.0f', now + time),
            'seal', result[2], 'sent', table.concat(list, ' '))
    end
    return result
end
