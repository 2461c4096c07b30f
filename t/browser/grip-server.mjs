/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The npm package @fanoutio/eventstream as a server, whose answers are compared
 * with ours: node grip-server.mjs GRIP_URL. It prints its port and ends when
 * its standard input does.
 *
 * Environment: ES_NODE_MODULES (@fanoutio/eventstream).
 */

import {createServer} from "node:http";
import {pathToFileURL} from "node:url";

const file = process.env.ES_NODE_MODULES +
    "/@fanoutio/eventstream/build/main.js";
const {EventStream} = await import(pathToFileURL(file));
const stream = new EventStream({grip: process.argv[2]});

/* /events?c=a&c=b */
const server = createServer((request, response) => {
    const {searchParams} = new URL(request.url, "http://localhost");

    stream(searchParams.getAll("c"))(request, response, (error) => {
        response.statusCode = 500;
        response.end(String(error && error.stack));
    });
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
