/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRIP libraries as publishers: node grip-publishers.mjs URL. For them the
 * server is a proxy with a GRIP_URL.
 *
 * Environment: ES_NODE_MODULES (eventsource, @fanoutio/grip and
 * @fanoutio/eventstream), ES_PUBLISH_KEY.
 */

import {pathToFileURL} from "node:url";

import {fact, load, run, until} from "./common.mjs";

const base = process.argv[2];
const room = "grip-" + process.pid;
const channel = "room-" + room;
const gripUrl = new URL("/publish", base).href;

const events = [];

const importPackage = (name) => import(pathToFileURL(load.resolve(name)));

function listen(url)
{
    const {EventSource} = load("eventsource");
    const source = new EventSource(url);

    for (const type of ["stream-open", "message", "order"]) {
        source.addEventListener(type, (event) => events.push(event));
    }
    return source;
}

const arrived = (count) => until(() => events.length >= count);

async function publishByGrip()
{
    const {Publisher, HttpStreamFormat, Item} =
        await importPackage("@fanoutio/grip");

    for (const [name, query] of [["without a key", ""],
        ["with a token", "?iss=app&key=c2VjcmV0"],
        ["with a bearer key", "?key=secret"]]) {
        const publisher = new Publisher(gripUrl + query);
        const before = events.length;

        await publisher.publishHttpStream(channel,
            "event: order\ndata: " + JSON.stringify({name}) + "\n\n");
        fact("@fanoutio/grip publishes " + name, await arrived(before + 1) &&
            JSON.parse(events.at(-1).data).name === name, events.at(-1)?.data);
    }

    const publisher = new Publisher(gripUrl);
    const before = events.length;

    await publisher.publishHttpStream(channel,
        Buffer.from("data: caf\u00e9\n\n"));
    fact("@fanoutio/grip publishes bytes", await arrived(before + 1) &&
        events.at(-1).data === "caf\u00e9", events.at(-1)?.data);
    await publisher.publish(channel, new Item(
        new HttpStreamFormat("id: own-" + room + "\ndata: with ids\n\n"),
        "18", "17"));
    fact("@fanoutio/grip publishes an item with id and prev-id",
        await arrived(before + 2) &&
        events.at(-1).data === "with ids" &&
        events.at(-1).lastEventId === "own-" + room, events.at(-1)?.data);

    let refusal = null;

    try {
        await publisher.publishHttpStream(channel, "data: half\n");
    }
    catch (e) {
        refusal = e;
    }
    fact("a partial event is an error in the library", refusal !== null);
}

/* A Location with EventStreamPublishKey, whose file has this key. */
async function publishWithKey()
{
    const {Publisher} = await importPackage("@fanoutio/grip");
    const keyed = new URL("/keyed", base).href;
    const key = process.env.ES_PUBLISH_KEY;

    for (const [name, query] of [["a token of the key", "?iss=app&key=" + key],
        ["the key", "?key=" + key]]) {
        const before = events.length;

        await new Publisher(keyed + query).publishHttpStream(channel,
            "data: " + name + "\n\n");
        fact("@fanoutio/grip publishes with " + name,
            await arrived(before + 1) && events.at(-1).data === name,
            events.at(-1)?.data);
    }
    for (const [name, query] of [["a token of another key",
        "?iss=app&key=x" + key], ["another key", "?key=x" + key],
    ["no key", ""]]) {
        let refusal = null;

        try {
            await new Publisher(keyed + query).publishHttpStream(channel,
                "data: " + name + "\n\n");
        }
        catch (e) {
            refusal = e;
        }
        fact(name + " is an error in the library", refusal !== null);
    }
}

async function publishByEventStream()
{
    const {EventStream} = await importPackage("@fanoutio/eventstream");
    const stream = new EventStream({grip: gripUrl});
    const before = events.length;

    await stream.publishEvent(channel,
        {event: "order", data: {table: 4, note: "line\nline"}});
    fact("publishEvent of @fanoutio/eventstream publishes",
        await arrived(before + 1) &&
        events.at(-1).type === "order" &&
        JSON.parse(events.at(-1).data).note === "line\nline",
        events.at(-1)?.data);

    const publisher = stream.getChannelPublisher(channel);

    for (let n = 1; n <= 20; n++) {
        await publisher.publishEvent({event: "message", data: n});
    }
    fact("getChannelPublisher: all events arrive in order",
        await arrived(before + 21) &&
        events.slice(before + 1).every((e, i) => Number(e.data) === i + 1),
        events.slice(before + 1).map((e) => e.data));

    const writable = stream.createChannelWritable(channel);

    for (let n = 1; n <= 20; n++) {
        writable.write({event: "order", data: n});
    }
    await new Promise((done, failed) => {
        writable.on("error", failed);
        writable.end(done);
    });
    fact("createChannelWritable: all events arrive in order",
        await arrived(before + 41) &&
        events.slice(before + 21).every((e, i) => Number(e.data) === i + 1),
        events.slice(before + 21).map((e) => e.data));
}

async function closeByGrip(source)
{
    const {Publisher, HttpStreamFormat, Item} =
        await importPackage("@fanoutio/grip");
    const publisher = new Publisher(gripUrl);
    const opened = () =>
        events.filter((event) => event.type === "stream-open").length;
    const before = opened();

    await publisher.publish(channel,
        new Item(new HttpStreamFormat(null, true)));
    fact("the action close ends the stream, and the source reconnects",
        await until(() => opened() > before, 60000) &&
        source.readyState === source.OPEN, opened());
}

async function main()
{
    const source = listen(base + "events/" + room);

    fact("the stream opens", await arrived(1) &&
        events[0].type === "stream-open", events[0]);
    await publishByGrip();
    await publishWithKey();
    await publishByEventStream();
    await closeByGrip(source);
    source.close();
}

run(main);
