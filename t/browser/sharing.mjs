/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of docs/browsers.md in Chromium: node sharing.mjs URL. The test
 * has put each into a page of its name: shared.html, broadcast.html and
 * reset.html. What a page shows is in window.shown.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM (the browser);
 * ES_PAGES: the URL of the host of host.html, which has events on another host.
 */

import {fact, publish, run, until} from "./common.mjs";
import {openBrowser} from "./tabs.mjs";

const base = process.argv[2];
const channel = "room-kitchen";

const shows = (tab, text) => until(() => tab.evaluate((wanted) =>
    window.shown.filter((seen) => seen === wanted).length === 1, text));

/* Publishes until it has as many clients; returns their number at last. */
function clients(count)
{
    let seen = -1;

    return until(async () => {
        seen = (await publish(base, {channel, event: "probe", text: "?"}))
            .clients;
        return seen === count;
    }).then(() => seen);
}

async function publishOrder(n)
{
    await publish(base, {channel, event: "order", data: {table: n}});
    return "order {\"table\":" + n + "}";
}

/* Three tabs share a stream; the one that has it closes. */
async function sharing(browser, name)
{
    const tabs = [];

    for (let n = 0; n < 3; n++) {
        tabs.push(await browser.newTab(base + name + ".html"));
        await until(() => tabs[n].evaluate(() => window.ready));
    }
    fact(name + ": three tabs have one stream", await clients(1) === 1);

    const first = await publishOrder(1);

    for (const tab of tabs) {
        fact(name + ": an event is shown once in each tab",
            await shows(tab, first), await tab.evaluate(() => window.shown));
    }
    await tabs[0].close();

    const second = await publishOrder(2);

    for (const tab of tabs.slice(1)) {
        fact(name + ": an event is shown once after the first tab has closed",
            await shows(tab, second), await tab.evaluate(() => window.shown));
    }
    fact(name + ": there still is one stream", await clients(1) === 1);
    await tabs[1].close();
    await tabs[2].close();
    fact(name + ": with the last tab it ends", await clients(0) === 0);
}

async function reset(browser)
{
    const tab = await browser.newTab(base + "reset.html");

    fact("reset: the page loads its state again after a stream-reset",
        await until(() => tab.evaluate(() => window.loads === 2)),
        await tab.evaluate(() => window.loads));

    const order = await publishOrder(3);

    fact("reset: events are shown then", await shows(tab, order));
    await tab.close();
}

async function ownHost(browser)
{
    const tab = await browser.newTab(process.env.ES_PAGES + "host.html");

    await until(() => tab.evaluate(() => window.opened));
    fact("host: pages come over HTTP/2", await tab.evaluate(() =>
        performance.getEntriesByType("navigation")[0].nextHopProtocol) ===
        "h2");
    fact("host: its stream opens, which needs the cookie of the site",
        await clients(1) === 1);
    fact("host: the stream comes over HTTP/1.1", await until(() =>
        tab.evaluate(() => performance.getEntriesByType("resource")
            .every((entry) => entry.nextHopProtocol !== "h2"))));

    const order = await publishOrder(4);

    fact("host: an event is shown", await shows(tab, order),
        await tab.evaluate(() => window.shown));
    await tab.close();
}

async function main()
{
    const browser = await openBrowser("chromium");

    try {
        await sharing(browser, "shared");
        await sharing(browser, "broadcast");
        await reset(browser);
        await ownHost(browser);
    }
    finally {
        await browser.close();
    }
}

run(main);
