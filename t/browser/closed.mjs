/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An EventSource whose channel is closed: node closed.mjs URL.
 *
 * Environment: ES_NODE_MODULES (eventsource, playwright-core), ES_CHROMIUM.
 */

import {withChromium} from "./chromium.mjs";
import {fact, load, publish, run, until} from "./common.mjs";

const CLOSED = 2;

const base = process.argv[2];
const room = "closed-" + process.pid;
const channel = "room-" + room;

/* An EventSource of the package. Returns a function for its state and data. */
function inNode()
{
    const {EventSource} = load("eventsource");
    const source = new EventSource(base + "events/" + room);
    const data = [];

    source.onmessage = (event) => data.push(event.data);
    return async () => ({state: source.readyState, data: data.join()});
}

/* The same in a page of the browser. */
async function inBrowser(browser)
{
    const page = await browser.newPage();

    await page.goto(base);
    await page.evaluate((url) => {
        window.data = [];
        window.source = new EventSource(url);
        window.source.onmessage = (event) => window.data.push(event.data);
    }, "/events/" + room);
    return () => page.evaluate(() => ({
        state: window.source.readyState, data: window.data.join()}));
}

async function main()
{
    await withChromium(async (browser) => {
        const sources = {
            "eventsource": inNode(),
            "Chromium": await inBrowser(browser),
        };

        fact("both clients are subscribed", await until(async () =>
            (await publish(base, {channel, text: "hello"})).clients === 2));
        await publish(base, {channel, text: "last"});

        const response = await fetch(
            new URL("/publish?for=60&channel=" + channel, base),
            {method: "DELETE"});

        fact("DELETE closes the channel", response.status === 200,
            response.status);
        for (const [name, stateOf] of Object.entries(sources)) {
            fact(name + " stops for good", await until(async () =>
                (await stateOf()).state === CLOSED, 60000), await stateOf());
            fact(name + " received all events before DELETE",
                (await stateOf()).data.endsWith("last"), await stateOf());
        }
        fact("no client is subscribed then", await until(async () =>
            (await publish(base, {channel, text: "open"})).clients === 0));
        for (const [name, stateOf] of Object.entries(sources)) {
            fact(name + " does not receive events of the reopened channel",
                (await stateOf()).state === CLOSED &&
                (await stateOf()).data.endsWith("last"), await stateOf());
        }
    });
}

run(main);
