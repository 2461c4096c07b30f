/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tiles and the pill: the stream's state, the current room's position,
 * rate and total. Most of what they show is kept by the rooms and the stream.
 */

import {$, setText, span} from "./page.js";
import {allRooms, current, drawCounts} from "./rooms.js";

const RATE_SECONDS = 5;      /* the rate is a mean over these */
const SPARK_SECONDS = 60;    /* width of the little chart */
const SPARK_WIDTH = 240;     /* its viewBox in index.html */

const LABELS = {
    connecting: "Connecting",
    open: "Open",
    lost: "Lost, retrying",
    refused: "Refused, retrying",
    closed: "Closed",
};

let heardAt = 0;             /* the last frame's time; 0 = none yet */

export function drawFigures()
{
    setText($("position"), current.position || "–");
    setText($("total"), current.total.toLocaleString("en"));
    setText($("total-unit"), current.total === 1 ? "event" : "events");
    drawCounts();
}

export function drawState(stream)
{
    $("state").dataset.state = stream.state;
    $("tile-state").dataset.state = stream.state;
    setText($("state-label"), LABELS[stream.state]);
    current.link.dataset.state = stream.state;
    setText($("why"), stream.why);
    $("why").hidden = stream.why === "";
    $("reconnect").hidden =
        !["lost", "refused", "closed"].includes(stream.state);
    drawDetail(stream);
}

/** The part of the state that changes with the time alone. */
export function drawDetail(stream)
{
    setText($("stream-detail"), stream.detail());
    setText($("heard"), heardAt === 0 ? "nothing yet"
        : "last heard " + span(performance.now() - heardAt) + " ago");
}

/** A frame has come from the current room. */
export function frameHeard()
{
    heardAt = performance.now();
}

/** Another room: none has come yet. */
export function nothingHeard()
{
    heardAt = 0;
}

/** A second is over, in every room. */
export function countSecond()
{
    for (const room of allRooms()) {
        room.seconds.push(room.second);
        room.second = 0;
        if (room.seconds.length > SPARK_SECONDS) {
            room.seconds.shift();
        }
    }
}

export function drawRate()
{
    const last = current.seconds.slice(-RATE_SECONDS);
    const rate = last.reduce((sum, n) => sum + n, 0) /
        Math.max(1, last.length);
    const most = Math.max(4, ...current.seconds);
    const step = SPARK_WIDTH / SPARK_SECONDS;
    let path = "";

    current.seconds.forEach((n, i) => {
        const x = SPARK_WIDTH - step * (current.seconds.length - i - 0.5);

        if (n !== 0) {
            path += "M" + x + " 28v" + (-1 - 26 * n / most).toFixed(1);
        }
    });
    $("spark").setAttribute("d", path);
    setText($("rate"), rate.toFixed(1));
    /* A screen reader reads single events out, but not a torrent. */
    $("feed").setAttribute("aria-live", rate > 0.5 ? "off" : "polite");
}
