/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventSource when its channel is closed: node closed.mjs URL.
 *
 * Environment: ES_NODE_MODULES (eventsource, playwright-core), ES_CHROMIUM.
 */

import {drive, fact, load, publish, until} from "./common.mjs";

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server"];
const CLOSED = 2;

const base = process.argv[2];
const room = "closed-" + process.pid;
const channel = "room-" + room;

/* The package's source: state and data so far. */
function byPackage()
{
    const {EventSource} = load("eventsource");
    const source = new EventSource(base + "events/" + room);
    const data = [];

    source.onmessage = (event) => data.push(event.data);
    return async () => ({state: source.readyState, data: data.join()});
}

/* The browser's, in a page of its own. */
async function byBrowser(browser)
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
    const {chromium} = load("playwright-core");
    const browser = await chromium.launch({
        executablePath: process.env.ES_CHROMIUM, args: ARGUMENTS});

    try {
        const sources = {
            "eventsource": byPackage(),
            "Chromium": await byBrowser(browser),
        };

        fact("both are subscribed", await until(async () =>
            (await publish(base, {channel, text: "hello"})).clients === 2));
        await publish(base, {channel, text: "last"});

        const response = await fetch(
            new URL("/publish?for=60&channel=" + channel, base),
            {method: "DELETE"});

        fact("the channel is closed", response.status === 200,
            response.status);
        for (const [name, look] of Object.entries(sources)) {
            fact(name + " stops for good", await until(async () =>
                (await look()).state === CLOSED, 20000), await look());
            fact(name + " has got all before",
                (await look()).data.endsWith("last"), await look());
        }
        fact("nobody is subscribed then", await until(async () =>
            (await publish(base, {channel, text: "open"})).clients === 0));
        for (const [name, look] of Object.entries(sources)) {
            fact(name + " does not hear that it is open again",
                (await look()).state === CLOSED &&
                (await look()).data.endsWith("last"), await look());
        }
    }
    finally {
        await browser.close();
    }
}

drive(main, 90000);
