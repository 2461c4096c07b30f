/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firefox without a screen, driven by its remote protocol Marionette: packets
 * "LENGTH:JSON" on a socket, an order [0, id, name, parameters] and its result
 * [1, id, error, value]. No driver program is needed.
 */

import {spawn} from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import {until} from "./common.mjs";

const PREFERENCES = {
    "marionette.port": 0, /* Firefox chooses one and writes it to its profile */
    "network.proxy.type": 0,
    "app.update.auto": false,
    "browser.shell.checkDefaultBrowser": false,
    "datareporting.policy.dataSubmissionEnabled": false,
    "toolkit.telemetry.reportingpolicy.firstRun": false,
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
};

export class Firefox {
    /** preferences: those of Firefox, by name, beside those above. */
    constructor(program, preferences = {})
    {
        this.program = program;
        this.preferences = {...PREFERENCES, ...preferences};
        this.profile = fs.mkdtempSync(path.join(os.tmpdir(), "es-firefox-"));
        this.waiting = new Map();
        this.rest = Buffer.alloc(0);
        this.id = 0;
    }

    /** Start the browser; certificates of any issuer are accepted. */
    async open()
    {
        const lines = Object.entries(this.preferences).map(([name, value]) =>
            `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);

        fs.writeFileSync(path.join(this.profile, "user.js"), lines.join("\n"));
        this.process = spawn(this.program, ["--headless", "--marionette",
            "--no-remote", "--profile", this.profile],
            {stdio: "ignore", env: {...process.env, HOME: this.profile,
                MOZ_CRASHREPORTER_DISABLE: "1"}});

        const port = await until(() => Number(fs.readFileSync(
            path.join(this.profile, "MarionetteActivePort"), "utf8")), 60000);

        this.socket = net.connect(port, "127.0.0.1");
        this.socket.on("data", (bytes) => this.receive(bytes));
        this.socket.on("error", () => {}); /* orders have a deadline */
        await this.order("WebDriver:NewSession", {acceptInsecureCerts: true});
    }

    receive(bytes)
    {
        this.rest = Buffer.concat([this.rest, bytes]);
        for (;;) {
            const colon = this.rest.indexOf(":");
            const length = Number(this.rest.subarray(0, colon).toString());

            if (colon < 0 || this.rest.length < colon + 1 + length) {
                return;
            }

            const packet = JSON.parse(
                this.rest.subarray(colon + 1, colon + 1 + length).toString());

            this.rest = this.rest.subarray(colon + 1 + length);
            if (Array.isArray(packet)) { /* the first one is a greeting */
                this.waiting.get(packet[1])?.(packet);
                this.waiting.delete(packet[1]);
            }
        }
    }

    /** Give an order. Returns its value, or throws the browser's error. */
    async order(name, parameters = {}, ms = 90000)
    {
        const id = ++this.id;
        const text = JSON.stringify([0, id, name, parameters]);
        const packet = await new Promise((done, failed) => {
            const timer = setTimeout(() =>
                failed(new Error(name + ": no answer")), ms);

            this.waiting.set(id, (answer) => {
                clearTimeout(timer);
                done(answer);
            });
            this.socket.write(Buffer.byteLength(text) + ":" + text);
        });

        if (packet[2]) {
            throw new Error(`${name}: ${packet[2].error} ${packet[2].message}`);
        }
        return packet[3] && "value" in packet[3] ? packet[3].value : packet[3];
    }

    /** Open a tab with a page. Returns its handle; the tab is selected. */
    async tab(url)
    {
        const {handle} = await this.order("WebDriver:NewWindow",
            {type: "tab", focus: true});

        await this.select(handle);
        await this.order("WebDriver:Navigate", {url});
        return handle;
    }

    select(handle)
    {
        return this.order("WebDriver:SwitchToWindow", {handle, focus: false});
    }

    /** Run a function in the selected tab; a promise is waited for. */
    evaluate(fn, ...args)
    {
        return this.order("WebDriver:ExecuteScript",
            {script: `return (${fn})(...arguments);`, args, sandbox: null,
                newSandbox: false});
    }

    /** Close the selected tab; another one is selected, as orders need one. */
    async closeTab()
    {
        const [left] = await this.order("WebDriver:CloseWindow");

        await this.select(left);
    }

    async close()
    {
        if (this.process) {
            const ended = new Promise((done) => this.process.on("exit", done));

            this.process.kill("SIGKILL");
            await ended;
        }
        this.socket?.destroy();
        fs.rmSync(this.profile, {recursive: true, force: true});
    }
}
