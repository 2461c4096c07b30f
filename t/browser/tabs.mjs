/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tabs of a real browser, the same for Chromium (by playwright-core) and
 * Firefox (by marionette.mjs): certificates of any issuer are accepted.
 *
 * Environment: ES_NODE_MODULES, ES_CHROMIUM, ES_FIREFOX (programs),
 * ES_CHROMIUM_ARGUMENTS (more arguments; each begins with --).
 */

import {launch} from "./chromium.mjs";
import {Firefox} from "./marionette.mjs";

const LOAD_MS = 30000;

class ChromiumTabs {
    async open()
    {
        const more = (process.env.ES_CHROMIUM_ARGUMENTS || "").split(/ (?=--)/)
            .filter((argument) => argument);

        this.browser = await launch("--ignore-certificate-errors", ...more);
        this.context = await this.browser.newContext(
            {ignoreHTTPSErrors: true});
    }

    async newTab(url)
    {
        const page = await this.context.newPage();

        await page.goto(url, {timeout: LOAD_MS});
        return {
            evaluate: (fn, argument) => page.evaluate(fn, argument),
            close: () => page.close(),
        };
    }

    close()
    {
        return this.browser.close();
    }
}

class FirefoxTabs {
    async open()
    {
        this.firefox = new Firefox(process.env.ES_FIREFOX);
        await this.firefox.open();
    }

    async newTab(url)
    {
        const handle = await this.firefox.tab(url);
        const select = () => this.firefox.select(handle);

        return { /* one at a time: there is one selected tab */
            evaluate: async (fn, argument) => {
                await select();
                return this.firefox.evaluate(fn, argument);
            },
            close: async () => {
                await select();
                await this.firefox.closeTab();
            },
        };
    }

    close()
    {
        return this.firefox.close();
    }
}

/** Start "chromium" or "firefox". newTab(url) has evaluate() and close(). */
export async function openBrowser(name)
{
    const browser = name === "firefox" ? new FirefoxTabs() : new ChromiumTabs();

    try {
        await browser.open();
    }
    catch (error) {
        await browser.close().catch(() => {});
        throw error;
    }
    return browser;
}

/** In a tab: opens a stream and collects what it receives in window.seen. */
export function listen(url)
{
    window.seen = [];
    window.opened = 0;
    window.errors = 0;
    window.source = new EventSource(url);
    window.source.addEventListener("stream-open", () => window.opened++);
    window.source.onmessage = (event) => window.seen.push(event.data);
    window.source.onerror = () => window.errors++;
}

/** In a tab: fetches a URL. Returns the protocol of that and the time in ms. */
export async function fetchFrom(url)
{
    const start = performance.now();

    await (await fetch(url, {cache: "no-store"})).text();

    const ms = performance.now() - start;

    await new Promise((done) => setTimeout(done, 50)); /* the entry is late */
    return {
        protocol: performance.getEntriesByType("resource")
            .filter((entry) => entry.name.endsWith(url)).at(-1)
            .nextHopProtocol,
        ms,
    };
}
