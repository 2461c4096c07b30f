-- SPDX-License-Identifier: Apache-2.0
--
-- What all have in common that add entries to the stream: they are of the epoch
-- that the caller knows, name the entry before them, and push out the oldest.

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
