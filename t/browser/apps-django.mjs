/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of conf/apps/django/ in Chromium: node apps-django.mjs URL.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM.
 */

import {withChromium} from "./chromium.mjs";
import {fact, run, until} from "./common.mjs";

const base = process.argv[2];

/* Orders, until the page shows one: its stream may not be open yet. */
function shows(page, dish)
{
    return until(async () => {
        await page.fill("input[name=dish]", dish);
        await page.click("#order");
        return until(async () =>
            (await page.textContent("#orders")).includes(dish), 2000);
    }, 60000);
}

async function main()
{
    await withChromium(async (browser) => {
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
            await until(() => page.url().includes("/app/login/"), 60000),
            page.url());
    });
}

run(main);
