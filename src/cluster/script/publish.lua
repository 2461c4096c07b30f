-- SPDX-License-Identifier: Apache-2.0
--
-- Batches of events, publishers' ids, and closes.

local FIELDS = 5 -- of an event in ARGV
local LOST = PREFIX .. 'lost' -- see lost.lua

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

-- A function that tells whether there may have been an event with the same id,
-- at a place that is lost.
local function lost_test(meta)
    local is_any = parse(meta.last) < meta.again and now_ms() < meta.again
    local has_lost = call('EXISTS', LOST) > 0
    return function(event)
        if is_any or not has_lost then
            return is_any
        end
        for _, name in ipairs(event.names) do
            if call('ZSCORE', LOST, name .. '\n' .. event.id) then
                return true
            end
        end
        return false
    end
end

local function fields_of(event, follow, node, is_again)
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
    if is_again then
        add('ag', '1')
    end
    return fields
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
    local write, may_be_lost = writer_of(meta), nil
    local index, last = {}, nil
    for i, event in ipairs(batch.new) do
        may_be_lost = may_be_lost or (event.names and lost_test(meta))
        last = write(fields_of(event, #batch.new - i, node,
            event.names and may_be_lost(event)))
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
