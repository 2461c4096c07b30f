-- SPDX-License-Identifier: Apache-2.0
--
-- What runs at the broker. Everything that changes a stream is in this script,
-- which the build puts together from the files of this folder, in the order of
-- sources.am: a script runs as a whole, so all nodes see one order, and a batch
-- is stored all or none. ARGV[1] is the operation; the functions operation.NAME
-- have its arguments and results.
--
-- This file: the keys, ids, and the state of the stream.
--
-- KEYS, all with the same hash tag {PREFIX:HUB}:
--
--   :events   the stream. Fields of an entry:
--               p    the id of the entry before it; "0-0" = it is the first
--               b    how many entries of its batch follow
--               n    the node that published it
--               ch   names of channels, joined by LF
--               ty, id, da, re   type, publisher's id, data, retry; if set
--               ag   1 = events with this id were lost, or may have been: who
--                    comes with it may have had one at another place
--               rk, rn, rc   whom it revokes in addition (an event of the
--                    channel eventstream-revoked): "user" or "jti", its name,
--                    the channel or ""; for = seconds, or "always"
--               op   no event: "close" of the channel ch (for = seconds), or
--                    "epoch", a marker (cont = 1 or 0)
--   :meta     hash: epoch   the present one, a number
--                   last    the id of the last entry
--                   at      when it was added, by the server's clock, in ms
--                   run     of the server's process that began the epoch
--                   before  the server's master_replid2 at that time
--                   weak    1 = an event of this epoch was acknowledged
--                           without a replica
--                   past    older epochs, "epoch:end" each, newest first
--                   again   until when every event with a publisher's id gets
--                           ag, in ms
--   :ids      hash: channel LF publisher's id -> "id sha1"
--   :closed   hash: channel -> the id of its last close
--   :lost     sorted set: channel LF publisher's id of an event that is lost ->
--             when a node told so, in ms
--   :nodes    sorted set: node -> until when it lives, in ms
--   :clients:NODE   hash: channel -> clients, and '' -> 0
--   :here     sorted set: node whose names are known -> until when it lives, in
--             ms; 0 = its names are being taken away. '' -> no names of others
--             are taken away before
--   :fences   sorted set: node whose names are known -> the highest fence of
--             its calls
--   :names:NODE     sorted set: channel LF name -> serial of its join, in a
--             channel that it has clients in
--   :who:CHANNEL    sorted set: name of any node -> 0
--   :revoked  sorted set: "user" or "jti" LF channel, or nothing LF name ->
--             until when it is revoked, in ms
--   :grip     hash: node    that sends to the GRIP proxies
--                   until   when it does so no longer, in ms
--                   seal    by which nodes know links that others have made
--                   sent    "proxy id proxy id ...": up to which id it has sent
--
-- Ids. An id is MS-N, N = epoch * 4096 + count. All ids of an epoch are given
-- by one run of one server, so none is given twice. When another run is in
-- charge (a restart, a failover) a new epoch begins, with a marker. cont=1 in
-- it says that nothing acknowledged is missing before the marker; with cont=0
-- all nodes tell their clients that something may be missing.
--
-- The first write of an operation that must be done whole is an XADD or a ZADD:
-- the broker refuses it if it is out of memory, a replica, or has too few
-- replicas, and nothing is done then.
-- After the first write of a script it refuses none.

local EVENTS, META, IDS, CLOSED, NODES = unpack(KEYS)
-- what the names of further keys begin with
local PREFIX = string.sub(NODES, 1, -#'nodes' - 1)
local COUNTS = 4096
-- numbers are exact below this
local MS_MAX = 9007199254740992
-- words of one command; Lua cannot pass more than about 8000
local WORDS = 4000

local call = redis.call
local operation = {}

-- ---- ids --------------------------------------------------------------------

local function text_of(ms, n)
    return string.format('%.0f-%.0f', ms, n)
end

-- The two numbers of an id; nothing if it is none.
local function parse(id)
    local ms, n = string.match(id or '', '^(%d+)%-(%d+)$')
    return tonumber(ms), tonumber(n)
end

local function epoch_of(id)
    local _, n = parse(id)
    return n and math.floor(n / COUNTS) or 0
end

local function is_above(a, b)
    local a_ms, a_n = parse(a)
    local b_ms, b_n = parse(b)
    return a_ms > b_ms or (a_ms == b_ms and a_n > b_n)
end

local function later(a, b)
    return is_above(a, b) and a or b
end

local function now_ms()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A function that returns a new id with each call: above last, which may be of
-- another epoch, and not before now.
local function ids_after(last, epoch)
    local ms, n = parse(last)
    local now = now_ms()
    if epoch_of(last) ~= epoch then
        n = COUNTS - 1 -- the next one is of the next millisecond
    end
    if ms >= MS_MAX then
        error({err = 'ESIDS the ids of the stream are exhausted: delete it'})
    end
    return function()
        if now > ms then
            ms, n = now, epoch * COUNTS
        elseif n % COUNTS < COUNTS - 1 then
            n = n + 1
        else
            ms, n = ms + 1, epoch * COUNTS
        end
        return text_of(ms, n)
    end
end

-- ---- the state of the stream ------------------------------------------------

local function read_meta()
    local values = call('HMGET', META, 'epoch', 'last', 'at', 'run', 'before',
        'weak', 'past', 'again')
    local has_last = parse(values[2]) ~= nil
    return {
        epoch = has_last and tonumber(values[1] or '') or nil,
        last = has_last and values[2] or '0-0',
        at = tonumber(values[3] or '') or 0,
        run = values[4],
        before = values[5],
        weak = values[6] == '1',
        past = values[7] or '',
        again = tonumber(values[8] or '') or 0,
    }
end

-- The ids at both ends of the stream: first is nil if it is empty. Nil if there
-- is no stream.
local function read_stream()
    if call('EXISTS', EVENTS) == 0 then
        return nil
    end
    local stream = {}
    local info = call('XINFO', 'STREAM', EVENTS)
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
            stream.top = info[i + 1]
        elseif info[i] == 'first-entry' and info[i + 1] then
            stream.first = info[i + 1][1]
        end
    end
    return stream
end

-- A value of INFO.
local function info_of(section, name)
    local value = string.match(call('INFO', section),
        '\n' .. name .. ':([^\r\n]*)')
    return value
        or error({err = 'ESINFO the broker does not tell its ' .. name})
end

-- Has this server been promoted since the epoch began? It was a replica
-- meanwhile, and its data may be older than what it gave out before. Zeros
-- come when a server forgets its past (its last replica has long gone).
local function is_promoted(meta, before)
    return before ~= meta.before and not string.match(before, '^0*$')
end

-- Did this process of the server run when the last entry was added? Not after a
-- restart: the entries that it had not saved are lost then. But a replica that
-- was promoted did. (The broker rounds: it may have run for a second less.)
local function ran_at(at)
    local up = tonumber(info_of('server', 'uptime_in_seconds')) - 1
    return now_ms() - up * 1000 < at
end
