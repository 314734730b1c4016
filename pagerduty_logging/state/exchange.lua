-- One exchange with the state, in one step. decide.py decides the same for SQLite, and says what the fields mean.
-- KEYS: sender, budget, silences, index, releases, then the problems, for each request. ARGV: the requests, as JSON; `base`
-- is the number of keys before those of the request.
local LEASE, SLACK, NEW_WITHIN, MINUTE, DAY, RESERVED_SHARE, MAX_NAMES, FIRST_HOSTS = 30, 1, 3600, 60, 86400, 5, 1000, 3
local ACTIVE, LITTLE, APART, RAN = 15, 20, 50, '\nran'
local FIELDS = {'n', 'told', 'first', 'last', 'worst', 'told_severity', 'told_at', 'window', 'sent_at', 'followed', 'busy',
    'silenced', 'events', 'resolved', 'over', 'lease_by', 'lease_until', 'lease_severity', 'lease_tells',
    'under_by', 'under_until', 'under_severity', 'under_tells', 'release', 'summary', 'logger',
    'hosts', 'host_names', 'processes', 'ended', 'seen_by', 'seen_at', 'before_by', 'before_at'}
local TEXTS = {lease_by = true, under_by = true, release = true, summary = true, logger = true, host_names = true,
    seen_by = true, before_by = true}

local request, base
-- The records that the requests are about, each read once and written once, and those to be written, in order.
local records, changed = {}, {}
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function read(key)
    if not redis.call('HGET', key, 'n') then return nil end -- most are new: thirty fields take longer
    local values = redis.call('HMGET', key, unpack(FIELDS))
    local record = {}
    for i, name in ipairs(FIELDS) do
        if TEXTS[name] then
            record[name] = values[i] or ''
        elseif values[i] and values[i] ~= '' then
            record[name] = tonumber(values[i])
        elseif name ~= 'told_severity' then
            record[name] = 0
        end
    end
    return record
end

local function load(key)
    if records[key] == nil then records[key] = read(key) or false end
    return records[key] or nil
end

local function window_left(record)
    local left = record.told_at + record.window - now
    if record.told_severity and left > 0 and left <= record.window then return left end
    return 0
end

local function lease_left(record)
    local left = record.lease_until - now
    if record.lease_by ~= '' and left > 0 and left <= LEASE then return left end
    return 0
end

local function save(key, record, change)
    if not changed[key] then changed[#changed + 1] = key end
    records[key], changed[key], record.change = record, true, change
    record.remember = math.max(record.remember or 0, request.remember)
end

-- A problem that begins has no key yet, or that of the one before, which is forgotten: `names` says who has seen it.
-- Of those fields only what differs from nothing is written.
local function write(key, record)
    local arguments, names = {}, record.names
    for _, name in ipairs(FIELDS) do
        local value = record[name] == nil and '' or record[name]
        if not names or (value ~= '' and value ~= 0) or name == 'n' then
            arguments[#arguments + 1] = name
            arguments[#arguments + 1] = value
        end
    end
    for name in pairs(names or {}) do
        arguments[#arguments + 1] = name
        arguments[#arguments + 1] = '1'
    end
    redis.call('HSET', key, unpack(arguments))
end

local function let_expire(key, record)
    local kept = math.max(record.remember, window_left(record), LEASE)
    redis.call('PEXPIRE', key, math.ceil(kept * 1000))
    if not record.change then
        redis.call('ZADD', KEYS[base + 4], now + kept, key)
        if redis.call('PTTL', KEYS[base + 4]) < kept * 1000 then
            redis.call('PEXPIRE', KEYS[base + 4], math.ceil((kept + DAY) * 1000))
        end
    end
end

local function reopened(record, at, release)
    local resolved, summary, logger = 0, '', ''
    if record then
        resolved, release, summary, logger = record.resolved, record.release, record.summary, record.logger
        at = math.max(at, resolved)
    end
    return {n = 0, told = 0, first = at, last = at, worst = 3, told_at = 0, window = 0, sent_at = 0, followed = 0, busy = 0,
        silenced = 0, events = 0, resolved = resolved, over = 0, lease_by = '', lease_until = 0,
        lease_severity = 3, lease_tells = 0, under_by = '', under_until = 0, under_severity = 3, under_tells = 0,
        release = release or '', summary = summary, logger = logger, hosts = 0, host_names = '', processes = 0,
        ended = 0, seen_by = '', seen_at = 0, before_by = '', before_at = 0, names = {}, anew = record ~= nil}
end

local function note_name(key, record, kind, name)
    local field, is_new = kind .. ':' .. name, true
    if record[kind] >= MAX_NAMES then return end
    if record.names then
        is_new = not record.names[field]
        record.names[field] = true
    else
        is_new = redis.call('HSETNX', key, field, '1') == 1
    end
    if is_new then
        record[kind] = record[kind] + 1
        if kind == 'hosts' and record.hosts <= FIRST_HOSTS then
            record.host_names = record.host_names .. (record.hosts > 1 and '\n' or '') .. name
        end
    end
end

local function seen(record, process)
    if record.seen_by ~= process then record.before_by, record.before_at = record.seen_by, record.seen_at end
    record.seen_by, record.seen_at = process, now
end

local function gone(record, process)
    if record.seen_by == process then
        record.seen_by, record.seen_at, record.before_by = record.before_by, record.before_at, ''
    elseif record.before_by == process then
        record.before_by = ''
    end
end

local function goes_on(by, at)
    return by ~= '' and by ~= request.process and now >= at and now - at < ACTIVE
end

local function count(entry)
    local key = KEYS[entry.place]
    local first, last = now - entry.first, now - entry.last
    local record = load(key)
    if not record or (record.over == 1 and last > record.resolved) then
        if entry.n == 0 and entry.summary == '' then return end -- nothing happened: no problem begins
        record = reopened(record, first, request.release)
    end
    record.n = record.n + entry.n
    record.last = math.max(record.last, last)
    if request.ends then
        gone(record, request.process)
    elseif entry.n > 0 then
        seen(record, request.process)
    end
    if record.over == 0 then
        record.first = math.min(record.first, math.max(first, record.resolved))
        record.worst = math.min(record.worst, entry.severity)
        record.silenced = record.silenced + entry.silenced
        if entry.summary ~= '' then record.summary = entry.summary end
        if entry.logger ~= '' then record.logger = entry.logger end
        if record.told_at < last and last <= record.told_at + record.window then record.busy = 1 end
        note_name(key, record, 'hosts', request.host)
        note_name(key, record, 'processes', request.process)
    end
    save(key, record)
end

local function lease(record, by, till, severity, tells)
    record.lease_by, record.lease_until, record.lease_severity, record.lease_tells = by, till, severity, tells
end

local function under(record, by, till, severity, tells)
    record.under_by, record.under_until, record.under_severity, record.under_tells = by, till, severity, tells
end

local function untold(record)
    local left = record.under_until - now
    local under_way = record.under_by ~= '' and left > 0 and left <= LEASE and record.under_tells or 0
    return math.max(record.n - record.told - under_way, 0)
end

-- What no event reports and none will: the asker's process ends, and no other goes on; 0: little.
local function untold_at_the_end(record)
    local left = untold(record)
    if not request.ends or record.over == 1 or goes_on(record.seen_by, record.seen_at) or
        goes_on(record.before_by, record.before_at) or left * LITTLE <= record.n then return 0 end
    if record.ended == 1 and now >= record.sent_at and now - record.sent_at < APART then return 0 end
    return left
end

-- How many occurrences the event reports for which the asker has a lease; nil: it has none.
local function tells(record)
    if not record then return nil end
    if record.lease_by == request.name then return record.lease_tells end
    if record.under_by == request.name then return record.under_tells end
    return nil
end

-- Whether the asker has a lease that goes on.
local function holds(record)
    local left = record.under_until - now
    return record.lease_by == request.name and lease_left(record) > 0 or
        record.under_by == request.name and left > 0 and left <= LEASE
end

local function conclude(outcome)
    local key, at = KEYS[outcome.place], now - outcome.age
    local record = load(key)
    local reported = tells(record)
    if outcome.what == 'release' and record and holds(record) then
        redis.pcall('RPOP', KEYS[base + 2]) -- a user who may not only waits longer
    end
    if record and record.lease_by == request.name then
        if outcome.what == 'release' then
            lease(record, record.under_by, record.under_until, record.under_severity, record.under_tells)
            under(record, '', 0, 3, 0)
        else
            lease(record, '', 0, 3, 0)
        end
    end
    if record and record.under_by == request.name then under(record, '', 0, 3, 0) end
    if outcome.what == 'release' then
        if record then save(key, record, outcome.change) end
        return
    end
    if outcome.what == 'resolve' then
        record = record or reopened(nil, at)
        if record.told_at <= at + SLACK then
            record.over, record.resolved = 1, math.max(record.resolved, at - SLACK)
            record.told, record.silenced, record.told_severity = record.n, 0, nil
            lease(record, '', 0, 3, 0)
            under(record, '', 0, 3, 0)
        end
        save(key, record, outcome.change)
        return
    end
    if record and record.over == 1 and at <= record.resolved then
        save(key, record, outcome.change)
        return
    end
    if not record or record.over == 1 then record = reopened(record, at) end
    if record.n == 0 then
        record.n, record.worst, reported = outcome.occurrences, math.min(record.worst, outcome.severity), nil
    end
    local known = record.told_severity
    local follow_up = outcome.follow_up and known
    local beside = math.abs(at - record.told_at) <= LEASE
    if not known or (at >= record.told_at + record.window and not follow_up) then
        record.told_severity = outcome.severity
    elseif follow_up or beside or at > record.told_at then
        record.told_severity = math.min(known, outcome.severity)
    end
    local told = reported and record.told + reported or outcome.occurrences
    record.told = math.max(record.told, math.min(told, record.n))
    record.events = record.events + 1
    record.silenced = 0
    local is_last = at >= record.sent_at
    record.sent_at = math.max(record.sent_at, at)
    if follow_up then
        record.ended = record.followed
        record.followed = 1
    elseif at >= record.told_at and (beside or outcome.severity == record.told_severity) then
        record.told_at, record.window = at, outcome.window
        if is_last then record.followed, record.busy, record.ended = 0, 0, 0 end
    end
    save(key, record, outcome.change)
end

-- What is older than a minute, or of a time to come since the clock was set back, is looked for only where it matters.
local function spend(severity)
    if severity < 0 then
        redis.pcall('RPOP', KEYS[base + 2])
        return 0
    end
    local key, reserved = KEYS[base + 2], severity == 0 and 0 or math.floor(request.per_minute / RESERVED_SHARE)
    local over = redis.call('LLEN', key) - (request.per_minute - reserved)
    if over >= 0 then
        local oldest = tonumber(redis.call('LINDEX', key, 0) or now)
        while oldest <= now - MINUTE or oldest > now do
            redis.call('LPOP', key)
            over, oldest = over - 1, tonumber(redis.call('LINDEX', key, 0) or now)
        end
        if over >= 0 then
            local left = tonumber(redis.call('LINDEX', key, over) or now) + MINUTE - now
            return math.max(math.min(left, MINUTE), 0.001) -- a time to come would keep events back for longer
        end
    end
    redis.call('RPUSH', key, now)
    redis.call('PEXPIRE', key, MINUTE * 1000)
    return 0
end

local function figures(record, claim)
    local own, told_at = claim.follow_up and 0 or 1, math.max(record.told_at, record.sent_at)
    local started = request.release and redis.call('HGET', KEYS[base + 5], request.release)
    local new
    if started and request.release == record.release then
        new = math.max(record.first - tonumber(started), 0)
        if new > NEW_WITHIN then new = nil end
    end
    return {kind = 'mine', occurrences = math.max(record.n, own), suppressed = math.max(record.lease_tells - own, 0),
        silenced = record.silenced, first_seen = record.first, last_seen = record.last,
        hosts = math.max(record.hosts, 1), host_names = record.host_names, processes = math.max(record.processes, 1),
        more = math.max(record.hosts, record.processes) >= MAX_NAMES, events = record.events,
        told_severity = record.told_severity, told_at = told_at > 0 and told_at or nil, window = record.window,
        quiet = record.busy == 0,
        first_release = record.release ~= '' and record.release or nil, new_in_release = new}
end

local function another(told, again_in, since, unreported)
    return {kind = 'anothers', told = told, again_in = again_in, since = since or 0, untold = unreported or 0}
end

local function claim(asked)
    local key, at = KEYS[asked.place], now - asked.age
    local record = load(key)
    if record and record.over == 1 and at <= record.resolved then return another(true, 0) end
    if not record or record.over == 1 then record = reopened(record, at, request.release) end
    local leased = lease_left(record)
    if leased > 0 and record.lease_by ~= request.name and asked.severity >= record.lease_severity then
        return another(false, leased, LEASE - leased)
    end
    local left = window_left(record)
    if asked.follow_up and record.told_severity then
        local done = record.followed == 1 and left > 0 and untold_at_the_end(record) == 0
        if record.n <= record.told or done then return another(true, left, record.window - left) end
    elseif record.told_severity and asked.severity >= record.told_severity then
        local told_since = record.n > 0 and record.n <= record.told and at <= record.sent_at
        local more = left > 0 and record.followed == 0 and untold(record) or 0
        if left > 0 or told_since then return another(true, left, record.window - left, more) end
    end
    local wait = spend(asked.severity)
    if wait > 0 then return {kind = 'later', again_in = wait} end
    if record.under_by == request.name then under(record, '', 0, 3, 0) end
    if leased > 0 and record.lease_by ~= request.name then
        under(record, record.lease_by, record.lease_until, record.lease_severity, record.lease_tells)
    end
    lease(record, request.name, now + LEASE, asked.severity, untold(record))
    save(key, record, asked.change)
    return figures(record, asked)
end

local function standing(key)
    local record = load(key)
    if not record then return {told = false, leased = false, left = 0} end
    local left = record.over == 0 and window_left(record) or 0
    return {told = left > 0, leased = lease_left(record) > 0, left = left,
        severity = left > 0 and record.told_severity or nil, untold = left > 0 and untold_at_the_end(record) or 0}
end

-- What each sender had handed in before, and whether more than that is stored by now.
local noted, is_stored = {}, false

local function note_sequence(key, sequence, seconds)
    redis.call('SET', key, sequence, 'PX', math.ceil(seconds * 1000))
end

-- A release has a field with its first start, and one that says about when it ran last: it is forgotten by that.
local function note_release(key)
    local release, ran = request.release, request.release .. RAN
    local known = redis.call('HMGET', key, release, ran)
    local started, last = tonumber(known[1] or nil), tonumber(known[2] or 0)
    if not started then
        local all, seen = redis.pcall('HGETALL', key), {} -- a user who may not only keeps more
        for i = 1, #all, 2 do
            local name = string.match(all[i], '^(.*)' .. RAN .. '$') or all[i]
            seen[name] = math.max(seen[name] or 0, tonumber(all[i + 1]))
        end
        for name, at in pairs(seen) do
            if at < now - request.remember then redis.call('HDEL', key, name, name .. RAN) end
        end
    end
    if not started or started > now - request.started then redis.call('HSET', key, release, now - request.started) end
    if last < now - request.remember / 8 then redis.call('HSET', key, ran, now) end
    redis.call('PEXPIRE', key, math.ceil(request.remember * 1000))
end

local function exchange()
    -- The sequence number is written always: an exchange that cannot write is to fail, not to look well.
    local before = tonumber(redis.call('GET', KEYS[base + 1]) or '0')
    note_sequence(KEYS[base + 1], math.max(before, request.sequence), math.max(request.remember, 3600))
    noted[#noted + 1] = {KEYS[base + 1], before, math.max(request.remember, 3600)}
    if request.release then note_release(KEYS[base + 5]) end
    local reply = {now = now, standings = {}}
    if request.sequence > before then
        for _, entry in ipairs(request.counts) do count(entry) end
        for _, outcome in ipairs(request.outcomes) do conclude(outcome) end
    end
    for i, entry in ipairs(request.counts) do reply.standings[i] = standing(KEYS[entry.place]) end
    local version = redis.call('HGET', KEYS[base + 3], 'version') or ''
    if version ~= request.silences then
        reply.version, reply.silences = version, redis.call('HVALS', KEYS[base + 3])
    else
        if request.claim then reply.answer = claim(request.claim) end
        if request.spend then reply.wait = spend(request.spend) end
    end
    return reply
end

local function exchange_all()
    local replies = {}
    for i, text in ipairs(ARGV) do
        request = cjson.decode(text)
        base = request.base
        replies[i] = exchange()
    end
    for _, key in ipairs(changed) do
        if records[key].anew then redis.call('DEL', key) end
    end
    for _, key in ipairs(changed) do
        write(key, records[key])
        is_stored = true
    end
    for _, key in ipairs(changed) do let_expire(key, records[key]) end
    if #changed > 0 then redis.pcall('ZREMRANGEBYSCORE', KEYS[base + 4], '-inf', now) end
    return cjson.encode(replies)
end

-- Redis takes nothing back when a script fails, as where a user may not do all of it, or a key is not ours any more.
local well, result = pcall(exchange_all)
if not well then
    for _, one in ipairs(is_stored and {} or noted) do note_sequence(unpack(one)) end
    return redis.error_reply(result)
end
return result
