/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of the status page is one module, put together of the files of
 * this folder in this order: text, plot, table, stream, overview, cards,
 * channels, channel, start. Data from the network reaches the page as text,
 * never as markup.
 */

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

/* ---- Nodes --------------------------------------------------------------- */

/** A new element with a class and a text; both may be left out. */
function make(tag, className, text)
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

/** A new element of SVG with attributes. */
function makeSvg(tag, attributes)
{
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);

    for (const name in attributes) {
        node.setAttribute(name, attributes[name]);
    }
    return node;
}

function setText(node, text)
{
    if (node.textContent !== text) { /* a screen reader reads it once */
        node.textContent = text;
    }
}

function badge(text, tone)
{
    return make("span", "badge" + (tone ? " " + tone : ""), text);
}

/* ---- Numbers and times --------------------------------------------------- */

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const compact = new Intl.NumberFormat("en", {notation: "compact",
    maximumFractionDigits: 1});

/** A count, as in 12,345 or 1.2M. */
function count(n)
{
    return n < 1000000 ? whole.format(n) : compact.format(n);
}

/** A rate: 0, 0.4, 12, 1,234. */
function rate(n)
{
    return n === 0 ? "0" : n < 0.05 ? "<0.1" : n < 10 ? n.toFixed(1) : count(n);
}

/** Bytes, as in 812 B or 1.5 MB. */
function bytes(n)
{
    const units = ["B", "KB", "MB", "GB", "TB"];
    let i = 0;

    while (n >= 1000 && i < units.length - 1) {
        n /= 1024;
        i++;
    }
    return (i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " +
        units[i];
}

/** A span of time: 80 µs, 3 ms, 1.2 s, 4 min, 3 h, 2 d. */
function span(ms)
{
    if (ms < 0.95) {
        return ms === 0 ? "0 ms" : Math.round(ms * 1000) + " µs";
    }
    if (ms < 1000) {
        return (ms < 10 ? String(+ms.toFixed(1)) : Math.round(ms)) + " ms";
    }
    const s = ms / 1000;

    if (s < 10) {
        return String(+s.toFixed(1)) + " s";
    }
    if (s < 60) {
        return Math.round(s) + " s";
    }
    if (s < 3600) {
        return Math.floor(s / 60) + " min";
    }
    if (s < 86400) {
        return Math.floor(s / 3600) + " h";
    }
    return Math.floor(s / 86400) + " d";
}

/** The time of day, as in 09:05:00. */
function clock(ms)
{
    const date = new Date(ms);

    return [date.getHours(), date.getMinutes(), date.getSeconds()].map(
        (n) => String(n).padStart(2, "0")).join(":");
}

function plural(n, one, many)
{
    return count(n) + " " + (n === 1 ? one : many);
}

/* ---- Requests ------------------------------------------------------------ */

const ANSWER_MS = 10000;

/** The address of this page with another query. */
function urlOf(parameters)
{
    return location.pathname + "?" + new URLSearchParams(parameters);
}

/** The sentence of an answer that is no success. */
async function problemOf(response)
{
    const text = (await response.text()).trim();

    return (text.length > 0 && text.length < 300 && !text.startsWith("<")
        ? text : "The server refused it.") + " (" + response.status + ")";
}

/** The JSON of this page with another query; throws an Error to be shown. */
async function ask(parameters)
{
    let response;

    try {
        response = await fetch(urlOf(parameters), {
            headers: {Accept: "application/json"},
            signal: AbortSignal.timeout(ANSWER_MS),
        });
    }
    catch (e) {
        throw new Error(e.name === "TimeoutError"
            ? "The server did not answer in time."
            : "The server cannot be reached.");
    }
    if (!response.ok) {
        throw new Error(await problemOf(response));
    }
    return response.json();
}

function showProblem(text)
{
    setText($("problem"), text);
    $("problem").hidden = text === "";
}
