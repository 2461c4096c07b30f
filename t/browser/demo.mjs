/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo page in Chromium: node demo.mjs URL. The page `here` connects
 * through a relay that is cut, the page `there` directly.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM (the browser);
 * ES_PROXIED=1 if URL is that of a GRIP proxy, which then holds the clients.
 */

import {errors, foreign, openPage, takeErrors, withChromium}
    from "./chromium.mjs";
import {fact, isBefore, publish, Relay, run, until} from "./common.mjs";

const ID = /^\d+-\d+$/;
const MARKUP = '<img src=x onerror="document.title=1"> <b>bold</b> & more';

const base = process.argv[2];
const clients = process.env.ES_PROXIED === "1" ? 0 : 2;   /* of httpd */
const room = "test-" + process.pid;
const channel = "room-" + room;

const stateOf = (page) => page.getAttribute("#state", "data-state");
const isOpen = (page) =>
    until(async () => await stateOf(page) === "open", 60000);

/* The events on a page, oldest first. */
function eventsOn(page)
{
    return page.$$eval("#events .event", (items) => items.map((item) => ({
        id: item.dataset.id,
        type: item.dataset.type,
        data: item.querySelector(".data").textContent,
        mine: item.querySelector(".mine") !== null,
    })).reverse());
}

function arrives(page, data)
{
    return until(async () =>
        (await eventsOn(page)).find((event) => event.data === data));
}

async function fill(page, type, mode, data)
{
    await page.check("#form [name=event][value=" + type + "]",
        {force: true});
    await page.check("#form [name=mode][value=" + mode + "]", {force: true});
    await page.fill("#data", data);
}

async function opening(here, there)
{
    fact("the stream of a page opens", await isOpen(here), await stateOf(here));
    fact("the state is shown in words",
        await here.textContent("#state-label") === "Open");
    fact("the position is shown before the first event",
        ID.test(await here.textContent("#position")),
        await here.textContent("#position"));
    fact("the stream of a second page opens", await isOpen(there));
}

async function publishing(here, there)
{
    await fill(there, "order", "json", '{"table": 7, "dish": "Pie"}');
    await there.click("#form [type=submit]");

    const seen = await arrives(here, '{"table":7,"dish":"Pie"}');
    const own = await arrives(there, '{"table":7,"dish":"Pie"}');

    fact("an event that one page publishes is shown in another", seen);
    fact("the event has its type", seen.type === "order", seen);
    fact("the event has its id", ID.test(seen.id), seen);
    fact("the page shows its own event and marks it", await until(
        async () => (await arrives(there, own.data)).mine));
    fact("the other page does not mark it", seen.mine === false, seen);

    const result = await there.textContent("#result");

    fact("the result has the id and the number of httpd's clients",
        result.includes(seen.id) && result.includes(`to ${clients} clients`),
        result);
    fact("the position is that of the event", await until(async () =>
        await here.textContent("#position") === seen.id));
    fact("the event is counted",
        await here.textContent("#total") === "1",
        await here.textContent("#total"));
    fact("the rate is above 0", await until(async () =>
        Number(await here.textContent("#rate")) > 0));
}

async function asText(here, there)
{
    await fill(there, "message", "text", MARKUP);
    await there.focus("#data");
    await there.keyboard.press("Control+Enter");
    fact("Ctrl + Enter publishes, and markup is shown as text",
        await arrives(here, MARKUP), await eventsOn(here));
    fact("markup gives no element", await here.$$eval(
        "#events img, #events b", (found) => found.length) === 0);

    await fill(there, "alert", "text", "two\nlines");
    await there.click("#form [type=submit]");
    fact("lines are shown as lines", await arrives(here, "two\nlines"));

    await fill(there, "message", "json", '"in quotes \\u00e9 \\ud83c\\udf70"');
    await there.click("#form [type=submit]");
    fact("a JSON string keeps its quotes",
        await arrives(here, '"in quotes é 🍰"'), await eventsOn(here));
}

async function mistakes(here, there)
{
    const before = (await eventsOn(here)).length;

    await fill(there, "order", "json", "{broken");
    await there.click("#form [type=submit]");
    fact("broken JSON is refused by the page", await until(async () =>
        await there.getAttribute("#data", "aria-invalid") === "true" &&
        /not JSON/.test(await there.textContent("#result"))));
    fact("the console has no error so far", errors.length === 0,
        takeErrors());

    await fill(there, "order", "text", "x".repeat(70000));
    await there.click("#form [type=submit]");
    fact("a refusal of the server is shown", await until(async () =>
        await there.getAttribute("#result", "data-outcome") === "error" &&
        /\w.*\(413\)$/.test(await there.textContent("#result"))),
        await there.textContent("#result"));
    takeErrors(); /* the browser logs the 413 */
    await publish(base, {channel, text: "after the mistakes"});
    await arrives(here, "after the mistakes");
    fact("no event of a mistake arrives",
        (await eventsOn(here)).length === before + 1);
}

/* The state as soon as the page shows another room. */
function stateOfNewRoom(page, name)
{
    return page.evaluate((hash) => new Promise((done) => {
        addEventListener("hashchange", () => {
            done(document.getElementById("state").dataset.state);
        }, {once: true});
        location.hash = hash;
    }), name);
}

async function rooms(here, there)
{
    const state = await stateOfNewRoom(there, room + "-a");

    fact("another room starts with a state of its own",
        state === "connecting", state);
    await isOpen(there);
    await there.goBack();
    await isOpen(there);
    await there.fill("#add-name", room + "-b");
    await there.keyboard.press("Enter");
    fact("the stream of a new room opens", await until(
        async () => await there.textContent("#channel") === channel + "-b" &&
            await stateOf(there) === "open"));
    await publish(base, {channel, text: "for the first room"});
    await publish(base, {channel: channel + "-b", text: "for the second"});
    await arrives(there, "for the second");
    fact("a room shows its own events only",
        (await eventsOn(there)).length === 1,
        await eventsOn(there));
    await there.goBack();
    fact("Back shows the room before with its list", await until(
        async () => await there.textContent("#channel") === channel &&
            await stateOf(there) === "open" &&
            await arrives(there, "two\nlines")));
    await arrives(here, "for the first room");
}

async function oneASecond(here, there)
{
    const before = (await eventsOn(here)).length;

    await there.click("#auto");
    fact("the events of every second arrive in the other page",
        await until(async () =>
        (await eventsOn(here)).length >= before + 2));
    await there.click("#auto");
    fact("the button stops them",
        await there.getAttribute("#auto", "aria-pressed") === "false");
}

async function pausing(here)
{
    await here.click("#pause");
    const before = (await eventsOn(here)).length;
    await publish(base, {channel, text: "while paused"});
    fact("Pause keeps the list and counts new events", await until(async () =>
        /\(\d+ new\)/.test(await here.textContent("#pause"))) &&
        (await eventsOn(here)).length === before);
    await here.click("#pause");
    fact("Resume shows the new events", await arrives(here, "while paused"));
}

async function cutting(here, relay)
{
    const before = await here.textContent("#position");

    fact("the console has no error before the cut", errors.length === 0,
        takeErrors());
    await relay.cut();
    fact("a cut connection is shown as lost", await until(
        async () => await stateOf(here) === "lost"), await stateOf(here));
    fact("the lost connection is shown in words",
        await here.textContent("#state-label") === "Lost, retrying");
    await here.click("#form [type=submit]");
    fact("publishing shows that the server does not answer",
        await until(async () => await here.getAttribute("#result",
            "data-outcome") === "error"));
    await relay.restore();
    fact("the stream opens again when the connection is restored",
        await isOpen(here), await stateOf(here));
    takeErrors(); /* the browser logs those of the cut */

    const after = await publish(base, {channel, event: "alert",
        text: "after the cut"});

    fact("both pages are counted as clients again",
        after.clients === clients, after);
    fact("an event after the cut arrives",
        await arrives(here, "after the cut"), await eventsOn(here));
    fact("the position is above that before the cut",
        await until(async () =>
            isBefore(before, await here.textContent("#position"))));
    fact("no event is shown twice", await (async () => {
        const ids = (await eventsOn(here)).map((event) => event.id);

        return new Set(ids).size === ids.length;
    })());
}

async function otherDevices(browser)
{
    const context = await browser.newContext({viewport: {width: 390,
        height: 844}, colorScheme: "dark", reducedMotion: "reduce"});
    const page = await openPage(context, base + "#" + room);

    await isOpen(page);
    await publish(base, {channel, text: "wide".repeat(100)});
    await arrives(page, "wide".repeat(100));
    fact("the page does not scroll sideways on a phone", await page.evaluate(
        () => document.documentElement.scrollWidth <= innerWidth));
    fact("a dark colour scheme has a dark background",
        await page.evaluate(() => getComputedStyle(document.body)
            .backgroundColor.match(/\d+/g).every((n) => n < 64)));
    fact("reduced motion: no animation runs", await page.evaluate(
        () => document.getAnimations().length) === 0);
    await context.close();
}

async function main()
{
    const relay = new Relay(base);

    await withChromium(async (browser) => {
        await relay.restore();

        const context = await browser.newContext(
            {viewport: {width: 1280, height: 800}});
        const here = await openPage(context, relay.base + "#" + room);
        const there = await openPage(context, base + "#" + room);

        await opening(here, there);
        await publishing(here, there);
        await asText(here, there);
        await mistakes(here, there);
        await rooms(here, there);
        await oneASecond(here, there);
        await pausing(here);
        await cutting(here, relay);
        await otherDevices(browser);
        fact("the console has no error", errors.length === 0, errors);
        fact("nothing is fetched from another host", foreign.length === 0,
            foreign);
    });
}

run(main);
