/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all parts of the page use: its nodes, and words for what is shown.
 *
 * Whatever comes from the network reaches the page through these, as text,
 * never as markup.
 */

export const $ = (id) => document.getElementById(id);

/** A new element with a class and a text, both of which may be left out. */
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
    if (node.textContent !== text) { /* spares screen readers a repeat */
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

/** The same, with tenths of a second where they tell something. */
export function duration(ms)
{
    return ms < 10000 ? (ms / 1000).toFixed(1) + " s" : span(ms);
}

export function plural(n, word)
{
    return n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");
}

/**
 * What the server says about a refusal; its errors are one plain sentence.
 * Reads the body of the response.
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
