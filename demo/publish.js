/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form, and publishing to the publish Location. The page receives its own
 * event over the stream as any other client does; then the event is marked in
 * the list, and the result shows how long that took.
 */

import {$, plural, problemOf} from "./page.js";
import {channelOf, current} from "./rooms.js";
import {markEvent} from "./list.js";

const PUBLISH_MS = 10000;    /* the longest wait for an answer */
const SENT_KEPT = 100;       /* ids of our own events */

const sent = new Map();      /* id of our own event to its time of sending */

/**
 * Publish one event. Returns the answer {published, id, clients} or throws an
 * Error whose message can be shown; its status is 0 if there was no answer.
 */
export async function publish(event)
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
    if (sent.size > SENT_KEPT) {
        sent.delete(sent.keys().next().value);
    }
    return answer;
}

/**
 * If the event with this id is our own and has arrived, mark it and show how
 * long that took. Called when it arrives and when it is acknowledged, since
 * either may be first.
 */
export function markOwn(id)
{
    const result = $("result");
    const entry = sent.has(id) ? markEvent(id) : null;

    if (entry !== null && result.dataset.id === id) {
        result.append(", received here after " +
            Math.max(1, Math.round(entry.at - sent.get(id))) + " ms");
    }
}

/* ---- The form --------------------------------------------------------- */

const drafts = {
    json: $("data").value,
    text: "Table 4 would like to pay",
};
let mode = "json";

/** Show the result of publishing; the outcome is "ok", "error" or "". */
export function showResult(outcome, text, id)
{
    const result = $("result");

    result.dataset.outcome = outcome;
    result.dataset.id = id || "";
    result.textContent = text;
    $("data").removeAttribute("aria-invalid");
}

/** The event in the form; throws if the data is not JSON. */
export function eventFromForm()
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
            markOwn(answer.id);
        }
    }
    catch (e) {
        if (room === current) {
            showResult("error", e.message);
        }
    }
    button.removeAttribute("aria-disabled");
}

function changeMode()
{
    drafts[mode] = $("data").value;
    mode = $("form").elements.mode.value;
    $("data").value = drafts[mode];
    showResult("", "");
}

/** Listen to the form; changed() is called when its event changes. */
export function startForm(changed)
{
    $("form").addEventListener("submit", (e) => {
        e.preventDefault();
        publishForm();
    });
    $("form").addEventListener("change", (e) => {
        if (e.target.name === "mode") {
            changeMode();
        }
        changed();
    });
    $("data").addEventListener("input", changed);
    $("data").addEventListener("keydown", (e) => {
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
            e.preventDefault();
            publishForm();
        }
    });
}
