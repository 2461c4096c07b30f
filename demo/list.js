/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of events of the current room, newest on top. Entries wait in
 * `pending` until the next frame is drawn. While the list is paused or the page
 * hidden, they wait longer; no more are kept than the list can show.
 *
 * An entry is an event {id, type, data, date, at, mine, node} or a note
 * {note, text, date, node}; node is null until it is drawn.
 */

import {$, clock, make, plural, setText} from "./page.js";
import {current} from "./rooms.js";
import {drawStats} from "./stats.js";

const KEPT = 100;            /* entries of a room's list */
const SHOWN_CHARS = 1500;    /* of one event's data */

let paused = false;
let unseen = 0;              /* arrived while paused or hidden */
let pending = [];            /* entries of the current room, not yet drawn */
let drawing = false;         /* drawNow() is scheduled */

/* ---- Entries ---------------------------------------------------------- */

function append(room, entry)
{
    room.entries.push(entry);
    if (room.entries.length > KEPT) {
        room.entries.shift();
    }
    if (room === current) {
        pending.push(entry);
        if (pending.length > KEPT) {
            pending.shift(); /* a hidden page is not drawn: keep the limit */
        }
        draw();
    }
}

/** Add a note of the page itself; the tone is "good" or "warn". */
export function addNote(room, tone, text)
{
    append(room, {note: tone, text: text, date: new Date(), node: null});
}

/** Add and count an event, a MessageEvent of the room's stream. */
export function addEvent(room, e)
{
    room.total++;
    room.second++;
    append(room, {
        id: e.lastEventId,
        type: e.type,
        data: e.data,
        date: new Date(),
        at: performance.now(),
        mine: false,
        node: null,
    });
    if (document.hidden || paused) {
        unseen++;
    }
}

/**
 * Mark the event with this id as published by this page. Returns its entry, or
 * null if it has not arrived or is marked already.
 */
export function markEvent(id)
{
    const entry = current.entries.findLast((e) => e.id === id);

    if (entry === undefined || entry.mine) {
        return null;
    }
    entry.mine = true;
    if (entry.node !== null) {
        markMine(entry.node);
    }
    return entry;
}

/* ---- Entries as nodes ------------------------------------------------- */

const JSON_PARTS =
    /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.]*(?:[eE][+-]?\d+)?|true|false|null/g;

/* The data as received, with JSON in colours: text nodes and spans only. */
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

/* ---- Drawing ---------------------------------------------------------- */

/** Schedule a redraw; events that arrive before it are drawn together. */
export function draw()
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
        const list = $("events");
        const fragment = document.createDocumentFragment();

        for (const entry of pending) {
            entry.node = entryNode(entry);
            fragment.prepend(entry.node);
        }
        pending = [];
        list.prepend(fragment);
        while (list.childElementCount > KEPT) {
            list.lastElementChild.remove();
        }
        $("empty").hidden = true;
    }
    drawStats();
    drawUnseen();
}

function drawUnseen()
{
    setText($("pause"), !paused ? "Pause"
        : unseen === 0 ? "Resume" : "Resume (" + unseen + " new)");
    document.title = (unseen ? "(" + unseen + ") " : "") + current.name +
        " · mod_eventstream";
}

/** Show the list of the current room, not paused. */
export function showList()
{
    pending = current.entries.slice();
    $("events").replaceChildren();
    $("empty").hidden = pending.length !== 0;
    setText($("list-room"), current.name);
    setPaused(false);
}

function setPaused(on)
{
    paused = on;
    if (!on) {
        unseen = 0;
    }
    $("pause").setAttribute("aria-pressed", String(on));
    draw();
}

function clearList()
{
    current.entries = [];
    pending = [];
    unseen = 0;
    $("events").replaceChildren();
    $("empty").hidden = false;
    draw();
}

/** Listen to the list's buttons, and to the page becoming visible again. */
export function startList()
{
    $("pause").addEventListener("click", () => setPaused(!paused));
    $("clear").addEventListener("click", clearList);
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden && !paused) {
            unseen = 0;
            draw();
        }
    });
}
