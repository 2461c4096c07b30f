/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drivers share: facts for the Perl test ("ok NAME" or "not ok
 * NAME", one a line), waiting with a deadline, publishing, and a relay that
 * can cut the wire between a browser and httpd.
 */

import {createRequire} from "node:module";
import net from "node:net";
import path from "node:path";

const ANSWER_MS = 10000;

/** Load a package from $ES_NODE_MODULES, a folder called node_modules. */
export const load = createRequire(
    path.join(path.resolve(process.env.ES_NODE_MODULES), "driver.js"));

/** Say whether a fact holds; what was seen goes beside one that does not. */
export function fact(name, holds, seen)
{
    console.log((holds ? "ok " : "not ok ") + name);
    if (!holds && seen !== undefined) {
        console.log("# seen: " + JSON.stringify(seen));
    }
}

/**
 * Ask until the answer is true, at most `ms` milliseconds. Returns the last
 * answer; a question that throws counts as false.
 */
export async function until(question, ms = ANSWER_MS)
{
    const end = Date.now() + ms;
    let answer = false;

    for (;;) {
        try {
            answer = await question();
        }
        catch (e) {
            answer = false;
        }
        if (answer || Date.now() >= end) {
            return answer;
        }
        await new Promise((done) => setTimeout(done, 25));
    }
}

/** Publish as an application does; the answer, or an Error with its text. */
export async function publish(base, event)
{
    const response = await fetch(new URL("/publish", base), {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify(event),
        signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();

    if (!response.ok) {
        throw new Error("publish: " + response.status + " " + text);
    }
    return JSON.parse(text);
}

/** Whether id a of our form comes before id b. */
export function isBefore(a, b)
{
    const [aMs, aN] = a.split("-").map(Number);
    const [bMs, bN] = b.split("-").map(Number);

    return aMs < bMs || (aMs === bMs && aN < bN);
}

/** TCP from a port of its own to the server's; the wire that can be cut. */
export class Relay {
    constructor(base)
    {
        this.target = new URL(base);
        this.sockets = new Set();
        this.port = 0;
        this.server = null;
    }

    /** Take connections, on the same port as before. */
    async restore()
    {
        this.server = net.createServer((near) => {
            const far = net.connect(Number(this.target.port),
                this.target.hostname);

            for (const [one, other] of [[near, far], [far, near]]) {
                this.sockets.add(one);
                one.on("error", () => {}); /* close follows */
                one.on("close", () => {
                    this.sockets.delete(one);
                    other.destroy();
                });
                one.pipe(other);
            }
        });
        await new Promise((done, failed) => {
            this.server.once("error", failed);
            this.server.listen(this.port, "127.0.0.1", done);
        });
        this.port = this.server.address().port;
    }

    /** Reset all connections, and refuse new ones until restore(). */
    async cut()
    {
        const closed = new Promise((done) => this.server.close(done));

        for (const socket of this.sockets) {
            socket.resetAndDestroy();
        }
        await closed;
    }

    get base()
    {
        return "http://127.0.0.1:" + this.port + "/";
    }
}

/** Run a driver to its end, and not for ever; exits the process. */
export async function drive(main, ms)
{
    const watchdog = setTimeout(() => {
        fact("the driver ends within " + ms / 1000 + " s", false);
        process.exit(1);
    }, ms);
    let code = 0;

    try {
        await main();
        console.log("end");
    }
    catch (e) {
        fact("the driver runs through", false, String(e.stack));
        code = 1;
    }
    clearTimeout(watchdog);
    process.exit(code);
}
