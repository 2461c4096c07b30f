/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of one origin and streams of another, with and without a login:
 * node cors.mjs URL-OF-PAGES URL-OF-STREAMS BROWSER. Also what a browser makes
 * of EventStreamErrorForm.
 *
 * The login is a cookie, set by /login. Two ports of a host are two origins,
 * but one site, and have the same cookies. So a browser sends the cookie from
 * one to the other, where credentials are asked for.
 */

import {fact, publish, run, until} from "./common.mjs";
import {openBrowser} from "./tabs.mjs";

const [pages, streams, name] = process.argv.slice(2);
const QUIET_MS = 1500; /* some times EventStreamRetry, in which nothing comes */

/* Runs in the page: opens an EventSource, notes all that it tells. */
function listen({url, credentials})
{
    const source = new EventSource(url, {withCredentials: credentials});

    window.seen = [];
    window.errors = 0;
    window.opened = 0;
    window.source = source;
    source.onopen = () => window.opened++;
    source.onerror = () => window.errors++;
    source.onmessage = (event) => window.seen.push(event.data);
    source.addEventListener("stream-error", (event) =>
        window.seen.push(JSON.parse(event.data).condition + " " +
            JSON.parse(event.data).status));
}

const stateOf = () => ({state: window.source.readyState, seen: window.seen,
    errors: window.errors, opened: window.opened});

/* Runs in the page: what fetch() tells of an answer. */
async function ask({url, method, headers, credentials, body})
{
    try {
        const response = await fetch(url, {method, headers, body,
            credentials: credentials ? "include" : "omit"});

        if ((response.headers.get("Content-Type") || "").startsWith(
            "text/event-stream") && response.ok) {
            const reader = response.body.getReader();
            const {value} = await reader.read();

            await reader.cancel();
            return response.status + " " + new TextDecoder().decode(value)
                .replace(/^retry: .*\n/, "").split("\n")[0];
        }
        return response.status + " " + (await response.text()).trim();
    }
    catch (e) {
        return "blocked";
    }
}

/* How often httpd was asked for a path with a method, by its log. */
async function count(path, method)
{
    const log = await (await fetch(new URL("/log", streams))).text();

    return log.split("\n").filter((line) =>
        line.startsWith(`${method} ${path} `)).length;
}

const say = (text) => `${name}: ${text}`;

async function is(tab, what, options, expected)
{
    const got = await tab.evaluate(ask, {method: "GET", ...options,
        url: streams + options.path});

    fact(say(what), got === expected, got);
}

async function sourceIs(tab, what, path, credentials, condition)
{
    await tab.evaluate(listen, {url: streams + path, credentials});
    fact(say(what), await until(async () =>
        condition(await tab.evaluate(stateOf)), 60000),
        await tab.evaluate(stateOf));
}

/* ---- An EventSource ------------------------------------------------------ */

async function eventSources(tab)
{
    await sourceIs(tab, "without EventStreamAllowOrigin no page of another " +
        "origin hears a stream", "off", false,
        (s) => s.state === 2 && s.opened === 0);
    for (const credentials of [false, true]) {
        const how = credentials ? "with credentials" : "without credentials";

        await sourceIs(tab, "a listed origin opens a stream, " + how,
            "events", credentials, (s) => s.state === 1);
        await publish(streams, {channel: "a", text: "hello"});
        fact(say("and hears an event, " + how), await until(async () =>
            (await tab.evaluate(stateOf)).seen.join() === "hello"));
        await tab.evaluate(() => window.source.close());
    }
    await sourceIs(tab, "* lets a page hear without credentials", "star",
        false, (s) => s.state === 1);
    await tab.evaluate(() => window.source.close());
    await sourceIs(tab, "* does not with credentials", "star", true,
        (s) => s.state === 2 && s.opened === 0);
    await sourceIs(tab, "a stream with a login opens with the cookie",
        "private", true, (s) => s.state === 1);
    await tab.evaluate(() => window.source.close());
    await sourceIs(tab, "without it the page learns of no status", "private",
        false, (s) => s.state === 2 && s.seen.length === 0);
}

/* ---- fetch() ------------------------------------------------------------- */

async function fetches(tab)
{
    const custom = {"Last-Event-ID": "1-1", "X-Custom": "1"};
    const before = await count("/private", "OPTIONS");

    await is(tab, "fetch() of a stream that is off is blocked",
        {path: "off"}, "blocked");
    await is(tab, "fetch() with a header that needs a preflight, with the " +
        "cookie", {path: "private", headers: custom, credentials: true},
        "200 event: stream-open");
    fact(say("the preflight was asked for"), await until(async () =>
        await count("/private", "OPTIONS") === before + 1));
    await is(tab, "and without the cookie: it reads the status and text of " +
        "403", {path: "private", headers: custom}, "403 no login");
    await is(tab, "fetch() reads the status and text of 401",
        {path: "user", headers: custom}, "401 no password");
    await is(tab, "fetch() reads the text of our own 403",
        {path: "few?c=b"}, "403 Channel not allowed: b.");
    await is(tab, "fetch() reads the status and text of 400",
        {path: "few"}, "400 No specified channels.");
    await is(tab, "* lets fetch() read, too, after a preflight",
        {path: "star", headers: custom}, "200 event: stream-open");
    await is(tab, "but not with credentials",
        {path: "star", headers: custom, credentials: true}, "blocked");
    await is(tab, "* lets fetch() read the text of an error",
        {path: "star", headers: {Accept: "text/plain"}},
        "406 Not Acceptable.");
    await is(tab, "a method that the preflight does not list is blocked",
        {path: "events", method: "DELETE"}, "blocked");
    await is(tab, "a page of a listed origin may publish",
        {path: "publish?channel=b", method: "POST", body: "{",
            headers: {"Content-Type": "application/json"}},
        "400 JSON, line 1, column 1: the text ends too early.");
}

/* ---- EventStreamErrorForm ------------------------------------------------ */

async function errorForms(tab)
{
    const before = await count("/form", "GET");

    for (const [path, error] of [["denied", "forbidden 403"],
        ["stardenied", "forbidden 403"],
        ["formfew", "bad-request 400"], ["form", "forbidden 403"]]) {
        await sourceIs(tab, `an EventSource at /${path} hears ${error}, ` +
            "once, comes back and stops for good", path, false,
            (s) => s.seen.join() === error && s.state === 2);
    }
    await new Promise((done) => setTimeout(done, QUIET_MS));
    fact(say("httpd was asked twice, and not again"), await until(async () =>
        await count("/form", "GET") === before + 2),
        await count("/form", "GET") - before);
    await sourceIs(tab, "with a login it opens", "form", true,
        (s) => s.state === 1);
    await tab.evaluate(() => window.source.close());
    await sourceIs(tab, "what fails on the server is told, and tried again",
        "broken", true, (s) => s.seen.length >= 2 && s.state !== 2);
    fact(say("each time as internal-error"), (await tab.evaluate(stateOf)).seen
        .every((text) => text === "internal-error 503"));
    await tab.evaluate(() => window.source.close());
    await sourceIs(tab, "AuthType Basic asks for no password", "basic", true,
        (s) => s.seen.join() === "unauthorized 401" && s.state === 2);
}

async function main()
{
    const browser = await openBrowser(name);

    try {
        const login = await browser.newTab(streams + "login");

        await login.close();

        const tab = await browser.newTab(pages + "page.html");

        await eventSources(tab);
        await fetches(tab);
        await errorForms(tab);
    }
    finally {
        await browser.close();
    }
}

run(main);
