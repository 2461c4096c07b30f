-- SPDX-License-Identifier: Apache-2.0
--
-- Epochs: when one has to begin, the marker with which it does, and hello, by
-- which nodes find out.

local EPOCHS = 16777215
local PAST_MAX = 8
-- when something may be lost: until nodes have told what is (lost.lua), in ms
local AGAIN = 60000

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
    if not cont and (meta.epoch or lost) then
        meta.again = ms + AGAIN
    end
    call('XADD', EVENTS, marker, 'op', 'epoch', 'p', before,
        'cont', cont and '1' or '0', 'b', '0')
    if before == '0-0' then
        call('DEL', IDS, CLOSED)
    end
    call('HSET', META, 'epoch', string.format('%.0f', epoch), 'last', marker,
        'at', string.format('%.0f', now), 'run', meta.new_run,
        'before', meta.new_before, 'weak', '0', 'past', past_with(meta, lost),
        'again', string.format('%.0f', meta.again))
    meta.epoch, meta.last = epoch, marker
end

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
    if not meta.epoch or not stream then
        -- What the caller had is lost, too. So a node that comes later, and had
        -- more of it, is noticed: another broker may have given that out since.
        lost = epoch_of(last) > 0 and last or nil
    end
    if why ~= '' then
        begin_epoch(meta, stream, lost, tonumber(random), cont)
    end
    return {meta.epoch, meta.last, stream and stream.first or '', now_ms(), why}
end
