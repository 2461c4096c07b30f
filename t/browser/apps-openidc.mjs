/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of conf/apps/openidc/ in Chromium: node apps-openidc.mjs URL OWN.
 * OWN is the base of the port where the application publishes.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM.
 */

import {withChromium} from "./chromium.mjs";
import {fact, publish, run, until} from "./common.mjs";

const CLOSED = 2;

const [base, own] = process.argv.slice(2);
const provider = (page) => page.url().includes("/authorize?");

/* Publish until the page shows it; one event is enough once it is open. */
async function shows(page, text)
{
    return until(async () => {
        const answer = await publish(own,
            {channel: "user-ann", event: "order", text});

        return answer.clients > 0 &&
            await until(async () =>
                (await page.textContent("#orders")).includes(text), 1000);
    }, 60000);
}

async function logIn(page)
{
    await page.click("#login-ann");
    await page.waitForURL((url) => url.pathname.startsWith("/app/"));
}

/* What an EventSource does when it is redirected to another origin. */
async function redirected(page)
{
    await page.evaluate(() => {
        window.moved = new EventSource("/moved");
    });
    return until(() => page.evaluate(() => window.moved.readyState));
}

async function main()
{
    await withChromium(async (browser) => {
        const context = await browser.newContext();
        const page = await context.newPage();
        const other = await context.newPage();

        await page.goto(base + "app/");
        fact("a page without a login is the provider's", provider(page),
            page.url());
        await logIn(page);
        fact("after the login an event arrives", await shows(page, "soup"));

        await other.goto(base + "app/?stream=users/bob");
        fact("the page tells that a stream is another user's",
            await until(async () => await other.textContent("#state") ===
                "refused: 403"), await other.textContent("#state"));
        fact("an EventSource has no use for a redirect",
            await redirected(other) === CLOSED);

        await other.goto(base + "app/?stream=users/ann");
        await other.click("#logout");
        await other.waitForURL(base + "goodbye.html");
        fact("after a logout the page asks for a login at the end of its " +
            "stream", await until(() => provider(page), 60000), page.url());
        await logIn(page);
        fact("and then has a stream again", await shows(page, "salad"));
    });
}

run(main);
