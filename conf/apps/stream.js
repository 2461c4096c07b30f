/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream for as long as its user may have it: a module for pages.
 *
 *   openStream("/events/users/ann", {
 *       events: ["order"],               // besides message and stream-reset
 *       receive: (event) => ...,
 *       renew: async () => ...,          // gets a new token; see below
 *       login: () => location.assign("/app/login.php"),
 *       refused: (status) => ...,        // 403 and the like: no use to go on
 *   });
 *
 * An EventSource reconnects by itself after a network error and after an end.
 * After an answer such as 401 it stops for good, and does not tell which answer
 * it was. So this module asks again, by HEAD, and does what the status says:
 *
 *   401      renew(), then a new EventSource from the last event on; or login()
 *   403 ...  refused(status)
 *   others   a new EventSource after some seconds, longer each time
 *
 * renew() returns how many seconds the new token lasts, or 0 if the user has to
 * log in; it throws if it could not find out. It is called first of all, and
 * again when four fifths of this time are over, so that a stream which ends
 * with its token reconnects with the next one. Without renew() there is no
 * token, as with a login by httpd.
 */

const LONGEST_WAIT_S = 60;

const pause = (seconds) =>
    new Promise((done) => setTimeout(done, seconds * 1000));

export function openStream(url, options)
{
    let source = null;
    let lastId = "";
    let tries = 0;          /* since a stream was open */
    let timer = null;

    function receive(event)
    {
        lastId = event.lastEventId || lastId;
        options.receive(event);
    }

    /* True: there is a token. False: login() was called. */
    async function renewed()
    {
        const seconds = options.renew ? await options.renew() : 0;

        if (!seconds) {
            options.login();
            return false;
        }
        clearTimeout(timer);
        timer = setTimeout(() => renewed().catch(() => {}), seconds * 800);
        return true;
    }

    function connect()
    {
        const from = new URL(url, location.href);

        if (lastId) {
            from.searchParams.set("lastEventId", lastId);
        }
        source = new EventSource(from, {withCredentials: true});
        for (const type of ["message", "stream-reset", ...options.events]) {
            source.addEventListener(type, receive);
        }
        source.addEventListener("stream-open", (event) => {
            lastId = event.lastEventId || lastId;
            tries = 0;
        });
        source.onerror = () => {
            if (source.readyState === EventSource.CLOSED) {
                refused();
            }
        };
    }

    async function statusOf()
    {
        const answer = await fetch(url, {
            method: "HEAD", cache: "no-store", credentials: "include"});

        return answer.status;
    }

    /* What to do is known by the status; without one it is tried again. */
    async function refused()
    {
        let status = 0;

        tries++;
        try {
            if (tries > 1) {
                await pause(Math.min(LONGEST_WAIT_S, 2 ** (tries - 1)) *
                    (0.5 + Math.random() / 2));
            }
            status = await statusOf();
            if (status === 401 && !await renewed()) {
                return;
            }
        }
        catch (e) {
            status = 0;         /* no network, or no application */
        }
        if (status === 204 || status >= 400 && status < 500 &&
            ![401, 408, 429].includes(status)) {
            options.refused(status);
        } else if (status === 0) {
            refused();
        } else {
            connect();
        }
    }

    if (options.renew) {
        renewed().then((ok) => ok && connect(), refused);
    } else {
        connect();
    }
}
