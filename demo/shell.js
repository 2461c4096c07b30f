/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "The same from a shell": the curl commands that publish the form's event and
 * subscribe to the current room, and the buttons that copy them.
 */

import {$, setText} from "./page.js";
import {current, urlOf} from "./rooms.js";
import {eventFromForm} from "./publish.js";

const COPIED_MS = 1500;      /* how long a button shows "Copied" */

/* The text as one quoted word of a POSIX shell. */
function quoted(text)
{
    return "'" + text.replaceAll("'", "'\\''") + "'";
}

function publishLine(event)
{
    return "curl -H 'Content-Type: application/json' \\\n  -d " +
        quoted(JSON.stringify(event)) + " \\\n  " +
        location.origin + "/publish";
}

function listenLine(room)
{
    return "curl -N " + location.origin + urlOf(room).replaceAll("'", "%27");
}

export function drawShell()
{
    let event = null;

    try {
        event = eventFromForm();
    }
    catch (e) {
        /* incomplete JSON: the last valid command stays */
    }
    if (event !== null) {
        setText($("curl-publish"), publishLine(event));
    }
    setText($("curl-listen"), listenLine(current));
}

async function copyFrom(button)
{
    const source = $(button.dataset.copy);
    const label = button.firstChild;

    try {
        await navigator.clipboard.writeText(source.textContent);
        label.data = "Copied";
        setTimeout(() => { label.data = "Copy"; }, COPIED_MS);
    }
    catch (e) { /* not a secure context: select it for the user */
        getSelection().selectAllChildren(source);
    }
}

/** Listen to the buttons. */
export function startShell()
{
    for (const button of document.querySelectorAll("[data-copy]")) {
        button.addEventListener("click", () => copyFrom(button));
    }
}
