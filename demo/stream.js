/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventSource with a state that can be shown:
 *
 *     connecting ──> open <──> lost          EventSource retries by itself
 *          └──────────┴──────────┴──> refused    we retry, see explain()
 *                                └──> closed     for good (204)
 *
 * EventSource retries by itself after a lost connection. Where it gives up for
 * good (an answer other than 200), we request the reason, keep the sentence and
 * retry after growing pauses. The stream sets its room's position and knows
 * nothing else of the page: it calls the hooks.
 */

import {duration, problemOf, span} from "./page.js";
import {urlOf} from "./rooms.js";

const TYPES = ["message", "order", "alert"];
const REOPEN_FIRST_MS = 3000;
const REOPEN_MOST_MS = 30000;

/**
 * The stream of a room, opened at once.
 *
 * The hooks: changed(stream) after each change of the state, also from within
 * the constructor; received() for each frame; event(e) for a published event, a
 * MessageEvent; note(tone, text) for a note in the list, the tone being "good"
 * or "warn".
 */
export class Stream {
    constructor(room, hooks)
    {
        this.room = room;
        this.hooks = hooks;
        this.source = null;
        this.state = "";
        this.since = performance.now(); /* of this state */
        this.lostAt = 0;     /* when the connection was lost; 0 = it is not */
        this.retries = 0;
        this.why = "";       /* the server's sentence; "" = none */
        this.reopenMs = REOPEN_FIRST_MS;
        this.reopenAt = 0;
        this.timer = 0;
        this.open();
    }

    /** Open the stream (again), after the room's position if it has one. */
    open()
    {
        const room = this.room;
        let url = urlOf(room);

        this.close();
        if (room.position !== "") {
            url += "?lastEventId=" + encodeURIComponent(room.position);
        }
        this.source = new EventSource(url);
        this.source.addEventListener("stream-open", (e) => {
            this.received(e);
        });
        this.source.addEventListener("keep-alive", (e) => {
            this.received(e);
        });
        this.source.addEventListener("stream-reset", (e) => {
            this.received(e);
            this.hooks.note("warn",
                "Some events were missed: the server no longer has all of " +
                "them (stream-reset).");
        });
        for (const type of TYPES) {
            this.source.addEventListener(type, (e) => {
                this.received(e);
                this.hooks.event(e);
            });
        }
        this.source.onerror = () => this.failed();
        this.enter(this.lostAt === 0 ? "connecting" : this.state);
    }

    close()
    {
        clearTimeout(this.timer);
        if (this.source !== null) {
            this.source.close();
            this.source = null;
        }
    }

    enter(state)
    {
        if (state !== this.state) {
            this.state = state;
            this.since = performance.now();
        }
        this.hooks.changed(this);
    }

    /* A frame shows that the stream is open, and may set the position. */
    received(e)
    {
        if (e.lastEventId !== "") {
            this.room.position = e.lastEventId;
        }
        this.hooks.received();
        if (this.lostAt !== 0) {
            this.hooks.note("good", "Connected again after " +
                duration(performance.now() - this.lostAt) + ".");
        }
        this.lostAt = 0;
        this.retries = 0;
        this.why = "";
        this.reopenMs = REOPEN_FIRST_MS;
        this.enter("open");
    }

    failed()
    {
        const wasOpen = this.state === "open";

        if (this.lostAt === 0) {
            this.lostAt = performance.now();
        }
        else {
            this.retries++;
        }
        if (wasOpen) {
            this.hooks.note("warn", "Connection lost.");
        }
        if (this.source.readyState === EventSource.CLOSED) {
            this.explain(this.source);
            return;
        }
        this.enter("lost");
    }

    /* The source does not expose the answer, so we request it again. */
    async explain(source)
    {
        const abort = new AbortController();
        let state = "lost";
        let why = "";

        try {
            const response = await fetch(source.url, {
                headers: {Accept: "text/event-stream"},
                cache: "no-store",
                signal: abort.signal,
            });

            if (response.status === 204) {
                state = "closed";
                why = "The server closed this room (204).";
            }
            else if (!response.ok) {
                state = "refused";
                why = await problemOf(response);
            }
        }
        catch (e) {
            /* no answer at all: the state is lost */
        }
        abort.abort();
        if (this.source !== source) {
            return; /* closed or opened again meanwhile */
        }
        this.why = why;
        if (state !== "closed") {
            this.reopenAt = performance.now() + this.reopenMs;
            this.timer = setTimeout(() => this.open(), this.reopenMs);
            this.reopenMs = Math.min(this.reopenMs * 2, REOPEN_MOST_MS);
        }
        this.enter(state);
    }

    /** A few words on the state, as of now. */
    detail()
    {
        const now = performance.now();

        switch (this.state) {
        case "connecting":
            return "waiting for the first byte";
        case "open":
            return "open for " + span(now - this.since);
        case "lost":
            return "lost for " + span(now - this.lostAt) +
                (this.retries ? ", tried " + this.retries + "×" : "");
        case "refused":
            return "next try in " +
                span(Math.max(0, this.reopenAt - now));
        default:
            return "the server closed it for good";
        }
    }
}
