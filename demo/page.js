/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by all files of the page: access to its nodes, and texts for times
 * and numbers.
 *
 * Data from the network reaches the page through these functions only, as
 * text, never as markup.
 */

export const $ = (id) => document.getElementById(id);

/** A new element with a class and a text; both may be left out. */
export function make(tag, className, text)
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

export function setText(node, text)
{
    if (node.textContent !== text) { /* a screen reader reads it once */
        node.textContent = text;
    }
}

/** The time of day, as in 09:05:00. */
export function clock(date)
{
    const two = (n) => String(n).padStart(2, "0");

    return two(date.getHours()) + ":" + two(date.getMinutes()) + ":" +
        two(date.getSeconds());
}

/** A span of time in whole seconds, minutes or hours. */
export function span(ms)
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

/** The same, with tenths of a second below 10 seconds. */
export function duration(ms)
{
    return ms < 10000 ? (ms / 1000).toFixed(1) + " s" : span(ms);
}

export function plural(n, word)
{
    return n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");
}

/**
 * The reason in an error response: its body is one plain sentence. Reads the
 * body of the response.
 */
export async function problemOf(response)
{
    const type = response.headers.get("Content-Type") || "";
    const text = (await response.text()).trim();

    if (/^text\/plain\b/.test(type) && text !== "") {
        return text.slice(0, 500) + " (" + response.status + ")";
    }
    return "The server answered " + response.status + " " +
        response.statusText + ".";
}
