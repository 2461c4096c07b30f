-- SPDX-License-Identifier: Apache-2.0
--
-- What runs at the broker. Everything that changes a stream is here: a script
-- runs as a whole, so all nodes see one order, and a batch is stored all or
-- none. ARGV[1] is the operation; the functions at the end of this file have
-- its arguments and results.
--
-- KEYS, all with the same hash tag {PREFIX:HUB}:
--
--   :events   the stream. Fields of an entry:
--               p    the id of the entry before it; "0-0" = it is the first
--               b    how many entries of its batch follow
--               n    the node that published it
--               ch   names of channels, joined by LF
--               ty, id, da, re   type, publisher's id, data, retry; if set
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
--   :ids      hash: channel LF publisher's id -> "id sha1"
--   :closed   hash: channel -> the id of its last close
--   :nodes    sorted set: node -> until when it lives, in ms
--   :clients:NODE   hash: channel -> clients, and '' -> 0
--   :here     sorted set: node whose names are known -> until when it lives, in
--             ms; 0 = its names are being taken away. '' -> no names of others
--             are taken away before
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
-- The first write of an operation is an XADD: the broker refuses it if it is
-- out of memory, a replica, or has too few replicas, and nothing is done then.
-- After the first write of a script it refuses none.

local EVENTS, META, IDS, CLOSED, NODES = unpack(KEYS)
local COUNTS = 4096
local EPOCHS = 16777215
local PAST_MAX = 8
-- numbers are exact below this
local MS_MAX = 9007199254740992
-- words of one command; Lua cannot pass more than about 8000
local WORDS = 4000
-- names of one node that are taken away in one call
local REAP_MAX = 1000
-- for how long a node sends to GRIP proxies without a further call, at most
local GRIP_TTL_MAX = 10000

local call = redis.call

-- ---- ids ---------------------------------------------------------------------

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

-- ---- the state of the stream ---------------------------------------------------

local function read_meta()
    local values = call('HMGET', META, 'epoch', 'last', 'at', 'run', 'before',
        'weak', 'past')
    local has_last = parse(values[2]) ~= nil
    return {
        epoch = has_last and tonumber(values[1] or '') or nil,
        last = has_last and values[2] or '0-0',
        at = tonumber(values[3] or '') or 0,
        run = values[4],
        before = values[5],
        weak = values[6] == '1',
        past = values[7] or '',
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
    return value or error({err = 'ESINFO the broker does not tell its ' .. name})
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

-- ---- epochs --------------------------------------------------------------------

-- Up to where the ids of a past epoch are vouched for, or declared lost; nil if
-- the epoch is not known.
local function end_of(meta, epoch)
    return string.match(' ' .. meta.past,
        string.format(' %.0f:(%%S+)', epoch))
end

-- Is the id, a node's last one, of this stream, and in it no more? Then an
-- older history has replaced that which the node has seen. Not if it was
-- trimmed, or was declared lost before.
local function is_lost(meta, stream, id)
    local epoch = epoch_of(id)
    if epoch ~= meta.epoch then
        local known_end = end_of(meta, epoch)
        return known_end ~= nil and is_above(id, known_end)
    end
    if id == meta.last then
        return false
    end
    return is_above(id, meta.last)
        or (stream.first ~= nil and not is_above(stream.first, id)
            and #call('XRANGE', EVENTS, id, id) == 0)
end

-- The past epochs, with the present one and with the lost id.
local function past_with(meta, lost)
    local ends = {}
    local order = {}
    local function add(epoch, id)
        if ends[epoch] then
            ends[epoch] = later(ends[epoch], id)
        elseif #order < PAST_MAX then
            ends[epoch] = id
            order[#order + 1] = epoch
        end
    end
    if meta.epoch then
        add(meta.epoch, meta.last)
    end
    if lost then
        add(epoch_of(lost), lost)
    end
    for epoch, id in string.gmatch(meta.past, '(%d+):(%d+%-%d+)') do
        add(tonumber(epoch), id)
    end
    for i, epoch in ipairs(order) do
        order[i] = string.format('%.0f:%s', epoch, ends[epoch])
    end
    return table.concat(order, ' ')
end

local function new_epoch(meta, random)
    local epoch = random % EPOCHS + 1
    while epoch == meta.epoch or end_of(meta, epoch) do
        epoch = epoch % EPOCHS + 1
    end
    return epoch
end

-- Begin an epoch. The marker is above all ids that were ever given here.
local function begin_epoch(meta, stream, lost, random, cont)
    local epoch = new_epoch(meta, random)
    local base = later(meta.last, stream and stream.top or '0-0')
    local now = now_ms()
    local ms = math.max(now, parse(later(base, lost or '0-0')) + 1)
    if ms >= MS_MAX then
        error({err = 'ESIDS the ids of the stream are exhausted: delete it'})
    end
    local marker = text_of(ms, epoch * COUNTS)
    local before = stream and meta.epoch and meta.last or '0-0'
    call('XADD', EVENTS, marker, 'op', 'epoch', 'p', before,
        'cont', cont and '1' or '0', 'b', '0')
    if before == '0-0' then
        call('DEL', IDS, CLOSED)
    end
    call('HSET', META, 'epoch', string.format('%.0f', epoch), 'last', marker,
        'at', string.format('%.0f', now), 'run', meta.new_run,
        'before', meta.new_before, 'weak', '0', 'past', past_with(meta, lost))
    meta.epoch, meta.last = epoch, marker
end

-- ---- publishing ----------------------------------------------------------------

-- The meta data, if an entry may be added to the epoch that the caller knows,
-- and if it is not ahead of the stream.
local function check_epoch(epoch, floor)
    local meta = read_meta()
    if not meta.epoch or meta.epoch ~= tonumber(epoch)
        or call('EXISTS', EVENTS) == 0
        or (epoch_of(floor) == meta.epoch and is_above(floor, meta.last)) then
        error({err = 'ESEPOCH another epoch has begun, or has to begin'})
    end
    return meta
end

-- A function that adds an entry and returns its id.
local function writer_of(meta)
    local next_id, last = ids_after(meta.last, meta.epoch), meta.last
    return function(fields)
        fields[#fields + 1] = 'p'
        fields[#fields + 1] = last
        last = next_id()
        local done = redis.pcall('XADD', EVENTS, last, unpack(fields))
        if type(done) == 'table'
            and string.find(done.err, 'equal or smaller', 1, true) then
            -- another program has added an entry with a higher id
            next_id = ids_after(read_stream().top, meta.epoch)
            last = next_id()
            done = redis.pcall('XADD', EVENTS, last, unpack(fields))
        end
        return type(done) == 'table' and error(done) or last
    end
end

-- Forget what :ids and :closed have of an entry.
local function forget(id, fields)
    local entry = {}
    for i = 1, #fields, 2 do
        entry[fields[i]] = fields[i + 1]
    end
    if not entry.ch or (not entry.id and entry.op ~= 'close') then
        return
    end
    for channel in string.gmatch(entry.ch, '[^\n]+') do
        if entry.op == 'close' then
            if call('HGET', CLOSED, channel) == id then
                call('HDEL', CLOSED, channel)
            end
        else
            local key = channel .. '\n' .. entry.id
            local known = call('HGET', IDS, key)
            if known and string.match(known, '^%S+') == id then
                call('HDEL', IDS, key)
            end
        end
    end
end

-- Drop the oldest entries above maxlen, but none of the batch of count entries
-- that was just added, and no more than about twice as many as were added.
local function trim(maxlen, count)
    local length = call('XLEN', EVENTS)
    local left = math.min(length - math.max(tonumber(maxlen), count),
        2 * count + 100)
    local is_indexed = call('EXISTS', IDS, CLOSED) > 0
    while left > 0 do
        local part = left
        if is_indexed then
            part = math.min(left, 64) -- entries may have 64 KB each
            local oldest = call('XRANGE', EVENTS, '-', '+', 'COUNT', part)
            for _, entry in ipairs(oldest) do
                forget(entry[1], entry[2])
            end
        end
        length = length - part
        left = left - part
        call('XTRIM', EVENTS, 'MAXLEN', length)
    end
end

-- HSET of many fields.
local function set_all(key, pairs_of)
    for i = 1, #pairs_of, WORDS do
        call('HSET', key,
            unpack(pairs_of, i, math.min(i + WORDS - 1, #pairs_of)))
    end
end

-- What is common to all that add entries.
local function finish(meta, last, acks, maxlen, count)
    local weak = (meta.weak or acks ~= 'replica') and '1' or '0'
    call('HSET', META, 'last', last, 'at', string.format('%.0f', now_ms()),
        'weak', weak)
    trim(maxlen, count)
end

-- Subscriptions to each of the channels, of all nodes that live.
local function clients_of(channels)
    local sums = {}
    for i = 1, #channels do
        sums[i] = 0
    end
    local nodes = call('ZRANGEBYSCORE', NODES,
        string.format('(%.0f', now_ms()), '+inf')
    local prefix = string.sub(NODES, 1, -#'nodes' - 1) .. 'clients:'
    for _, node in ipairs(nodes) do
        for i = 1, #channels, WORDS do
            local counts = call('HMGET', prefix .. node,
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

-- ---- a batch -------------------------------------------------------------------

local FIELDS = 5 -- of an event in ARGV

local function event_at(first, index)
    local at = first + (index - 1) * FIELDS
    return {channels = ARGV[at], type = ARGV[at + 1], id = ARGV[at + 2],
        data = ARGV[at + 3], retry = ARGV[at + 4]}
end

local function names_of(event)
    local names = {}
    for name in string.gmatch(event.channels, '[^\n]+') do
        names[#names + 1] = name
    end
    return names
end

-- Two events with the same id are the same if this is. No field but the data
-- has a NUL.
local function digest(event, names)
    local sorted = {unpack(names)}
    table.sort(sorted)
    return redis.sha1hex(table.concat({table.concat(sorted, '\n'), event.type,
        event.id, event.retry, event.data}, '\0'))
end

-- The entry with this publisher's id in a channel, and its digest; nil if there
-- is none, or none since the channel was closed.
local function find_published(name, key)
    local known = call('HGET', IDS, key)
    if not known then
        return nil
    end
    local id, sum = string.match(known, '^(%S+) (%S+)$')
    local closed = call('HGET', CLOSED, name)
    if not id or (closed and not is_above(id, closed))
        or #call('XRANGE', EVENTS, id, id) == 0 then
        return nil
    end
    return id, sum
end

-- Is the event known? In the batch (seen: key -> digest) or in the stream.
-- Returns whether it is, the id that it has in the stream, and the number of
-- the channel in which another event has its id.
local function look_up(event, names, seen)
    local sum = event.sum
    for i, name in ipairs(names) do
        local key = name .. '\n' .. event.id
        if seen[key] then
            if seen[key] ~= sum then
                return false, nil, i
            end
            return true
        end
        seen[key] = sum
    end
    for i, name in ipairs(names) do
        local id, known = find_published(name, name .. '\n' .. event.id)
        if id then
            if known ~= sum then
                return false, nil, i
            end
            return true, id
        end
    end
    return false
end

-- Read the batch from ARGV. Returns the events that are new, the number of
-- those that are known, their highest id, and the channels of all; or where
-- the batch clashes.
local function read_batch(first, count)
    local batch = {new = {}, known = 0, last = '0-0', channels = {}}
    local seen, has_channel = {}, {}
    for index = 1, count do
        local event = event_at(first, index)
        local names = names_of(event)
        local is_known, id, clash
        for _, name in ipairs(names) do
            if not has_channel[name] then
                has_channel[name] = true
                batch.channels[#batch.channels + 1] = name
            end
        end
        if event.id ~= '' then
            event.names = names
            event.sum = digest(event, names)
            is_known, id, clash = look_up(event, names, seen)
        end
        if clash then
            batch.clash = {'clash', index - 1, clash - 1}
            return batch
        elseif is_known then
            batch.known = batch.known + 1
            batch.last = later(batch.last, id or '0-0')
        else
            batch.new[#batch.new + 1] = event
        end
    end
    return batch
end

local function fields_of(event, follow, node)
    local fields = {'b', string.format('%d', follow), 'n', node,
        'ch', event.channels}
    local function add(name, value)
        fields[#fields + 1] = name
        fields[#fields + 1] = value
    end
    if event.type ~= '' then
        add('ty', event.type)
    end
    if event.id ~= '' then
        add('id', event.id)
    end
    if event.data ~= '' then
        add('da', event.data)
    end
    if event.retry ~= '-1' then
        add('re', event.retry)
    end
    return fields
end

-- ---- operations ----------------------------------------------------------------

local operation = {}

-- hello RANDOM LAST: look whether an epoch has to begin, and begin it.
--   RANDOM  for the new epoch
--   LAST    the last id in the caller's journal, 0-0 = none from a broker
-- Returns the epoch, the last id, the first one ("" = none), the time in ms,
-- and why an epoch began now ("" = none did). Writes only if one does.
function operation.hello(random, last)
    local meta, stream = read_meta(), read_stream()
    local why, cont, lost = '', false, nil
    meta.new_run = info_of('server', 'run_id')
    meta.new_before = info_of('replication', 'master_replid2')
    if meta.epoch and stream and is_lost(meta, stream, last) then
        why, lost = 'lost', last
    elseif not stream then
        why = 'no stream'
    elseif not meta.epoch then
        why = 'no meta data'
    elseif meta.run ~= meta.new_run or is_promoted(meta, meta.new_before) then
        why = 'another run'
        cont = not meta.weak and ran_at(meta.at)
    end
    if why ~= '' then
        begin_epoch(meta, stream, lost, tonumber(random), cont)
    end
    return {meta.epoch, meta.last, stream and stream.first or '', now_ms(), why}
end

-- publish EPOCH FLOOR ACKS NODE MAXLEN COUNT, and for each event CHANNELS TYPE
-- ID DATA RETRY ("" = not set; retry -1): add the events that are not known.
--   EPOCH  that hello returned
--   FLOOR  the last id in the caller's journal
--   ACKS   "replica": nothing is acknowledged before a replica has it
-- Returns "ok", the highest id of all events, how many were known, the
-- subscriptions to their channels, and the last id of the stream: a node that
-- has this one has all of them; or "clash", the number of an event, and that of
-- its channel in which another event has its id, from 0.
function operation.publish(epoch, floor, acks, node, maxlen, count)
    local meta = check_epoch(epoch, floor)
    local batch = read_batch(8, tonumber(count))
    if batch.clash then
        return batch.clash
    end
    local write = writer_of(meta)
    local index, last = {}, nil
    for i, event in ipairs(batch.new) do
        last = write(fields_of(event, #batch.new - i, node))
        for _, name in ipairs(event.names or {}) do
            index[#index + 1] = name .. '\n' .. event.id
            index[#index + 1] = last .. ' ' .. event.sum
        end
    end
    if last then
        set_all(IDS, index)
        finish(meta, last, acks, maxlen, #batch.new)
        batch.last = last
    end
    return {'ok', batch.last, batch.known, sum_of_clients(batch.channels),
        last or meta.last}
end

-- close EPOCH FLOOR ACKS NODE MAXLEN CHANNEL SECONDS: add a close. Returns as
-- publish.
function operation.close(epoch, floor, acks, node, maxlen, channel, seconds)
    local meta = check_epoch(epoch, floor)
    local id = writer_of(meta)({'op', 'close', 'b', '0', 'n', node,
        'ch', channel, 'for', seconds})
    call('HSET', CLOSED, channel, id)
    finish(meta, id, acks, maxlen, 1)
    return {'ok', id, 0, sum_of_clients({channel}), id}
end

-- counts NODE TTL BEGIN, and pairs of CHANNEL COUNT: the node lives for TTL ms
-- from now on, and has so many clients. BEGIN=1: it has no others. Returns 1,
-- or 0: the broker knows nothing of the node; it has to begin.
function operation.counts(node, ttl, begin)
    local key = string.sub(NODES, 1, -#'nodes' - 1) .. 'clients:' .. node
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

-- ---- presence ------------------------------------------------------------------

local PREFIX = string.sub(NODES, 1, -#'nodes' - 1)
local HERE = PREFIX .. 'here'

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

-- presence EPOCH FLOOR ACKS NODE MAXLEN TTL BEGIN, and for each name that has
-- come or gone KIND CHANNEL NAME CLIENTS SERIAL: the node lives for TTL ms from
-- now on. A name joins when the first node has it, and leaves with the last.
-- Also when nodes that live no longer were the last: their names are taken away
-- by whoever calls. A call that is made again changes nothing.
--   BEGIN   "1": if the broker does not know the node, it begins without names
--   KIND    "join" or "leave"
--   SERIAL  higher with each of the node
-- Returns as publish, but instead of subscriptions 1 and how many events were
-- added; or 0: nothing was done, as the broker does not know the node. It has
-- to begin, and to tell all of its names again.
function operation.presence(epoch, floor, acks, node, maxlen, ttl, begin)
    local meta = check_epoch(epoch, floor)
    local telling = telling_of(meta, node)
    local now, ms = now_ms(), tonumber(ttl)
    local lives = tonumber(call('ZSCORE', HERE, node) or '0')
    local is_known = lives > 0
    if not is_known and begin == '1' then
        is_known = reap(telling, node)
        lives = now + ms
    end
    if is_known then
        for i = 9, #ARGV, 5 do
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

-- ---- revocations ---------------------------------------------------------------

local REVOKED = PREFIX .. 'revoked'
-- as many as a node has room for
local REVOKED_MAX = 4096
-- the rest is for those of all channels
local REVOKED_CHANNEL_MAX = 3072

-- revoke EPOCH FLOOR ACKS NODE MAXLEN KIND NAME CHANNEL SECONDS: add an entry
-- by which all nodes end the streams of a user or a token, and keep it for nodes
-- that start while it holds. Returns as publish.
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
-- or none is; with TTL 0 no longer. Only the node that sends writes.
--   SEAL  for links, if there is none yet
--   ID    up to which the caller has sent, "" = it does not know
-- Returns 1 if the caller sends, else 0; the seal; and up to which id each
-- proxy was sent, "" = never.
function operation.grip(node, ttl, seal)
    local key = string.sub(NODES, 1, -#'nodes' - 1) .. 'grip'
    local values = call('HMGET', key, 'node', 'until', 'seal', 'sent')
    local now, meta = now_ms(), read_meta()
    local left = (tonumber(values[2] or '0') or 0) - now
    local is_own = values[1] == node
    -- no node has more than GRIP_TTL_MAX: the clock was set back
    local is_sending = tonumber(ttl) > 0
        and (is_own or left <= 0 or left > GRIP_TTL_MAX)
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
            'until', string.format('%.0f', now + tonumber(ttl)),
            'seal', result[2], 'sent', table.concat(list, ' '))
    end
    return result
end

local run = operation[ARGV[1]]
if not run then
    return redis.error_reply('ESOP unknown operation')
end
return run(unpack(ARGV, 2, math.min(#ARGV, 9)))
