/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of events with a state that is shown:
 *
 *     connecting ──> open <──> lost
 *          └───────────┴────────┴──> closed    for good (204)
 *
 * It is read by fetch(), since an EventSource gives only the events whose types
 * are known before. It resumes with the id of the last event, after the time
 * that the server gave (retry:).
 */

const STATES = {connecting: "Connecting", open: "Live", lost: "Reconnecting",
    closed: "Ended", polled: "Every 5 s"};
const SILENCE_MS = 60000;        /* the server sends something every 20 s */

class Stream {
    /** hooks: event({type, data, id}), state(word, why) */
    constructor(url, hooks)
    {
        this.url = url;
        this.hooks = hooks;
        this.lastId = "";
        this.retryMs = 3000;
        this.abort = null;
        this.connect();
    }

    async connect()
    {
        const headers = {Accept: "text/event-stream"};
        let why = "";

        this.abort = new AbortController();
        if (this.lastId !== "") {
            headers["Last-Event-ID"] = this.lastId;
        }
        try {
            const response = await fetch(this.url, {headers, cache: "no-store",
                signal: this.abort.signal});

            if (response.status === 204) {
                this.hooks.state("closed", "The channel is closed.");
                return;
            }
            if (!response.ok) {
                throw new Error(await problemOf(response));
            }
            this.hooks.state("open", "");
            await this.read(response.body.getReader());
        }
        catch (e) {
            why = e.name === "TypeError" || e.name === "AbortError"
                ? "The connection is lost." : e.message;
        }
        this.hooks.state("lost", why);
        setTimeout(() => this.connect(), this.retryMs);
    }

    async read(reader)
    {
        const decoder = new TextDecoder();
        let rest = "";

        this.event = {type: "", data: null, id: null};
        for (;;) {
            const timer = setTimeout(() => this.abort.abort(), SILENCE_MS);
            const {done, value} = await reader.read();

            clearTimeout(timer);
            if (done) {
                return;
            }
            const lines = (rest + decoder.decode(value, {stream: true}))
                .split("\n");

            rest = lines.pop();
            lines.forEach((line) => this.line(line));
        }
    }

    /* The server ends lines with LF only. */
    line(line)
    {
        const at = line.indexOf(":");
        const name = at < 0 ? line : line.slice(0, at);
        const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");

        switch (name) {
        case "": if (at < 0) { this.give(); } break;
        case "event": this.event.type = value; break;
        case "id": this.event.id = value; break;
        case "retry": this.retryMs = Number(value) || 3000; break;
        case "data":
            this.event.data = this.event.data === null ? value
                : this.event.data + "\n" + value;
            break;
        }
    }

    give()
    {
        const event = this.event;

        this.event = {type: "", data: null, id: null};
        if (event.id !== null) {
            this.lastId = event.id;
        }
        if (event.data !== null && event.type !== "keep-alive") {
            this.hooks.event({type: event.type || "message", data: event.data,
                id: event.id ?? ""});
        }
    }
}

/** Show the state of a stream in a pill. */
function showState(pill, text, state, why)
{
    pill.dataset.state = state;
    pill.title = why;
    setText(text, STATES[state]);
}
