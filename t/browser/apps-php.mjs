/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of conf/apps/php/ in Chromium, with tokens that last two seconds:
 * node apps-php.mjs URL OWN SOCKET. OWN is the base of the port where the
 * application publishes; without its SOCKET the application is dead.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM.
 */

import fs from "node:fs";

import {withChromium} from "./chromium.mjs";
import {fact, publish, run, until} from "./common.mjs";

const [base, own, socket] = process.argv.slice(2);

const send = (text) =>
    publish(own, {channel: "user-ann", event: "order", text});
const shows = async (page, text) =>
    (await page.textContent("#orders")).includes(text);
const isOpen = () => until(async () => (await send("x")).clients === 1, 60000);

async function logIn(page)
{
    await page.fill("input[name=user]", "ann");
    await page.fill("input[name=password]", "secret of ann");
    await page.click("#login");
    await page.waitForURL((url) => url.pathname.endsWith("/index.php"));
}

async function main()
{
    await withChromium(async (browser) => {
        const context = await browser.newContext();
        const page = await context.newPage();
        const streams = [];             /* the answers to its EventSources */
        const tokens = [];

        page.on("response", (answer) => {
            const {pathname} = new URL(answer.url());

            if (pathname.startsWith("/events/")) {
                streams.push(answer.status());
            } else if (pathname.endsWith("/token.php")) {
                tokens.push(answer.status());
            }
        });
        await page.goto(base + "app/index.php");
        fact("no login: the page is the login",
            page.url().endsWith("/login.php"), page.url());
        await logIn(page);
        fact("after the login the page has a stream", await isOpen());
        await page.fill("input[name=dish]", "soup");
        await page.click("#order");
        fact("an order arrives in the page",
            await until(() => shows(page, "soup")));
        fact("no script of the page reads the token",
            await page.evaluate(() => document.cookie) === "");

        /* Streams end with their tokens; the page renews the token before. */
        fact("the page renews its token, and its stream goes on with it",
            await until(() => streams.length >= 2 && tokens.length >= 2, 60000),
            {streams, tokens});
        await send("salad");
        fact("an event of this time arrives",
            await until(() => shows(page, "salad"), 60000));

        /* The application is dead until the last token has expired. */
        fs.renameSync(socket, socket + ".away");
        fact("without the application the stream ends with its token",
            await until(async () => (await send("y")).clients === 0 &&
                streams.includes(401), 60000), {streams, tokens});
        await send("meanwhile");
        fact("the page tries to get a new one",
            await until(() => tokens.includes(503), 60000), tokens);
        fact("and does not take it for a logout",
            page.url().endsWith("/index.php"), page.url());
        fs.renameSync(socket + ".away", socket);
        fact("with the application the stream is back",
            await until(async () => (await send("z")).clients === 1, 60000));
        fact("and so is what was published meanwhile",
            await until(() => shows(page, "meanwhile")));

        /* Another tab logs out. */
        const other = await context.newPage();

        await other.goto(base + "app/index.php");
        await other.click("#logout");
        fact("after a logout the page asks for a login",
            await until(() => page.url().endsWith("/login.php"), 60000),
            page.url());
        fact("and no stream is left",
            await until(async () => (await send("late")).clients === 0,
                60000));
    });
}

run(main);
