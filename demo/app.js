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
 * This file knows everyone. The others, each importing only from the left:
 *
 *     page.js   rooms.js   stream.js, meter.js   feed.js   publish.js
 *     auto.js, shell.js
 */

import {$, setText} from "./page.js";
import {channelOf, current, enterRoom, nameFromHash, startRooms, urlOf}
    from "./rooms.js";
import {Stream} from "./stream.js";
import {countSecond, drawDetail, drawRate, drawState, frameHeard,
    nothingHeard} from "./meter.js";
import {addEvent, addNote, draw, showFeed, startFeed} from "./feed.js";
import {cameBack, showResult, startForm} from "./publish.js";
import {drawAuto, startAuto, stopAuto} from "./auto.js";
import {drawShell, startShell} from "./shell.js";

let stream = null;           /* of the current room */

function openStream(room)
{
    return new Stream(room, {
        changed: drawState,
        heard: () => {
            frameHeard();
            draw();
        },
        note: (tone, text) => addNote(room, tone, text),
        event: (e) => {
            addEvent(room, e);
            cameBack(e.lastEventId);
        },
    });
}

/* Another room: everything anew. */
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
    showFeed();
    nothingHeard();
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
        if (e.persisted) { /* from the browser's Back cache */
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
        e.preventDefault(); /* the hash is the room's */
        $("publish").focus();
    });
}

startRooms();
startFeed();
startForm(drawShell);
startAuto();
startShell();
listen();
select();
drawRate();
setInterval(everySecond, 1000);
