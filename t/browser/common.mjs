/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the programs of this folder: results for the Perl test ("ok NAME"
 * or "not ok NAME", one a line), waiting with a deadline, publishing, and a
 * relay that can cut the connections between a browser and httpd.
 */

import {createRequire} from "node:module";
import net from "node:net";
import path from "node:path";

const ANSWER_MS = 30000; /* of a busy machine */
const WATCH_MS = 400000; /* below the time of a test, see t/run */

/** Load a package from $ES_NODE_MODULES, a folder called node_modules. */
export const load = createRequire(
    path.join(path.resolve(process.env.ES_NODE_MODULES), "test.js"));

/** Report whether a fact holds; if not, print what was seen, too. */
export function fact(name, holds, seen)
{
    console.log((holds ? "ok " : "not ok ") + name);
    if (!holds && seen !== undefined) {
        console.log("# seen: " + JSON.stringify(seen));
    }
}

/**
 * Call the condition until it is true, at most `ms` milliseconds. Returns its
 * last value; a condition that throws counts as false.
 */
export async function until(condition, ms = ANSWER_MS)
{
    const end = Date.now() + ms;
    let value = false;

    for (;;) {
        try {
            value = await condition();
        }
        catch (e) {
            value = false;
        }
        if (value || Date.now() >= end) {
            return value;
        }
        await new Promise((done) => setTimeout(done, 25));
    }
}

/** Publish as an application does. Returns the answer, or throws its text. */
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

/** Whether id a is below id b; both have our form. */
export function isBefore(a, b)
{
    const [aMs, aN] = a.split("-").map(Number);
    const [bMs, bN] = b.split("-").map(Number);

    return aMs < bMs || (aMs === bMs && aN < bN);
}

/** A TCP relay to the server on a port of its own, which can be cut. */
export class Relay {
    constructor(base)
    {
        this.target = new URL(base);
        this.sockets = new Set();
        this.port = 0;
        this.server = null;
    }

    /** Accept connections, on the same port as before. */
    async restore()
    {
        this.server = net.createServer((client) => {
            const server = net.connect(Number(this.target.port),
                this.target.hostname);

            for (const [one, other] of [[client, server],
                [server, client]]) {
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

    /** Reset all connections and refuse new ones until restore(). */
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

/** Run main with a deadline; exits the process. */
export async function run(main)
{
    const watchdog = setTimeout(() => {
        fact("the program ends within " + WATCH_MS / 1000 + " s", false);
        process.exit(1);
    }, WATCH_MS);
    let code = 0;

    try {
        await main();
        console.log("end");
    }
    catch (e) {
        fact("the program throws no error", false, String(e.stack));
        code = 1;
    }
    clearTimeout(watchdog);
    process.exit(code);
}
