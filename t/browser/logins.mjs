/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventSource in Chromium and the logins of httpd: node logins.mjs LOGIN=URL...
 * The URLs are of hosts with the files of conf/logins/. LOGIN is form, whose
 * streams last a second, basic, digest, or ticket: ann has one of Kerberos.
 *
 * Environment: ES_NODE_MODULES (playwright-core), ES_CHROMIUM (the browser).
 */

import {withChromium} from "./chromium.mjs";
import {fact, run, until} from "./common.mjs";

const hosts = Object.fromEntries(process.argv.slice(2).map(
    (argument) => argument.split("=")));

/* An EventSource of the page; what happens to it is kept in the page. */
async function listen(page, name, path)
{
    await page.evaluate(([name, path]) => {
        const seen = {texts: [], opened: 0, errors: 0};
        const source = new EventSource(path);

        source.onmessage = (event) => seen.texts.push(event.data);
        source.onopen = () => seen.opened++;
        source.addEventListener("stream-error",
            (event) => seen.refused = JSON.parse(event.data).condition);
        source.onerror = () => {
            seen.errors++;
            seen.closed = source.readyState === EventSource.CLOSED;
        };
        window.seen = Object.assign(window.seen || {}, {[name]: seen});
        window.sources = Object.assign(window.sources || {}, {[name]: source});
    }, [name, path]);
}

const seen = (page, name) => page.evaluate((name) => window.seen[name], name);

async function opens(page, name, fact_name)
{
    await until(async () => (await seen(page, name)).opened > 0);
    fact(fact_name, (await seen(page, name)).opened > 0,
        await seen(page, name));
}

/* An EventSource that gets another status than 200 does not come again. */
async function fails(page, name, fact_name)
{
    await until(async () => (await seen(page, name)).closed);
    fact(fact_name, (await seen(page, name)).closed === true,
        await seen(page, name));
}

async function hears(page, name, text, fact_name)
{
    await until(async () => (await seen(page, name)).texts.includes(text));
    fact(fact_name, (await seen(page, name)).texts.includes(text),
        await seen(page, name));
}

const publish = (page, channel, text) => page.evaluate(
    async ([channel, text]) => (await fetch("/publish", {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({channel, text}),
    })).status, [channel, text]);

async function logIn(page, name, password)
{
    await page.fill("[name=httpd_username]", name);
    await page.fill("[name=httpd_password]", password);
    await Promise.all([page.waitForNavigation(), page.click("button")]);
}

const cookieOf = async (context) =>
    ((await context.cookies()).find(({name}) => name === "session") || {})
        .value;

/* What a page of a user does, however he has logged in. */
async function useChannels(page, name)
{
    await listen(page, "own", "/events");
    await listen(page, "other", "/events/user-bob");
    await opens(page, "own", name + ": the user's stream opens");
    await fails(page, "other", name + ": that of another user fails for good");
    fact(name + ": the page publishes to the user's channel",
        await publish(page, "user-ann", "mine") === 200);
    await hears(page, "own", "mine", name + ": and hears it");
    fact(name + ": it does not publish to that of another user",
        await publish(page, "user-bob", "x") === 403);
}

async function useForm(browser, form)
{
    const context = await browser.newContext({ignoreHTTPSErrors: true});
    const page = await context.newPage();

    await page.goto(form + "members/");
    fact("form: a page leads to the login",
        page.url() === form + "login.html", page.url());
    await listen(page, "early", "/events");
    await fails(page, "early", "form: a stream without a login fails for good");
    await listen(page, "led", "/events/room-redirected");
    await fails(page, "led", "form: one that leads to the login fails, too");
    await logIn(page, "ann", "wrong");
    fact("form: a wrong password is told",
        await page.isVisible("#again"), page.url());
    await logIn(page, "ann", "secret");
    fact("form: the login leads to the page",
        page.url() === form + "members/", page.url());
    fact("form: scripts do not see the session",
        await page.evaluate(() => document.cookie) === "");
    const cookie = await cookieOf(context);

    await listen(page, "renewed", "/events/room-renewed");
    await opens(page, "renewed", "form: a stream with SessionMaxAge opens");
    fact("form: the browser takes the cookie of its head",
        await until(async () =>
            ![undefined, cookie].includes(await cookieOf(context))));
    await page.evaluate(() => window.sources.renewed.close());
    await useChannels(page, "form");
    fact("form: streams end after EventStreamLifetime and open again",
        await until(async () => (await seen(page, "own")).opened >= 2));

    const other = await context.newPage();

    await other.goto(form + "logout");
    fact("form: the logout leads to the login page",
        other.url() === form + "login.html", other.url());
    await fails(page, "own", "form: then the stream ends for good");
    await other.goto(form + "members/");
    fact("form: and pages lead to the login again",
        other.url() === form + "login.html", other.url());
    await context.close();
}

/* The browser keeps the password and sends it with the EventSource. */
async function usePassword(browser, name, base)
{
    const context = await browser.newContext();
    const page = await context.newPage();
    const url = base + "members/";

    if (name !== "ticket") {
        await page.goto(url.replace("//", "//ann:secret@"));
    }
    await page.goto(url);
    await useChannels(page, name);
    await listen(page, "told", "/events/room-told");
    if (name === "ticket") {
        await until(async () => (await seen(page, "told")).refused);
        fact("ticket: none is asked for by EventStreamErrorForm event",
            (await seen(page, "told")).refused === "unauthorized",
            await seen(page, "told"));
    }
    else {
        await opens(page, "told", name + ": EventStreamErrorForm event, too");
        fact(name + ": which refuses nothing",
            (await seen(page, "told")).refused === undefined);
    }
    await context.close();
}

async function main()
{
    await withChromium(async (browser) => {
        for (const [name, base] of Object.entries(hosts)) {
            await (name === "form" ? useForm(browser, base)
                : usePassword(browser, name, base));
        }
    }, "--auth-server-allowlist=localhost");
}

run(main);
