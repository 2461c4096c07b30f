/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo page: one EventSource for the chosen room, a bounded list of what
 * it brought, and a form that publishes through the real publish Location.
 *
 *     #kitchen ── select() ──> Stream ── events ──> room ── draw ──> page
 *                                                     ^
 *     form, "every second" ── publish() ── POST ──────┘ (comes back as event)
 *
 * Each room keeps its own list, figures and position; a room that is left is
 * closed, since browsers allow six HTTP/1.1 connections to one host. When it
 * is chosen again, the stream resumes after that position.
 *
 * Whatever comes from the network reaches the page as text, never as markup.
 */
(function () {
"use strict";

const ROOMS = ["kitchen", "bar", "terrace"];
const TYPES = ["message", "order", "alert"];
const KEPT = 100;            /* entries of a room's list */
const SHOWN_CHARS = 1500;    /* of one event's data */
const RATE_SECONDS = 5;      /* the rate is a mean over these */
const SPARK_SECONDS = 60;    /* width of the little chart */
const REOPEN_FIRST_MS = 3000;
const REOPEN_MOST_MS = 30000;
const PUBLISH_MS = 10000;    /* an answer later than that is none */
const STORE_KEY = "eventstream-demo-rooms";

const LABELS = {
    connecting: "Connecting",
    open: "Open",
    lost: "Lost, retrying",
    refused: "Refused, retrying",
    closed: "Closed",
};

const $ = (id) => document.getElementById(id);

function make(tag, className, text)
{
    const node = document.createElement(tag);

    if (className) {
        node.className = className;
    }
    if (text !== undefined) {
        node.textContent = text;
    }
    return node;
}

function setText(node, text)
{
    if (node.textContent !== text) { /* spares screen readers a repeat */
        node.textContent = text;
    }
}

function clock(date)
{
    const two = (n) => String(n).padStart(2, "0");

    return two(date.getHours()) + ":" + two(date.getMinutes()) + ":" +
        two(date.getSeconds());
}

function span(ms)
{
    const s = Math.round(ms / 1000);

    if (s < 60) {
        return s + " s";
    }
    if (s < 3600) {
        return Math.floor(s / 60) + " min " + (s % 60) + " s";
    }
    return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
}

function duration(ms)
{
    return ms < 10000 ? (ms / 1000).toFixed(1) + " s" : span(ms);
}

function plural(n, word)
{
    return n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");
}

/* ---- Rooms ------------------------------------------------------------ */

const rooms = new Map();     /* name to room, in the order of the page */
let current = null;          /* the room that is shown and connected */

function newRoom(name)
{
    return {
        name: name,
        entries: [],         /* newest last, at most KEPT */
        position: "",        /* last event id, "" = none yet */
        total: 0,
        seconds: [],         /* events of each past second, newest last */
        second: 0,           /* events of the running second */
        link: null,          /* its <a> in the row of rooms */
        count: null,         /* and the number in it */
    };
}

function channelOf(room)
{
    return "room-" + room.name;
}

function urlOf(room)
{
    return "/events/" + encodeURIComponent(room.name);
}

/* Why a name cannot be one segment of a path, or "" if it can. */
function nameProblem(name)
{
    if (name === "") {
        return "A room needs a name.";
    }
    if (name.length > 64) {
        return "A room's name has at most 64 characters.";
    }
    if (name === "." || name === "..") {
        return "A room cannot be called a dot.";
    }
    if (/[\/\\\u0000-\u001f\u007f]/.test(name)) {
        return "A room's name has no slash and no control character.";
    }
    return "";
}

function storedRooms()
{
    try {
        const names = JSON.parse(localStorage.getItem(STORE_KEY) || "[]");

        return Array.isArray(names)
            ? names.filter((n) => typeof n === "string" && !nameProblem(n))
            : [];
    }
    catch (e) { /* storage switched off, or written by someone else */
        return [];
    }
}

function storeRooms()
{
    try {
        localStorage.setItem(STORE_KEY, JSON.stringify(
            [...rooms.keys()].filter((name) => !ROOMS.includes(name))));
    }
    catch (e) {
        /* then they last as long as the page */
    }
}

function addRoom(name)
{
    const room = newRoom(name);
    const item = make("li", "room");

    room.link = make("a");
    room.link.href = "#" + encodeURIComponent(name);
    room.link.title = "Listen to " + name;
    room.link.append(make("span", "dot"), make("span", "name", name));
    room.count = make("span", "count");
    room.link.append(room.count);
    item.append(room.link);
    if (!ROOMS.includes(name)) {
        const remove = make("button", "remove", "×");

        remove.type = "button";
        remove.setAttribute("aria-label", "Remove room " + name);
        remove.addEventListener("click", () => removeRoom(room));
        item.append(remove);
    }
    $("rooms").append(item);
    rooms.set(name, room);
    return room;
}

function removeRoom(room)
{
    rooms.delete(room.name);
    room.link.parentNode.remove();
    storeRooms();
    if (room === current) {
        location.hash = ROOMS[0];
    }
    rooms.get(ROOMS[0]).link.focus();
}

function nameFromHash()
{
    try {
        return decodeURIComponent(location.hash.slice(1)).trim();
    }
    catch (e) { /* a lone % */
        return "";
    }
}

/* The hash decides which room is shown: links, Back and bookmarks work. */
function select()
{
    let name = nameFromHash();

    if (nameProblem(name)) {
        name = ROOMS[0];
        history.replaceState(null, "", "#" + name);
    }
    if (current !== null && current.name === name) {
        return;
    }
    if (stream !== null) {
        stream.close();
        current.link.removeAttribute("aria-current");
        current.link.removeAttribute("data-state");
    }
    stopAuto();
    if (!rooms.has(name)) {
        addRoom(name);
        storeRooms();
    }
    current = rooms.get(name);
    current.link.setAttribute("aria-current", "page");
    unseen = 0;
    setPaused(false);
    showResult("", "");
    drawRoom();
    stream = new Stream(current);
}

/* ---- The stream ------------------------------------------------------- */

let stream = null;           /* of the current room */

/*
 * EventSource with a state that can be shown. It retries by itself after a
 * lost connection; where it gives up for good (an answer other than 200), we
 * ask why, show the sentence, and try again with growing pauses.
 */
class Stream {
    constructor(room)
    {
        this.room = room;
        this.source = null;
        this.state = "";
        this.since = performance.now(); /* of this state */
        this.lostAt = 0;     /* when the connection went; 0 = it has not */
        this.retries = 0;
        this.why = "";
        this.reopenMs = REOPEN_FIRST_MS;
        this.reopenAt = 0;
        this.timer = 0;
        this.open();
    }

    open()
    {
        const room = this.room;
        let url = urlOf(room);

        this.close();
        if (room.position !== "") {
            url += "?lastEventId=" + encodeURIComponent(room.position);
        }
        this.source = new EventSource(url);
        this.source.addEventListener("stream-open", (e) => {
            this.heard(e);
        });
        this.source.addEventListener("keep-alive", (e) => {
            this.heard(e);
        });
        this.source.addEventListener("stream-reset", (e) => {
            this.heard(e);
            append(room, noteEntry("warn",
                "Some events were missed: the server no longer has all of " +
                "them (stream-reset)."));
        });
        for (const type of TYPES) {
            this.source.addEventListener(type, (e) => {
                this.heard(e);
                received(room, e);
            });
        }
        this.source.onerror = () => this.failed();
        this.enter(this.lostAt === 0 ? "connecting" : this.state);
    }

    close()
    {
        clearTimeout(this.timer);
        if (this.source !== null) {
            this.source.close();
            this.source = null;
        }
    }

    enter(state)
    {
        if (state !== this.state) {
            this.state = state;
            this.since = performance.now();
        }
        drawState();
    }

    /* Anything that arrives proves the stream, and may move the position. */
    heard(e)
    {
        if (e.lastEventId !== "") {
            this.room.position = e.lastEventId;
        }
        lastHeard = performance.now();
        if (this.lostAt !== 0) {
            append(this.room, noteEntry("good", "Connected again after " +
                duration(performance.now() - this.lostAt) + "."));
        }
        this.lostAt = 0;
        this.retries = 0;
        this.why = "";
        this.reopenMs = REOPEN_FIRST_MS;
        this.enter("open");
        draw();
    }

    failed()
    {
        const wasOpen = this.state === "open";

        if (this.lostAt === 0) {
            this.lostAt = performance.now();
        }
        else {
            this.retries++;
        }
        if (wasOpen) {
            append(this.room, noteEntry("warn", "Connection lost."));
        }
        if (this.source.readyState === EventSource.CLOSED) {
            this.explain(this.source);
            return;
        }
        this.enter("lost");
    }

    /* The source does not tell what it was answered, so we ask again. */
    async explain(source)
    {
        const abort = new AbortController();
        let state = "lost";
        let why = "";

        try {
            const response = await fetch(source.url, {
                headers: {Accept: "text/event-stream"},
                cache: "no-store",
                signal: abort.signal,
            });

            if (response.status === 204) {
                state = "closed";
                why = "The server closed this room (204).";
            }
            else if (!response.ok) {
                state = "refused";
                why = await problemOf(response);
            }
        }
        catch (e) {
            /* no answer at all: lost, as it says */
        }
        abort.abort();
        if (this.source !== source) {
            return; /* the room was left, or opened again, meanwhile */
        }
        this.why = why;
        if (state !== "closed") {
            this.reopenAt = performance.now() + this.reopenMs;
            this.timer = setTimeout(() => this.open(), this.reopenMs);
            this.reopenMs = Math.min(this.reopenMs * 2, REOPEN_MOST_MS);
        }
        this.enter(state);
    }

    detail()
    {
        const now = performance.now();

        switch (this.state) {
        case "connecting":
            return "waiting for the first byte";
        case "open":
            return "open for " + span(now - this.since);
        case "lost":
            return "lost for " + span(now - this.lostAt) +
                (this.retries ? ", tried " + this.retries + "×" : "");
        case "refused":
            return "next try in " +
                span(Math.max(0, this.reopenAt - now));
        default:
            return "the server ended it for good";
        }
    }
}

/* ---- What arrived ----------------------------------------------------- */

let lastHeard = 0;           /* performance.now() of the last frame */
let paused = false;
let unseen = 0;              /* arrived while paused or hidden */
let pending = [];            /* entries of the current room, not yet drawn */
let drawing = false;

const sent = new Map();      /* id of our own event to when it was sent */

function noteEntry(tone, text)
{
    return {note: tone, text: text, date: new Date(), node: null};
}

function received(room, e)
{
    room.total++;
    room.second++;
    append(room, {
        id: e.lastEventId,
        type: e.type,
        data: e.data,
        date: new Date(),
        at: performance.now(),
        node: null,
    });
    if (sent.has(e.lastEventId)) {
        cameBack(e.lastEventId);
    }
    if (document.hidden || paused) {
        unseen++;
    }
}

function append(room, entry)
{
    room.entries.push(entry);
    if (room.entries.length > KEPT) {
        room.entries.shift();
    }
    if (room === current) {
        pending.push(entry);
        if (pending.length > KEPT) {
            pending.shift(); /* a hidden page is not drawn, but bounded */
        }
        draw();
    }
}

/* Our own event was seen: say so beside it, and how long the way took. */
function cameBack(id)
{
    const entry = current.entries.findLast((e) => e.id === id);
    const result = $("result");

    if (entry === undefined || entry.mine) {
        return;
    }
    entry.mine = true;
    if (entry.node !== null) {
        markMine(entry.node);
    }
    if (result.dataset.id === id) {
        result.append(", back here after " +
            Math.max(1, Math.round(entry.at - sent.get(id))) + " ms");
    }
}

/* ---- The list --------------------------------------------------------- */

const JSON_PARTS =
    /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.]*(?:[eE][+-]?\d+)?|true|false|null/g;

/* The data as it came, with JSON in colours: text nodes and spans only. */
function dataNode(data)
{
    const node = make("code", "data");
    const text = data.slice(0, SHOWN_CHARS);
    let last = 0;

    if (data === "") {
        node.append(make("span", "faint", "(empty)"));
        return node;
    }
    if (/^[{[]/.test(text)) {
        for (const part of text.matchAll(JSON_PARTS)) {
            const word = part[1] || part[0];
            const kind = part[2] ? "key" : part[1] ? "string" : "value";

            node.append(text.slice(last, part.index),
                make("span", "json-" + kind, word));
            last = part.index + word.length;
        }
    }
    node.append(text.slice(last));
    if (data.length > SHOWN_CHARS) {
        node.append(make("span", "faint", " … " +
            plural(data.length, "character") + " in all"));
    }
    return node;
}

function markMine(node)
{
    node.querySelector(".tag").after(make("span", "mine", "you"));
}

function entryNode(entry)
{
    const item = make("li");
    const time = make("time", "", clock(entry.date));

    time.dateTime = entry.date.toISOString();
    if (entry.note) {
        item.className = "note " + entry.note;
        item.append(time, make("span", "", entry.text));
        return item;
    }
    const meta = make("div", "meta");
    const tag = make("span", "tag", entry.type);

    tag.dataset.type = entry.type;
    item.className = "event";
    item.dataset.id = entry.id;
    item.dataset.type = entry.type;
    meta.append(tag, time, make("code", "id", entry.id));
    item.append(meta, dataNode(entry.data));
    if (entry.mine) {
        markMine(item);
    }
    return item;
}

/* Many events between two pictures are drawn in one go. */
function draw()
{
    if (drawing) {
        return;
    }
    drawing = true;
    if (document.hidden) {
        setTimeout(drawNow, 250); /* hidden pages get no animation frames */
    }
    else {
        requestAnimationFrame(drawNow);
    }
}

function drawNow()
{
    drawing = false;
    if (!paused && pending.length !== 0) {
        const feed = $("feed");
        const fragment = document.createDocumentFragment();

        for (const entry of pending) {
            entry.node = entryNode(entry);
            fragment.prepend(entry.node);
        }
        pending = [];
        feed.prepend(fragment);
        while (feed.childElementCount > KEPT) {
            feed.lastElementChild.remove();
        }
        $("empty").hidden = true;
    }
    drawFigures();
}

/* Another room: everything anew. */
function drawRoom()
{
    pending = current.entries.slice();
    $("feed").replaceChildren();
    $("empty").hidden = pending.length !== 0;
    lastHeard = 0;
    setText($("feed-room"), current.name);
    setText($("channel"), channelOf(current));
    setText($("stream-url"), urlOf(current));
    $("second").href = "#" + encodeURIComponent(current.name);
    drawShell();
    draw();
}

function drawFigures()
{
    setText($("position"), current.position || "–");
    setText($("total"), current.total.toLocaleString("en"));
    setText($("total-unit"), current.total === 1 ? "event" : "events");
    setText($("pause"), !paused ? "Pause"
        : unseen === 0 ? "Resume" : "Resume (" + unseen + " new)");
    for (const room of rooms.values()) {
        setText(room.count, room.total ? String(room.total) : "");
    }
    document.title = (unseen ? "(" + unseen + ") " : "") + current.name +
        " · mod_eventstream";
}

function drawState()
{
    if (stream === null) {
        return; /* the first one is being made: its next step draws */
    }
    $("state").dataset.state = stream.state;
    $("tile-state").dataset.state = stream.state;
    setText($("state-label"), LABELS[stream.state]);
    current.link.dataset.state = stream.state;
    setText($("why"), stream.why);
    $("why").hidden = stream.why === "";
    $("reconnect").hidden =
        !["lost", "refused", "closed"].includes(stream.state);
    drawDetail();
}

function drawDetail()
{
    setText($("stream-detail"), stream.detail());
    setText($("heard"), lastHeard === 0 ? "nothing yet"
        : "last heard " + span(performance.now() - lastHeard) + " ago");
}

function drawRate()
{
    const last = current.seconds.slice(-RATE_SECONDS);
    const rate = last.reduce((sum, n) => sum + n, 0) /
        Math.max(1, last.length);
    const most = Math.max(4, ...current.seconds);
    const step = 240 / SPARK_SECONDS;
    let path = "";

    current.seconds.forEach((n, i) => {
        const x = 240 - step * (current.seconds.length - i - 0.5);

        if (n !== 0) {
            path += "M" + x + " 28v" + (-1 - 26 * n / most).toFixed(1);
        }
    });
    $("spark").setAttribute("d", path);
    setText($("rate"), rate.toFixed(1));
    /* A screen reader reads single events out, but not a torrent. */
    $("feed").setAttribute("aria-live", rate > 0.5 ? "off" : "polite");
}

function everySecond()
{
    for (const room of rooms.values()) {
        room.seconds.push(room.second);
        room.second = 0;
        if (room.seconds.length > SPARK_SECONDS) {
            room.seconds.shift();
        }
    }
    drawRate();
    drawDetail();
    if (auto.timer !== 0) {
        drawAuto();
    }
}

function setPaused(on)
{
    paused = on;
    if (!on) {
        unseen = 0;
    }
    $("pause").setAttribute("aria-pressed", String(on));
    if (current !== null) {
        draw();
    }
}

function clearFeed()
{
    current.entries = [];
    pending = [];
    unseen = 0;
    $("feed").replaceChildren();
    $("empty").hidden = false;
    draw();
}

/* ---- Publishing ------------------------------------------------------- */

/* What the server says about a refusal; its errors are one plain sentence. */
async function problemOf(response)
{
    const type = response.headers.get("Content-Type") || "";
    const text = (await response.text()).trim();

    if (/^text\/plain\b/.test(type) && text !== "") {
        return text.slice(0, 500) + " (" + response.status + ")";
    }
    return "The server answered " + response.status + " " +
        response.statusText + ".";
}

/*
 * Publish one event; the answer {published, id, clients}, or an Error whose
 * message can be shown and whose status is 0 when there was no answer.
 */
async function publish(event)
{
    const started = performance.now();
    let response;

    try {
        response = await fetch("/publish", {
            method: "POST",
            headers: {"Content-Type": "application/json"},
            body: JSON.stringify(event),
            signal: AbortSignal.timeout(PUBLISH_MS),
        });
    }
    catch (e) {
        throw Object.assign(new Error(e.name === "TimeoutError"
            ? "The server did not answer in time."
            : "The server cannot be reached."), {status: 0});
    }
    if (!response.ok) {
        throw Object.assign(new Error(await problemOf(response)),
            {status: response.status});
    }
    const answer = await response.json();

    sent.set(answer.id, started);
    if (sent.size > KEPT) {
        sent.delete(sent.keys().next().value);
    }
    return answer;
}

function showResult(outcome, text, id)
{
    const result = $("result");

    result.dataset.outcome = outcome;
    result.dataset.id = id || "";
    result.textContent = text;
    $("data").removeAttribute("aria-invalid");
}

/* The event as the form has it; throws where the data is not JSON. */
function eventFromForm()
{
    const form = $("form");
    const event = {channel: channelOf(current)};
    const data = $("data").value;

    if (form.elements.event.value !== "message") {
        event.event = form.elements.event.value; /* message is the preset */
    }
    if (form.elements.mode.value === "json") {
        event.data = JSON.parse(data);
    }
    else {
        event.text = data;
    }
    return event;
}

async function publishForm()
{
    const room = current;
    const button = $("form").querySelector("[type=submit]");
    let event;

    if (button.getAttribute("aria-disabled") === "true") {
        return; /* one at a time */
    }
    try {
        event = eventFromForm();
    }
    catch (e) {
        showResult("error", "The data is not JSON: " + e.message +
            ". To send it as it is, choose text.");
        $("data").setAttribute("aria-invalid", "true");
        $("data").focus();
        return;
    }
    button.setAttribute("aria-disabled", "true");
    try {
        const answer = await publish(event);

        if (room === current) {
            showResult("ok", "Published " + answer.id + " to " +
                plural(answer.clients, "client"), answer.id);
            cameBack(answer.id);
        }
    }
    catch (e) {
        if (room === current) {
            showResult("error", e.message);
        }
    }
    button.removeAttribute("aria-disabled");
}

/* ---- One every second ------------------------------------------------- */

const DISHES = ["Tomato soup", "Risotto", "Green salad", "Grilled trout",
    "Lemon tart", "Espresso", "Lentil curry", "Cheese board"];
const auto = {timer: 0, count: 0, busy: false};

function sample(room, n)
{
    const event = {channel: channelOf(room)};

    if (n % 9 === 0) {
        event.event = "alert";
        event.data = {text: "Table " + (n % 7 + 1) + " is waiting", n: n};
    }
    else if (n % 4 === 0) {
        event.text = "Table " + (n % 7 + 1) + " would like to pay";
    }
    else {
        event.event = "order";
        event.data = {table: n % 7 + 1, dish: DISHES[n % DISHES.length],
            n: n};
    }
    return event;
}

async function autoSend()
{
    if (auto.busy) {
        return; /* a slow server is not asked twice */
    }
    auto.busy = true;
    try {
        const answer = await publish(sample(current, ++auto.count));

        cameBack(answer.id);
        if ($("result").dataset.outcome === "error") {
            showResult("", "");
        }
    }
    catch (e) {
        showResult("error", e.message);
        if (e.status >= 400 && e.status < 500) {
            stopAuto(); /* it will not be allowed in a second either */
        }
    }
    auto.busy = false;
    drawAuto();
}

function drawAuto()
{
    setText($("auto-label"), auto.timer === 0 ? "Send one every second"
        : "Stop sending (" + auto.count + ")");
    $("auto").setAttribute("aria-pressed", String(auto.timer !== 0));
}

function startAuto()
{
    auto.count = 0;
    auto.timer = setInterval(autoSend, 1000);
    autoSend();
    drawAuto();
}

function stopAuto()
{
    clearInterval(auto.timer);
    auto.timer = 0;
    drawAuto();
}

/* ---- The shell's lines ------------------------------------------------ */

function quoted(text)
{
    return "'" + text.replaceAll("'", "'\\''") + "'";
}

function drawShell()
{
    let event = null;

    try {
        event = eventFromForm();
    }
    catch (e) {
        /* half-typed JSON: the last line that was right stays */
    }
    if (event !== null) {
        setText($("curl-publish"),
            "curl -H 'Content-Type: application/json' \\\n  -d " +
            quoted(JSON.stringify(event)) + " \\\n  " +
            location.origin + "/publish");
    }
    setText($("curl-listen"), "curl -N " + location.origin +
        urlOf(current).replaceAll("'", "%27"));
}

async function copyFrom(button)
{
    const source = $(button.dataset.copy);
    const label = button.firstChild;

    try {
        await navigator.clipboard.writeText(source.textContent);
        label.data = "Copied";
        setTimeout(() => { label.data = "Copy"; }, 1500);
    }
    catch (e) { /* not a secure context: the reader copies by hand */
        getSelection().selectAllChildren(source);
    }
}

/* ---- Start ------------------------------------------------------------ */

const drafts = {
    json: $("data").value,
    text: "Table 4 would like to pay",
};
let mode = "json";

function changeMode()
{
    drafts[mode] = $("data").value;
    mode = $("form").elements.mode.value;
    $("data").value = drafts[mode];
    showResult("", "");
}

function listen()
{
    window.addEventListener("hashchange", select);
    window.addEventListener("pagehide", () => stream.close());
    window.addEventListener("pageshow", (e) => {
        if (e.persisted) { /* from the browser's Back cache */
            stream.open();
        }
    });
    window.addEventListener("online", () => {
        if (stream.state !== "open") {
            stream.open();
        }
    });
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden && !paused) {
            unseen = 0;
            draw();
        }
    });
    $("skip").addEventListener("click", (e) => {
        e.preventDefault(); /* the hash is the room's */
        $("publish").focus();
    });
    $("add").addEventListener("submit", (e) => {
        const input = $("add-name");
        const name = input.value.trim();
        const problem = nameProblem(name);

        e.preventDefault();
        input.setCustomValidity(problem);
        if (!input.reportValidity()) {
            return;
        }
        input.value = "";
        location.hash = encodeURIComponent(name);
    });
    $("add-name").addEventListener("input", (e) => {
        e.target.setCustomValidity("");
    });
    $("form").addEventListener("submit", (e) => {
        e.preventDefault();
        publishForm();
    });
    $("form").addEventListener("change", (e) => {
        if (e.target.name === "mode") {
            changeMode();
        }
        drawShell();
    });
    $("data").addEventListener("input", drawShell);
    $("data").addEventListener("keydown", (e) => {
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
            e.preventDefault();
            publishForm();
        }
    });
    $("auto").addEventListener("click", () => {
        if (auto.timer === 0) {
            startAuto();
        }
        else {
            stopAuto();
        }
    });
    $("pause").addEventListener("click", () => setPaused(!paused));
    $("clear").addEventListener("click", clearFeed);
    $("reconnect").addEventListener("click", () => stream.open());
    for (const button of document.querySelectorAll("[data-copy]")) {
        button.addEventListener("click", () => copyFrom(button));
    }
}

for (const name of new Set([...ROOMS, ...storedRooms()])) {
    addRoom(name);
}
listen();
select();
drawRate();
drawState();
setInterval(everySecond, 1000);
}());
