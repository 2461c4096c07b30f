/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of conf/apps/django/ in Chromium: node apps-django.mjs URL.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM.
 */

import {fact, load, run, until} from "./common.mjs";

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server"];

const base = process.argv[2];

/* Orders, until the page shows one: its stream may not be open yet. */
function shows(page, dish)
{
    return until(async () => {
        await page.fill("input[name=dish]", dish);
        await page.click("#order");
        return until(async () =>
            (await page.textContent("#orders")).includes(dish), 2000);
    }, 30000);
}

async function main()
{
    const {chromium} = load("playwright-core");
    const browser = await chromium.launch({
        executablePath: process.env.ES_CHROMIUM, args: ARGUMENTS});

    try {
        const context = await browser.newContext();
        const page = await context.newPage();

        await page.goto(base + "app/");
        await page.fill("input[name=username]", "ann");
        await page.fill("input[name=password]", "secret of ann");
        await page.click("#login");
        await page.waitForURL(base + "app/");
        fact("an order arrives in the page of its user",
            await shows(page, "soup"));

        const other = await context.newPage();

        await other.goto(base + "app/");
        await other.click("#logout");
        fact("after a logout in another tab the page asks for a login",
            await until(() => page.url().includes("/app/login/"), 20000),
            page.url());
    }
    finally {
        await browser.close();
    }
}

run(main, 90000);
