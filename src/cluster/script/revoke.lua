-- SPDX-License-Identifier: Apache-2.0
--
-- Revocations: entries by which all nodes end streams, and what holds.

local REVOKED = PREFIX .. 'revoked'
-- as many as a node has room for
local REVOKED_MAX = 4096
-- the rest is for those of all channels
local REVOKED_CHANNEL_MAX = 3072

-- revoke EPOCH FLOOR ACKS NODE MAXLEN KIND NAME CHANNEL SECONDS: add an entry
-- by which all nodes end the streams of a user or a token, and keep it for
-- nodes that start while it holds. Returns as publish.
--   KIND     "user" or "jti"
--   CHANNEL  "" = all of the hub
--   SECONDS  a number, or "always"
function operation.revoke(epoch, floor, acks, node, maxlen, kind, name, channel)
    local meta, seconds = check_epoch(epoch, floor), ARGV[10]
    local member = kind .. '\n' .. channel .. '\n' .. name
    local now = now_ms()
    local most = channel == '' and REVOKED_MAX or REVOKED_CHANNEL_MAX
    if seconds ~= '0' and not call('ZSCORE', REVOKED, member)
        and #call('ZRANGEBYSCORE', REVOKED, string.format('(%.0f', now), '+inf',
            'LIMIT', most - 1, 1) > 0 then
        error({err = 'ESREVOKED too many revocations hold'})
    end
    local id = writer_of(meta)({'b', '0', 'n', node,
        'ch', 'eventstream-revoked', 'ty', 'revoked', 'rk', kind, 'rn', name,
        'rc', channel, 'for', seconds})
    call('ZREMRANGEBYSCORE', REVOKED, '-inf', string.format('%.0f', now))
    if seconds == '0' then
        call('ZREM', REVOKED, member)
    else
        call('ZADD', REVOKED, seconds == 'always' and '+inf'
            or string.format('%.0f', now + tonumber(seconds) * 1000), member)
    end
    finish(meta, id, acks, maxlen, 1)
    return {'ok', id, 0, 0, id}
end

-- revoked: what is revoked now, each with its time. Writes nothing.
function operation.revoked()
    return call('ZRANGEBYSCORE', REVOKED, string.format('(%.0f', now_ms()),
        '+inf', 'WITHSCORES')
end
