/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten tabs of a browser, each with a stream, on a host over HTTP/2 where no
 * client can be held: node http2.mjs URL BROWSER URL-TO-PUBLISH-AT. The pages
 * of the host go on, and each tab gets all events.
 */

import {fact, publish, run, until} from "./common.mjs";
import {fetchFrom, listen, openBrowser} from "./tabs.mjs";

const TABS = 10;
const EVENTS = 20;
/* A page that waits for a connection waits for ever; how long another one
 * takes depends on the machine. */
const NEVER_MS = 60000;

const [base, name, publishAt] = process.argv.slice(2);
const isChromium = name === "chromium";
const times = []; /* of pages in a new tab, with the time of the browser */
const fetches = []; /* of pages from within a tab */

/* Fails if the page waits for a connection. */
async function loads(page)
{
    let timer;
    const never = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(
            new Error("a page waits for a connection")), NEVER_MS);
    });

    try {
        return await Promise.race([page, never]);
    }
    finally {
        clearTimeout(timer);
    }
}

/* Loads a page of the host in a tab of its own. */
async function loadPage(browser)
{
    const start = Date.now();
    const tab = await loads(browser.newTab(base + "page.html"));

    times.push(Date.now() - start);
    await tab.close();
}

async function firstTab(tab)
{
    const before = await tab.evaluate(fetchFrom, "/page.txt");

    fact("pages come over HTTP/2", before.protocol === "h2", before);
    await tab.evaluate(listen, "/events");
    fact("the stream of the first tab opens at once",
        await until(() => tab.evaluate(() => window.opened === 1)));
    fact("the page sees no error", await tab.evaluate(
        () => window.errors) === 0);

    const protocol = isChromium ? "http/1.1" : "h2";

    fact("further pages come over " + protocol, await until(async () =>
        (await tab.evaluate(fetchFrom, "/page.txt")).protocol === protocol));
}

async function allTabs(tabs, condition)
{
    for (const tab of tabs) {
        if (!await tab.evaluate(condition)) {
            return false;
        }
    }
    return true;
}

async function main()
{
    const browser = await openBrowser(name);
    const tabs = [];
    const sent = [];

    try {
        for (let n = 0; n < TABS; n++) {
            tabs.push(await browser.newTab(base + "page.html"));
            if (n === 0) {
                await firstTab(tabs[0]);
            }
            else {
                await tabs[n].evaluate(listen, "/events");
            }
            await loadPage(browser);
        }
        fact("the stream of each tab opens", await until(
            () => allTabs(tabs, () => window.opened > 0), 60000));
        for (let n = 0; n < EVENTS; n++) {
            await publish(publishAt, {channel: "news", text: "event " + n});
            sent.push("event " + n);
            fetches.push((await loads(tabs[n % TABS].evaluate(fetchFrom,
                "/page.txt"))).ms);
            if (n % 5 === 0) {
                await loadPage(browser);
            }
        }
        fact("the first tab has kept its stream", await tabs[0].evaluate(
            () => window.opened === 1 && window.errors === 0));
        fact("it gets all events, in order, each once", await until(async () =>
            JSON.stringify(await tabs[0].evaluate(() => window.seen)) ===
            JSON.stringify(sent)));
        for (let n = 1; n < TABS; n++) {
            fact("so does tab " + (n + 1), await until(async () =>
                JSON.stringify(await tabs[n].evaluate(() => window.seen)) ===
                JSON.stringify(sent), 60000),
                await tabs[n].evaluate(() => window.seen));
        }
        fact("no page waits for a connection",
            times.length === TABS + EVENTS / 5 && fetches.length === EVENTS,
            [times, fetches]);
        console.log(`# the slowest of ${fetches.length} pages from within a ` +
            `tab: ${Math.round(Math.max(...fetches))} ms; of ` +
            `${times.length} in a new tab: ${Math.max(...times)} ms`);
    }
    finally {
        await browser.close();
    }
}

run(main);
