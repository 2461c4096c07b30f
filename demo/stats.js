/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tiles and the state in the top bar: the stream's state, and the current
 * room's position, rate and total. The rooms and the stream hold most of the
 * values.
 */

import {$, setText, span} from "./page.js";
import {allRooms, current, drawCounts} from "./rooms.js";

const RATE_SECONDS = 5;      /* the rate is a mean over these */
const CHART_SECONDS = 60;    /* width of the chart */
const CHART_WIDTH = 240;     /* its viewBox in index.html */

const LABELS = {
    connecting: "Connecting",
    open: "Open",
    lost: "Lost, retrying",
    refused: "Refused, retrying",
    closed: "Closed",
};

let receivedAt = 0;          /* the last frame's time; 0 = none yet */

export function drawStats()
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

/** Draw the parts of the state that change with time. */
export function drawDetail(stream)
{
    setText($("stream-detail"), stream.detail());
    setText($("received"), receivedAt === 0 ? "nothing yet"
        : "last one " + span(performance.now() - receivedAt) + " ago");
}

/** A frame has arrived from the current room. */
export function frameReceived()
{
    receivedAt = performance.now();
}

/** Another room is shown: no frame has arrived yet. */
export function nothingReceived()
{
    receivedAt = 0;
}

/** Called each second: count its events, in every room. */
export function countSecond()
{
    for (const room of allRooms()) {
        room.seconds.push(room.second);
        room.second = 0;
        if (room.seconds.length > CHART_SECONDS) {
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
    const step = CHART_WIDTH / CHART_SECONDS;
    let path = "";

    current.seconds.forEach((n, i) => {
        const x = CHART_WIDTH - step * (current.seconds.length - i - 0.5);

        if (n !== 0) {
            path += "M" + x + " 28v" + (-1 - 26 * n / most).toFixed(1);
        }
    });
    $("chart").setAttribute("d", path);
    setText($("rate"), rate.toFixed(1));
    /* A screen reader reads out single events, but not many in a second. */
    $("events").setAttribute("aria-live", rate > 0.5 ? "off" : "polite");
}
