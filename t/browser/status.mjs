/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status page in Chromium: node status.mjs URL FULL. The overview is loaded
 * through a relay that is cut, the pages of channels directly. FULL is the URL
 * of a server with as many hubs as there can be.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM (the browser);
 * ES_SHOTS, a folder for screenshots, if somebody wants to look at them.
 */

import {errors, foreign, openPage, takeErrors, withChromium}
    from "./chromium.mjs";
import {fact, publish, Relay, run, until} from "./common.mjs";

const HOSTILE = [
    '<img src=x onerror="document.title=1">',
    "</script><script>document.title=1</script>",
    "javascript:document.title=1",
    "a&amp;b/%3Cb%3E?c=d#e+f",
    "\u202eright to left 🍰",
];

const [base, full] = process.argv.slice(2);
const status = new URL("/status", base).href;

/* A client of a channel, until the function that is returned is called. */
async function subscribe(channel)
{
    const abort = new AbortController();
    const response = await fetch(new URL("/events/" +
        encodeURIComponent(channel), base), {signal: abort.signal});

    await response.body.getReader().read();
    return () => abort.abort();
}

const stateOf = (page, id) => page.getAttribute("#" + id, "data-state");
const isLive = (page, id) =>
    until(async () => await stateOf(page, id) === "open", 60000);

/* The number of a tile, as it is shown. */
const tileOf = (page, label) => page.$$eval(".tile", (nodes, text) =>
    nodes.find((node) => node.querySelector("dt").textContent === text)
        .querySelector("dd").firstChild.textContent, label);

/* The rows of a table, as objects by the heads of its columns. */
const rowsOf = (page, id) => page.$eval("#" + id, (table) => {
    const heads = [...table.querySelectorAll("th")].map((th) => th.textContent);

    return [...table.querySelectorAll("tbody tr")].map((tr) =>
        Object.fromEntries([...tr.children].map((td, i) =>
            [heads[i], td.textContent])));
});

const namesOf = async (page) =>
    (await rowsOf(page, "channels")).map((row) => row.Channel);

async function shoot(page, name)
{
    if (process.env.ES_SHOTS) {
        await page.screenshot({path: process.env.ES_SHOTS + "/" + name +
            ".png", fullPage: true});
    }
}

async function live(page)
{
    fact("the page is live", await isLive(page, "live"),
        await stateOf(page, "live"));
    fact("this is shown in words",
        await page.textContent("#live-text") === "Live");

    /* the page is one itself */
    const before = await until(async () => {
        const clients = await tileOf(page, "Clients");
        return clients !== "0" && clients;
    });
    const leave = await subscribe("room-1");

    fact("a client more is counted", await until(async () =>
        Number(await tileOf(page, "Clients")) === Number(before) + 1),
        [before, await tileOf(page, "Clients")]);
    for (let i = 0; i < 40; i++) {
        await publish(base, {channel: "room-1", text: "event " + i});
    }
    fact("the rate of published events rises", await until(async () =>
        parseFloat(await tileOf(page, "Published")) > 0));
    fact("and that of delivered ones", await until(async () =>
        parseFloat(await tileOf(page, "Delivered")) > 0));
    fact("the hub has it", await until(async () =>
        (await rowsOf(page, "hubs")).some((row) => row.Hub === "default" &&
            row.Retained === "40")), await rowsOf(page, "hubs"));
    fact("the rate falls to 0 again", await until(async () =>
        await tileOf(page, "Published") === "0", 60000),
        await tileOf(page, "Published"));
    leave();
    fact("a client less is counted", await until(async () =>
        await tileOf(page, "Clients") === before));
    fact("the children are shown",
        (await rowsOf(page, "children")).length >= 2 &&
        (await rowsOf(page, "children")).every((row) =>
            row.State === "serving"), await rowsOf(page, "children"));
    fact("the page tells how its own stream is served", await until(
        async () => /is detached: its socket/.test(
            await page.textContent("#browser"))),
        await page.textContent("#browser"));
    fact("a limit is shown with what is used", await until(async () =>
        /EventStreamMaxClients\s*\d+ of 100/.test(
            await page.textContent("#limits"))),
        await page.textContent("#limits"));
}

async function plots(page)
{
    fact("a plot has a line", await until(async () => /^M.+L/.test(
        await page.getAttribute("#plot-published .s0 .line", "d"))));
    await page.focus("#plot-published svg");
    await page.keyboard.press("End");
    fact("an arrow key shows a point in words", await until(async () =>
        /^\d\d:\d\d:\d\d.*events per second \d/.test(
            await page.textContent("#plot-published .tip"))),
        await page.textContent("#plot-published .tip"));
    fact("a plot has a text for screen readers", /Published.*now/.test(
        await page.getAttribute("#plot-published svg", "aria-label")));
    await page.keyboard.press("Escape");
    fact("Escape hides the point",
        await page.$eval("#plot-published .tip", (node) => node.hidden));
}

async function channels(page)
{
    for (let i = 0; i < 60; i++) {
        await publish(base, {channel: "many-" + String(i).padStart(2, "0"),
            text: "x"});
    }
    await fetch(new URL("/sell?channel=item", base), {method: "POST",
        headers: {"Content-Type": "text/plain"}, body: "x"});
    fact("a GRIP proxy that does not answer is shown", await until(async () =>
        (await rowsOf(page, "proxies")).some((row) => row.Hub === "shop" &&
            row.State === "down" && /connect/i.test(row["Last error"])), 20000),
        await rowsOf(page, "proxies"));
    await page.fill("#q", "MANY-");
    fact("a search finds names, whatever their case", await until(async () =>
        /^60 of \d+/.test(await page.textContent("#channels-count")) &&
        (await namesOf(page)).every((name) => name.startsWith("many-"))),
        await page.textContent("#channels-count"));

    const first = await namesOf(page);

    fact("a page has 25 of them", first.length === 25, first.length);
    fact("the search stands in the address",
        new URL(page.url()).searchParams.get("q") === "MANY-", page.url());
    await page.click("#next");
    fact("the next page has others", await until(async () => {
        const names = await namesOf(page);

        return names.length === 25 && !names.includes(first[0]);
    }));
    await page.click("#next");
    fact("the last page has the rest, and no next one", await until(async () =>
        (await namesOf(page)).length === 10 &&
        await page.$eval("#next", (node) => node.hidden)));
    await page.click("#first");
    fact("the first page is back", await until(async () =>
        (await namesOf(page))[0] === first[0]));
    await page.fill("#q", "nobody has this");
    fact("nothing is found, in words", await until(async () =>
        await page.isVisible("#channels-empty") &&
        /No channel/.test(await page.textContent("#channels-empty"))));
    await page.fill("#q", "");
    await page.selectOption("#in-hub", "shop");
    fact("a hub has its own channels", await until(async () =>
        (await namesOf(page)).join() === "item"), await namesOf(page));
    await page.selectOption("#in-hub", "");
    await page.selectOption("#sort", "recent");
    fact("the latest event comes first", await until(async () =>
        (await namesOf(page))[0] === "item" ||
        (await namesOf(page))[0] === "many-59"), await namesOf(page));
    await page.selectOption("#sort", "clients");
}

async function hostile(context, page)
{
    for (const [i, name] of HOSTILE.entries()) {
        await publish(base, {channel: name, text: name, event: "hostile"});
        await page.fill("#q", name);
        fact("a hostile name is found as text: " + i, await until(
            async () => (await namesOf(page)).join("\n") === name),
            await namesOf(page));

        const there = await openPage(context, await page.$eval(
            "#channels tbody a", (link) => link.href));

        fact("its page has it as text", await until(async () =>
            await there.textContent("#c-name") === name));
        fact("its events, too", await until(async () =>
            await there.textContent("#events pre") === name));
        fact("it gives no element", await there.$$eval(
            "#channel img, #channel script", (found) => found.length) === 0);
        fact("it runs no script",
            (await there.title()) === name + " – Event streams" &&
            (await page.title()) === "Event streams",
            [await there.title(), await page.title()]);
        await there.close();
    }
    fact("the overview has no element of theirs", await page.$$eval(
        "main img, main script", (found) => found.length) === 0);
    await page.fill("#q", "");
}

async function following(context)
{
    await publish(base, {channel: "followed", event: "old", text: "before"});

    const page = await openPage(context, status +
        "?channel=followed&hub=default");
    const types = () => page.$$eval("#events .badge", (nodes) =>
        nodes.map((node) => node.textContent));

    fact("the stream of a channel is live", await isLive(page, "c-live"));
    fact("it begins with what is retained", await until(async () =>
        (await types()).join() === "old"), await types());
    await publish(base, {channel: "followed", event: "any-type",
        data: {text: "one\ntwo"}});
    fact("an event of any type is shown", await until(async () =>
        (await types())[0] === "any-type"), await types());
    await page.fill("#p-type", "test");
    await page.fill("#p-data", "two\nlines");
    await page.click("#publish [type=submit]");
    fact("a test event can be published", await until(async () =>
        await page.getAttribute("#p-result", "data-outcome") === "done"),
        await page.textContent("#p-result"));
    fact("and is received", await until(async () =>
        await page.textContent("#events pre") === "two\nlines"));
    await page.fill("#p-data", "x".repeat(70000));
    await page.click("#publish [type=submit]");
    fact("a refusal is shown", await until(async () =>
        /\(413\)$/.test(await page.textContent("#p-result"))),
        await page.textContent("#p-result"));
    takeErrors(); /* the browser logs the 413 */
    await page.click("#c-pause");
    await publish(base, {channel: "followed", text: "while paused"});
    fact("Pause counts what comes", await until(async () =>
        await page.textContent("#c-pause") === "Resume (1)"));
    await page.click("#c-pause");
    fact("Resume shows it", await until(async () =>
        await page.textContent("#events pre") === "while paused"));
    await page.fill("#c-filter", "TWO");
    fact("the filter hides others", await page.$$eval("#events li",
        (items) => items.filter((li) => !li.hidden).length) === 2);
    fact("its figures are shown", await until(async () =>
        (await tileOf(page, "Events retained")) === "4" &&
        (await tileOf(page, "Clients")) === "1"),
        await tileOf(page, "Events retained"));
    await shoot(page, "channel");
    await page.close();

    const other = await openPage(context, new URL(
        "/read-only?channel=followed", base).href);

    fact("elsewhere it is live, too", await isLive(other, "c-live"));
    fact("without EventStreamStatusPublish there is no form",
        await other.isHidden("#c-publish"));
    await other.close();
}

async function cutting(page, relay)
{
    fact("the console has no error before the cut", errors.length === 0,
        takeErrors());
    await relay.cut();
    fact("a cut connection is shown", await until(async () =>
        await stateOf(page, "live") === "lost"), await stateOf(page, "live"));
    await relay.restore();
    fact("the page is live again by itself", await isLive(page, "live"));
    fact("the problem is gone", await until(async () =>
        await page.isHidden("#problem")));
    takeErrors(); /* the browser logs those of the cut */
}

async function isWithin(page)
{
    return page.evaluate(() =>
        document.documentElement.scrollWidth <= innerWidth);
}

async function otherDevices(browser)
{
    const context = await browser.newContext({viewport: {width: 390,
        height: 844}, colorScheme: "dark", reducedMotion: "reduce"});
    const page = await openPage(context, status);

    await isLive(page, "live");
    await until(async () => (await namesOf(page)).length > 0);
    fact("the page does not scroll sideways on a phone", await isWithin(page));
    fact("a dark colour scheme has a dark background",
        await page.evaluate(() => getComputedStyle(document.body)
            .backgroundColor.match(/\d+/g).every((n) => n < 64)));
    fact("and light text", await page.evaluate(() =>
        getComputedStyle(document.body).color.match(/\d+/g)
            .every((n) => n > 192)));
    fact("reduced motion: no animation runs", await page.evaluate(
        () => document.getAnimations().length) === 0);
    await shoot(page, "phone");
    await page.goto(status + "?channel=" + "x".repeat(255));
    await isLive(page, "c-live");
    fact("nor does the page of a channel with a long name",
        await isWithin(page));
    await context.close();
}

/* Where the page has no stream, it asks again and again. */
async function polling(context)
{
    const page = await openPage(context, new URL("/status", full).href);

    fact("without a hub of its own the page says that it asks", await until(
        async () => await stateOf(page, "live") === "polled" &&
            await page.textContent("#live-text") === "Every 5 s"),
        await stateOf(page, "live"));
    fact("and why", await until(async () => /as many hubs as there can be/.test(
        await page.textContent("#browser"))));
    fact("all 64 hubs are shown",
        (await rowsOf(page, "hubs")).length === 64);
    await publish(full, {channel: "asked", text: "x"});
    fact("its figures change all the same", await until(async () =>
        (await rowsOf(page, "hubs")).some((row) => row.Hub === "default" &&
            row.Retained === "1"), 60000));
    await shoot(page, "polled");
    await page.goto(new URL("/status?channel=asked", full).href);
    fact("the page of a channel is live there, too", await isLive(page,
        "c-live"));
    await page.close();
}

async function main()
{
    const relay = new Relay(base);

    await withChromium(async (browser) => {
        await relay.restore();

        const context = await browser.newContext(
            {viewport: {width: 1280, height: 900}});
        const page = await openPage(context, relay.base + "status");

        await live(page);
        await plots(page);
        await channels(page);
        await hostile(context, page);
        await shoot(page, "desk");
        await following(context);
        await cutting(page, relay);
        await otherDevices(browser);
        await polling(context);
        fact("the console has no error", errors.length === 0, errors);
        fact("nothing is fetched from another host", foreign.length === 0,
            foreign);
    });
}

run(main);
