/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status page in Firefox: node status-firefox.mjs URL. What Chromium is
 * asked in all detail (status.mjs) is asked here once for each kind of thing
 * that browsers do in their own ways: streams by fetch, styles, forms, names.
 *
 * Environment: ES_FIREFOX (the browser), ES_SHOTS as for status.mjs.
 */

import fs from "node:fs";

import {fact, publish, run, until} from "./common.mjs";
import {Firefox} from "./marionette.mjs";

const HOSTILE = '<img src=x onerror="document.title=1">&amp;';

const base = process.argv[2];
const status = new URL("/status", base).href;

/* Errors of the page since it was loaded. */
const watchErrors = () => {
    window.failed = [];
    window.addEventListener("error", (e) => window.failed.push(e.message));
    window.addEventListener("unhandledrejection", (e) =>
        window.failed.push(String(e.reason)));
};

/* What a tile shows. */
const tileOf = (label) => [...document.querySelectorAll(".tile")].find(
    (node) => node.querySelector("dt").textContent === label)
    .querySelector("dd").firstChild.textContent;

const textOf = (selector) => document.querySelector(selector).textContent;
const stateOf = (id) => document.getElementById(id).dataset.state;

async function shoot(firefox, name)
{
    if (process.env.ES_SHOTS) {
        fs.writeFileSync(process.env.ES_SHOTS + "/firefox-" + name + ".png",
            Buffer.from(await firefox.order("WebDriver:TakeScreenshot",
                {full: true}), "base64"));
    }
}

/* Type into a field, as a user does. */
async function type(firefox, selector, text)
{
    await firefox.evaluate((where, what) => {
        const node = document.querySelector(where);

        node.value = what;
        node.dispatchEvent(new Event("input", {bubbles: true}));
    }, selector, text);
}

async function overview(firefox)
{
    await firefox.tab(status);
    await firefox.evaluate(watchErrors);
    fact("the page is live", await until(async () =>
        await firefox.evaluate(stateOf, "live") === "open", 60000),
        await firefox.evaluate(stateOf, "live"));
    for (let i = 0; i < 30; i++) {
        await publish(base, {channel: "fox", text: "event " + i});
    }
    fact("the rate of published events rises", await until(async () =>
        parseFloat(await firefox.evaluate(tileOf, "Published")) > 0, 60000));
    fact("a plot has a line", await until(async () =>
        await firefox.evaluate(() => /^M.+L/.test(document.querySelector(
            "#plot-published .s0 .line").getAttribute("d")))));
    fact("the page tells how its own stream is served", await until(
        async () => /is detached: its socket/.test(
            await firefox.evaluate(textOf, "#browser"))),
        await firefox.evaluate(textOf, "#browser"));
    await publish(base, {channel: HOSTILE, text: HOSTILE});
    await type(firefox, "#q", HOSTILE);
    fact("a hostile name is found as text", await until(async () =>
        await firefox.evaluate(() => [...document.querySelectorAll(
            "#channels tbody a")].map((a) => a.textContent).join("\n"))
            === HOSTILE));
    fact("it gives no element and runs no script", await firefox.evaluate(
        () => document.querySelectorAll("main img, main script").length === 0 &&
            document.title === "Event streams"));
    await type(firefox, "#q", "");
    await until(async () => await firefox.evaluate(
        () => document.querySelectorAll("#channels tbody tr").length > 1));
    await shoot(firefox, "desk");
    fact("the page sees no error", (await firefox.evaluate(
        () => window.failed)).length === 0, await firefox.evaluate(
        () => window.failed));
}

async function channel(firefox)
{
    await firefox.tab(status + "?channel=" + encodeURIComponent(HOSTILE));
    await firefox.evaluate(watchErrors);
    fact("the stream of a channel is live", await until(async () =>
        await firefox.evaluate(stateOf, "c-live") === "open", 60000));
    fact("its name is text", await firefox.evaluate(textOf, "#c-name")
        === HOSTILE);
    fact("it begins with what is retained", await until(async () =>
        await firefox.evaluate(textOf, "#events pre") === HOSTILE));
    fact("a test event can be published", await until(async () =>
        await firefox.evaluate(() => document.querySelector("#c-publish")
            .checkVisibility())));
    await firefox.evaluate(() => {
        document.querySelector("#p-type").value = "fox";
        document.querySelector("#p-data").value = "two\nlines";
        document.querySelector("#publish [type=submit]").click();
    });
    fact("and is received", await until(async () =>
        await firefox.evaluate(textOf, "#events pre") === "two\nlines"));
    await shoot(firefox, "channel");
    fact("the page of a channel sees no error", (await firefox.evaluate(
        () => window.failed)).length === 0, await firefox.evaluate(
        () => window.failed));
}

/* In the dark, and as narrow as Firefox's window can be. */
async function otherDevices(firefox)
{
    await firefox.order("WebDriver:SetWindowRect", {width: 450, height: 900});
    await firefox.tab(status);
    await until(async () => await firefox.evaluate(stateOf, "live") === "open",
        60000);
    fact("a dark colour scheme has a dark background",
        await firefox.evaluate(() => getComputedStyle(document.body)
            .backgroundColor.match(/\d+/g).every((n) => n < 64)));
    fact("the page does not scroll sideways in a narrow window", await until(
        async () => await firefox.evaluate(() => innerWidth < 640 &&
            document.documentElement.scrollWidth <= innerWidth)),
        await firefox.evaluate(() => innerWidth));
    await until(async () => await firefox.evaluate(
        () => document.querySelectorAll("#children tbody tr").length > 0));
    await shoot(firefox, "narrow");
}

async function withFirefox(preferences, visit)
{
    const firefox = new Firefox(process.env.ES_FIREFOX, preferences);

    try {
        await firefox.open();
        await visit(firefox);
    }
    finally {
        await firefox.close();
    }
}

run(async () => {
    await withFirefox({"layout.css.prefers-color-scheme.content-override": 1},
        async (firefox) => {
            await overview(firefox);
            await channel(firefox);
        });
    await withFirefox({"layout.css.prefers-color-scheme.content-override": 0},
        otherDevices);
});
