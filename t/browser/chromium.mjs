/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chromium, as the programs of this folder start it, and pages whose errors
 * are noted.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM (the browser).
 */

import {load} from "./common.mjs";

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server"];

/** Start Chromium, with more arguments of its command line. */
export function launch(...more)
{
    const {chromium} = load("playwright-core");

    return chromium.launch({
        executablePath: process.env.ES_CHROMIUM,
        args: [...ARGUMENTS, ...more],
    });
}

/** Call work(browser) and close the browser, whatever happens. */
export async function withChromium(work, ...more)
{
    const browser = await launch(...more);

    try {
        await work(browser);
    }
    finally {
        await browser.close();
    }
}

/** What the consoles of the pages of openPage have as errors or warnings. */
export const errors = [];

/** Which URLs of other hosts these pages have asked for. */
export const foreign = [];

/** Empty the list of errors and return what it had. */
export function takeErrors()
{
    return errors.splice(0);
}

/** Open a page of a context, and note its errors. */
export async function openPage(context, url)
{
    const page = await context.newPage();

    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) {
            errors.push(message.text());
        }
    });
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("request", (request) => {
        const target = new URL(request.url());

        if (target.protocol !== "data:" && target.hostname !== "127.0.0.1") {
            foreign.push(request.url());
        }
    });
    await page.goto(url);
    return page;
}
