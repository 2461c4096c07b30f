/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Send one every second": sample events for the current room, published as
 * the form does, until the user stops it or chooses another room, or until the
 * server refuses one.
 */

import {$, setText} from "./page.js";
import {channelOf, current} from "./rooms.js";
import {markOwn, publish, showResult} from "./publish.js";

const DISHES = ["Tomato soup", "Risotto", "Green salad", "Grilled trout",
    "Lemon tart", "Espresso", "Lentil curry", "Cheese plate"];

let timer = 0;               /* 0 = off */
let count = 0;               /* attempts since it was started */
let busy = false;            /* a request is under way */

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
    if (busy) {
        return; /* one request at a time, however slow the server */
    }
    busy = true;
    try {
        const answer = await publish(sample(current, ++count));

        markOwn(answer.id);
        if ($("result").dataset.outcome === "error") {
            showResult("", "");
        }
    }
    catch (e) {
        showResult("error", e.message);
        if (e.status >= 400 && e.status < 500) {
            stopAuto(); /* the next one would be refused, too */
        }
    }
    busy = false;
    drawAuto();
}

/** Draw the button with the number of attempts. */
export function drawAuto()
{
    setText($("auto-label"), timer === 0 ? "Send one every second"
        : "Stop sending (" + count + ")");
    $("auto").setAttribute("aria-pressed", String(timer !== 0));
}

function turnOn()
{
    count = 0;
    timer = setInterval(autoSend, 1000);
    autoSend();
    drawAuto();
}

export function stopAuto()
{
    clearInterval(timer);
    timer = 0;
    drawAuto();
}

/** Listen to the button. */
export function startAuto()
{
    $("auto").addEventListener("click", () => {
        if (timer === 0) {
            turnOn();
        }
        else {
            stopAuto();
        }
    });
}
