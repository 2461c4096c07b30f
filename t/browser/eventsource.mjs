/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The npm package eventsource as a client: node eventsource.mjs URL. It is an
 * implementation of the standard besides the browser's.
 *
 * Environment: ES_NODE_MODULES (eventsource); ES_PROXIED=1 if URL is that of a
 * GRIP proxy, which then holds the clients.
 */

import {fact, isBefore, load, publish, Relay, run, until}
    from "./common.mjs";

const ID = /^\d+-\d+$/;
const COUNT = 50;

const base = process.argv[2];
const clients = process.env.ES_PROXIED === "1" ? 0 : 1;   /* of httpd */
const room = "node-" + process.pid;
const channel = "room-" + room;

const events = [];           /* all that arrived, with stream-open */
const sentIds = [];          /* the Last-Event-ID of each request */

const ofType = (type) => events.filter((event) => event.type === type);

function listen(url)
{
    const {EventSource} = load("eventsource");
    const source = new EventSource(url, {
        fetch: (input, init) => {
            sentIds.push(new Headers(init.headers).get("Last-Event-ID"));
            return fetch(input, init);
        },
    });

    for (const type of ["stream-open", "message", "order"]) {
        source.addEventListener(type, (event) => events.push(event));
    }
    return source;
}

async function main()
{
    const relay = new Relay(base);

    await relay.restore();

    const source = listen(relay.base + "events/" + room);

    fact("stream-open is the first event",
        await until(() => events.length > 0) &&
        events[0].type === "stream-open", events[0]);
    fact("stream-open has the position as id and no data",
        ID.test(events[0].lastEventId) && events[0].data === "",
        [events[0].lastEventId, events[0].data]);
    fact("the source is open then", source.readyState === source.OPEN);
    fact("the first request has no Last-Event-ID", sentIds[0] === null,
        sentIds);

    let last = "";

    for (let n = 1; n <= COUNT; n++) {
        last = (await publish(base, {channel, event: "order",
            data: {n, text: "line\nline é"}})).id;
    }
    fact("all events arrive", await until(
        () => ofType("order").length >= COUNT), ofType("order").length);

    const orders = ofType("order");

    fact("the events arrive in order, each once",
        orders.map((e) => JSON.parse(e.data).n)
        .every((n, i) => n === i + 1) && orders.length === COUNT);
    fact("data is the JSON that was published",
        JSON.parse(orders[0].data).text === "line\nline é", orders[0].data);
    fact("ids rise from stream-open on", [events[0], ...orders].every(
        (e, i, all) => i === 0 ||
            isBefore(all[i - 1].lastEventId, e.lastEventId)));
    fact("the last id is that of the last answer",
        orders.at(-1).lastEventId === last, [orders.at(-1).lastEventId, last]);

    await publish(base, {channel, text: "a\r\nb\rc\n\nd"});
    fact("text: each line end is one line end, the type is message",
        await until(() => ofType("message").length === 1) &&
        ofType("message")[0].data === "a\nb\nc\n\nd",
        ofType("message").map((e) => e.data));
    last = ofType("message")[0].lastEventId;

    await relay.cut();
    fact("the source notices a cut connection", await until(
        () => source.readyState === source.CONNECTING), source.readyState);
    await relay.restore();
    fact("the source reconnects", await until(
        () => ofType("stream-open").length === 2, 60000));
    fact("the source sends the last id that it received",
        sentIds.at(-1) === last, [sentIds, last]);

    const after = await publish(base, {channel, text: "after the cut"});

    fact(clients ? "the server counts the client once"
        : "a client that a proxy holds is not counted",
        after.clients === clients, after);
    fact("an event after the cut arrives",
        await until(() => ofType("message").length === 2) &&
        ofType("message")[1].data === "after the cut");
    fact("it has a later id",
        ofType("message")[1].lastEventId === after.id &&
        isBefore(last, after.id), [last, after.id]);
    source.close();
    fact("a client that closes is not counted any more", await until(async () =>
        (await publish(base, {channel, text: "anyone?"})).clients === 0));
}

run(main);
