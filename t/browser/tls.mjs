/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chromium's EventSource over TLS and HTTP/1.1: node tls.mjs URL. The clients
 * are detached; httpd is restarted gracefully meanwhile.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM (the browser),
 * ES_TLS_URL (the TLS host), ES_HTTPD (the pid of httpd's parent).
 */

import {withChromium} from "./chromium.mjs";
import {fact, publish, run, until} from "./common.mjs";

const COUNT = 40;

const base = process.argv[2];

/* A page with an EventSource; its texts and errors are kept in the page. */
async function listen(browser, room)
{
    const context = await browser.newContext({ignoreHTTPSErrors: true});
    const page = await context.newPage();

    await page.goto(process.env.ES_TLS_URL);
    await page.evaluate((path) => {
        window.texts = [];
        window.opened = 0;
        window.errors = 0;
        window.source = new EventSource(path);
        window.source.onmessage = (event) => window.texts.push(event.data);
        window.source.onopen = () => window.opened++;
        window.source.onerror = () => window.errors++;
    }, "/events/" + room);
    await until(() => page.evaluate(() => window.opened === 1));
    return page;
}

const textsOn = (page) => page.evaluate(() => window.texts);

async function seesAll(page, texts, name)
{
    await until(async () => (await textsOn(page)).length >= texts.length);
    fact(name, JSON.stringify(await textsOn(page)) === JSON.stringify(texts),
        (await textsOn(page)).map((text) => text.slice(0, 20)));
}

async function main()
{
    const texts = [];
    /* again if httpd has just closed the connection: an id is stored once */
    const send = (text) => {
        const event = {channel: "room-tls", text, id: "tls " + texts.length};

        texts.push(text);
        return until(() => publish(base, event));
    };

    await withChromium(async (browser) => {
        const pages = [await listen(browser, "tls"),
            await listen(browser, "tls")];
        const {clients} = await send("first");

        fact("both pages are clients", clients === 2, clients);
        for (let i = 0; i < COUNT; i++) {
            await send(i + " " + "x".repeat(i * 1500));
        }
        for (const page of pages) {
            await seesAll(page, texts, "a page gets all events in order");
        }
        process.kill(Number(process.env.ES_HTTPD), "SIGUSR1");
        for (let i = 0; i < COUNT; i++) {
            await send("graceful " + i);
            await new Promise((done) => setTimeout(done, 100));
        }
        for (const page of pages) {
            await seesAll(page, texts, "it gets all events around graceful");
            fact("it has not reconnected", await page.evaluate(
                () => window.opened === 1 && window.errors === 0));
        }
        await pages[0].close();
        fact("a page that is closed is no client any more", await until(
            async () => (await send("after")).clients === 1));
        await seesAll(pages[1], texts, "the other one goes on");
    });
}

run(main);
