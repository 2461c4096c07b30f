/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All figures. `state` has the members of the JSON; each event of the stream
 * replaces some of them. Rates are those of the last few seconds.
 */

const RATE_MS = 5000;

const state = {};                /* empty until the first answer */
let valueNames = [];             /* of a sample */
let samples = [];                /* as objects, oldest first */
let points = [];                 /* of the plots */
let served = null;               /* how the stream of this page is served */

/* ---- Rates --------------------------------------------------------------- */

const counters = new Map();      /* name to [{at, value}], oldest first */

/** Note the value of a counter. Returns how fast it rises, per second. */
function rising(name, at, value)
{
    const list = counters.get(name) ?? [];
    const first = list.find((entry) => entry.at > at - RATE_MS) ?? list[0];

    if (list.length === 0 || at > list[list.length - 1].at) {
        list.push({at, value});
    }
    while (list.length > 2 && list[0].at <= at - RATE_MS) {
        list.shift();
    }
    counters.set(name, list);
    return first && at > first.at && value >= first.value
        ? (value - first.value) * 1000 / (at - first.at) : 0;
}

function takeRates()
{
    const at = state.server.time_ms;

    for (const hub of state.hubs) {
        hub.rate = rising("hub published " + hub.name, at, hub.published);
        hub.deliver = rising("hub deliveries " + hub.name, at,
            hub.deliveries);
    }
    for (const child of state.children) {
        child.cpu = child.cpu_us === null ? null
            : rising("cpu " + child.number + " " + child.pid, at,
                child.cpu_us) / 1e6;
    }
}

/* ---- Samples ------------------------------------------------------------- */

function addSample(values)
{
    const sample = Object.fromEntries(
        valueNames.map((name, i) => [name, values[i]]));
    const last = samples[samples.length - 1];

    if (valueNames.length > 0 && (!last || sample.time_ms > last.time_ms)) {
        samples.push(sample);
    }
}

/* Each point is the difference of two samples. */
function makePoints()
{
    const end = samples.length ? samples[samples.length - 1].time_ms : 0;

    samples = samples.filter((s) => s.time_ms >= end - WINDOW_MS);
    points = samples.slice(1).map((s, i) => {
        const before = samples[i];
        const seconds = (s.time_ms - before.time_ms) / 1000;
        const per = (key) => seconds > GAP_MS / 1000 || s[key] < before[key]
            ? null : (s[key] - before[key]) / seconds;

        return {at: s.time_ms, published: per("published"),
            deliveries: per("deliveries"), bytes: per("sent_bytes"),
            clients: s.clients, lag: s.lag_us / 1000};
    });
}

/** The mean of the last seconds of a series. */
function latest(key)
{
    const values = points.slice(-3).map((p) => p[key]).filter(
        (v) => v !== null);

    return values.length === 0 ? 0
        : values.reduce((sum, v) => sum + v, 0) / values.length;
}

/* ---- Tiles and plots ----------------------------------------------------- */

const tiles = {};

function addTile(key, label, series)
{
    const tile = make("dl", "tile");

    tiles[key] = {value: make("dd"), detail: make("p")};
    tile.append(make("dt", "", label), tiles[key].value, tiles[key].detail);
    tiles[key].spark = new Spark(tile, series);
    $("tiles").append(tile);
}

function drawTile(key, number, unit, detail, series)
{
    const tile = tiles[key];

    tile.value.replaceChildren(number, make("small", "", unit));
    setText(tile.detail, detail);
    tile.spark.draw(points, series);
}

function drawTiles()
{
    const c = state.clients;
    const kinds = [[c.detached, "plain"], [c.detached_tls, "TLS"],
        [c.held - c.turns, "held"], [c.turns, "in turns"]]
        .filter(([n]) => n > 0).map(([n, word]) => count(n) + " " + word);
    const peak = (key) => Math.max(0, ...points.map((p) => p[key] ?? 0));
    const channels = state.hubs.reduce((sum, hub) => sum + hub.channels, 0);

    drawTile("clients", count(c.total), "", kinds.join(" · ") ||
        "none connected", "clients");
    drawTile("published", rate(latest("published")), "/s",
        "into " + plural(channels, "channel", "channels"), "published");
    drawTile("deliveries", rate(latest("deliveries")), "/s",
        bytes(latest("bytes")) + "/s", "deliveries");
    drawTile("lag", span(latest("lag")), "",
        "at most " + span(peak("lag")) + " in 10 min", "lag");
}

const plots = [];

function startPlots()
{
    const perSecond = (v, isTick) => rate(v) + (isTick ? "" : " /s");

    addTile("clients", "Clients", 0);
    addTile("published", "Published", 0);
    addTile("deliveries", "Delivered", 1);
    addTile("lag", "Delivery lag", 2);
    plots.push(
        new Plot($("plot-published"), "Published", [{key: "published",
            label: "events per second"}], perSecond, 4),
        new Plot($("plot-delivered"), "Delivered", [{key: "deliveries",
            label: "events per second, to all clients", colour: 1}], perSecond,
            4),
        new Plot($("plot-lag"), "Delivery lag", [{key: "lag",
            label: "from append to the last write", colour: 2}],
            (v) => span(v), 1));
}

/* ---- Tables -------------------------------------------------------------- */

function number(n)
{
    return n === 0 ? make("span", "zero", "0") : count(n);
}

function resetsOf(hub)
{
    const list = Object.entries(hub.resets).filter(([, n]) => n > 0);
    const sum = list.reduce((total, [, n]) => total + n, 0);
    const node = sum === 0 ? make("span", "zero", "0")
        : badge(count(sum), "warn");

    node.title = list.map(([reason, n]) => reason.replaceAll("_", " ") + ": " +
        count(n)).join("\n");
    return node;
}

const HUB_COLUMNS = [
    {label: "Hub", className: "name", of: (h) => h.name},
    {label: "Published", className: "num", of: (h) => rate(h.rate) + " /s"},
    {label: "Delivered", className: "num", of: (h) => rate(h.deliver) + " /s"},
    {label: "Clients", className: "num", of: (h) => number(h.clients)},
    {label: "Subscriptions", className: "num",
        title: "A client counts in each of its channels",
        of: (h) => number(h.subscriptions)},
    {label: "Channels", className: "num", of: (h) => number(h.channels)},
    {label: "Retained", className: "num",
        title: "Events in the journal; one counts in each of its channels",
        of: (h) => number(h.retained)},
    {label: "Oldest", className: "num",
        title: "Age of the oldest event that is retained",
        of: (h) => h.oldest_age_ms === null ? "–" : span(h.oldest_age_ms)},
    {label: "Resets", className: "num",
        title: "Clients that were told that they may have missed events",
        of: resetsOf},
    {label: "Journal", className: "num full",
        of: (h) => level(h.used_bytes / h.bytes, bytes(h.used_bytes) + " of " +
            bytes(h.bytes))},
];

function stateOf(child)
{
    return child.stopping ? badge("stopping", "warn")
        : child.generation < state.server.generation ? badge("old", "warn")
        : badge("serving", "good");
}

const CHILD_COLUMNS = [
    {label: "Process", className: "name", of: (c) => String(c.pid)},
    {label: "No.", className: "num", of: (c) => String(c.number)},
    {label: "State", of: stateOf},
    {label: "Generation", className: "num", of: (c) => String(c.generation)},
    {label: "Clients", className: "num", of: (c) => number(c.clients.total)},
    {label: "Plain", className: "num", of: (c) => number(c.clients.detached)},
    {label: "TLS", className: "num",
        of: (c) => number(c.clients.detached_tls)},
    {label: "Held", className: "num", title: "By a worker, as long as they " +
        "are open", of: (c) => number(c.clients.held - c.clients.turns)},
    {label: "In turns", className: "num", title: "By a worker, now and then",
        of: (c) => number(c.clients.turns)},
    {label: "CPU", className: "num", of: (c) => c.cpu === null ? "–"
        : (c.cpu * 100).toFixed(1) + " %"},
    {label: "Lag", className: "num",
        title: "Of its last round: from the append of an event to the last " +
            "write", of: (c) => c.lag_us === null ? "–"
            : span(c.lag_us / 1000)},
    {label: "Files", className: "num", title: "Open files of the process",
        of: (c) => c.open_files === null ? "–" : number(c.open_files)},
];

const CLUSTER_COLUMNS = [
    {label: "Hub", className: "name", of: (h) => h.name},
    {label: "Broker", of: (h) => h.cluster.address || "–"},
    {label: "Link", of: (h) => !h.cluster.up ? badge("down", "bad")
        : h.cluster.synced ? badge("up", "good") : badge("behind", "warn")},
    {label: "Read by", className: "num",
        of: (h) => h.cluster.leader_pid === 0 ? "–"
            : String(h.cluster.leader_pid)},
    {label: "Lag", className: "num", of: (h) => span(h.cluster.lag_ms)},
    {label: "Reconnects", className: "num",
        of: (h) => number(h.cluster.reconnects)},
    {label: "Answered 503", className: "num",
        of: (h) => number(h.cluster.unavailable)},
    {label: "Last error", className: "full",
        of: (h) => h.cluster.error ?? "–"},
];

const PROXY_COLUMNS = [
    {label: "Proxy", className: "name", of: (p) => p.name},
    {label: "Hub", of: (p) => p.hub},
    {label: "State", of: (p) => p.up ? badge("up", "good")
        : badge("down", "bad")},
    {label: "Not sent yet", className: "num", title: "Of the journal",
        of: (p) => p.queued_bytes === 0 ? number(0) : bytes(p.queued_bytes)},
    {label: "Failures", className: "num", of: (p) => number(p.failures)},
    {label: "Last error", className: "full", of: (p) => p.error ?? "–"},
];

let tables = null;

function startTables()
{
    tables = {
        hubs: new Table($("hubs"), HUB_COLUMNS, (h) => h.name),
        children: new Table($("children"), CHILD_COLUMNS,
            (c) => c.number + " " + c.pid),
        clusters: new Table($("clusters"), CLUSTER_COLUMNS, (h) => h.name),
        proxies: new Table($("proxies"), PROXY_COLUMNS,
            (p) => p.hub + " " + p.name),
    };
}

/** Tell what was left out of a list. */
function omitted(n, what)
{
    return n > 0 ? ", and " + plural(n, what, what + "s") + " more" : "";
}

function drawTables()
{
    const processes = new Set(state.children.map((c) => c.pid)).size;
    const clustered = state.hubs.filter((h) => h.cluster);

    tables.hubs.draw(state.hubs);
    tables.children.draw(state.children);
    tables.clusters.draw(clustered);
    tables.proxies.draw(state.proxies);
    $("clusters-card").hidden = clustered.length === 0;
    $("proxies-card").hidden = state.proxies.length === 0;
    setText($("children-count"), plural(processes, "process", "processes") +
        ", generation " + state.server.generation +
        omitted(state.children_omitted, "row"));
}

/* ---- All ----------------------------------------------------------------- */

function drawTop()
{
    const s = state.server;

    setText($("host"), s.name);
    setText($("meta"), "mod_eventstream " + s.module + " · " +
        s.httpd.split(" ")[0] + " " + s.mpm + " · up " +
        span(s.time_ms - s.started_ms));
}

let scheduled = false;

/** Draw soon: the events of a second come together. */
function drawSoon()
{
    if (scheduled) {
        return;
    }
    scheduled = true;
    setTimeout(() => {
        scheduled = false;
        if (state.version && !document.hidden) { /* all members are there */
            draw();
        }
    }, 30);
}

function draw()
{
    takeRates();
    makePoints();
    drawTop();
    drawTiles();
    plots.forEach((plot) => plot.draw(points));
    drawTables();
    drawLimits();
    drawBrowser();
    drawTimes();
    drawReasons();
    drawRevocations();
    drawAdvice();
}

/* ---- Live ---------------------------------------------------------------- */

async function readAll()
{
    const [figures, past] = await Promise.all([ask({json: ""}),
        ask({samples: ""})]);

    Object.assign(state, figures);
    valueNames = past.values;
    samples = [];
    past.samples.forEach(addSample);
    showProblem("");
    $("overview").hidden = false;
    drawHubChoice();
    drawSoon();
}

function takeEvent(event)
{
    switch (event.type) {
    case "summary": case "hubs": case "children":
        Object.assign(state, JSON.parse(event.data));
        break;
    case "sample": addSample(JSON.parse(event.data).sample); break;
    case "served": served = JSON.parse(event.data); break;
    case "stream-reset": readAll().catch((e) => showProblem(e.message)); break;
    default: return;
    }
    drawSoon();
}

const POLL_MS = 5000;

/** Read all figures; then they are told by the stream, once a second. Without a
 * stream they are asked for. */
function startOverview()
{
    let stream = null;
    let isLive = false;
    const show = (word, why) => showState($("live"), $("live-text"), word, why);

    function follow()
    {
        stream = new Stream(location.pathname, {
            event: takeEvent,
            state: (word, why) => {
                if (word === "open" && !isLive) {
                    read();
                }
                isLive = word === "open";
                served = isLive ? served : null;
                show(word, why);
            },
        });
    }

    async function read()
    {
        try {
            await readAll();
        }
        catch (e) {
            showProblem(e.message);
            if (!stream) {
                show("lost", e.message);
            }
            return;
        }
        if (!state.server.live) { /* the server has no hub for it */
            show("polled", "");
        }
        else if (!stream) {
            follow();
        }
    }

    startPlots();
    startTables();
    startChannels();
    read();
    setInterval(() => {
        if (!isLive && !document.hidden) {
            read();
        }
    }, POLL_MS);
    document.addEventListener("visibilitychange", drawSoon);
}
