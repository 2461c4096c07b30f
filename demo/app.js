/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo page: one EventSource for the chosen room, a bounded list of the
 * events that it received, and a form that publishes to the publish Location.
 *
 *     #kitchen ── select() ──> Stream ── events ──> room ── draw ──> page
 *                                                     ^
 *     form, "every second" ── publish() ── POST ──────┘ (received as an event)
 *
 * Each room keeps its own list, statistics and position. When another room is
 * chosen, the stream of the old one is closed, since browsers allow six
 * HTTP/1.1 connections to one host. When the room is chosen again, its stream
 * resumes after the position.
 *
 * This file imports all others. Each of them imports only files on its left:
 *
 *     page.js   rooms.js   stream.js, stats.js   list.js   publish.js
 *     auto.js, shell.js
 */

import {$, setText} from "./page.js";
import {channelOf, current, enterRoom, nameFromHash, startRooms, urlOf}
    from "./rooms.js";
import {Stream} from "./stream.js";
import {countSecond, drawDetail, drawRate, drawState, frameReceived,
    nothingReceived} from "./stats.js";
import {addEvent, addNote, draw, showList, startList} from "./list.js";
import {markOwn, showResult, startForm} from "./publish.js";
import {drawAuto, startAuto, stopAuto} from "./auto.js";
import {drawShell, startShell} from "./shell.js";

let stream = null;           /* of the current room */

function openStream(room)
{
    return new Stream(room, {
        changed: drawState,
        received: () => {
            frameReceived();
            draw();
        },
        note: (tone, text) => addNote(room, tone, text),
        event: (e) => {
            addEvent(room, e);
            markOwn(e.lastEventId);
        },
    });
}

/* Shows the room in the hash, with a new stream. */
function select()
{
    const name = nameFromHash();

    if (current !== null && current.name === name) {
        return;
    }
    if (stream !== null) {
        stream.close();
    }
    stopAuto();
    enterRoom(name);
    showResult("", "");
    showList();
    nothingReceived();
    setText($("channel"), channelOf(current));
    setText($("stream-url"), urlOf(current));
    $("second").href = "#" + encodeURIComponent(current.name);
    drawShell();
    stream = openStream(current);
}

function everySecond()
{
    countSecond();
    drawRate();
    drawDetail(stream);
    drawAuto();
}

function listen()
{
    window.addEventListener("hashchange", select);
    window.addEventListener("pagehide", () => stream.close());
    window.addEventListener("pageshow", (e) => {
        if (e.persisted) { /* from the browser's back/forward cache */
            stream.open();
        }
    });
    window.addEventListener("online", () => {
        if (stream.state !== "open") {
            stream.open();
        }
    });
    $("reconnect").addEventListener("click", () => stream.open());
    $("skip").addEventListener("click", (e) => {
        e.preventDefault(); /* the hash names the room */
        $("publish").focus();
    });
}

startRooms();
startList();
startForm(drawShell);
startAuto();
startShell();
listen();
select();
drawRate();
setInterval(everySecond, 1000);
