/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of a channel: its figures, its events as they come, and a form that
 * publishes to it, where the user may.
 */

const EVENTS_MAX = 200;
const DATA_MAX = 4000;           /* characters that are shown of an event */

const channel = {name: query.get("channel") ?? "",
    hub: query.get("hub") || "default", publish: null};
let isPaused = false;
let waiting = [];                /* events that came while it was paused */

/* ---- Figures ------------------------------------------------------------- */

const facts = {};

function addFact(key, label)
{
    const tile = make("dl", "tile");

    facts[key] = {value: make("dd", "", "–"), detail: make("p")};
    tile.append(make("dt", "", label), facts[key].value, facts[key].detail);
    $("c-tiles").append(tile);
}

function showFact(key, value, detail)
{
    setText(facts[key].value, value);
    setText(facts[key].detail, detail);
}

/* Names of its clients, where presence is counted. */
function showNames(row)
{
    const names = row.names ?? [];

    reconcile($("c-names"), names, (n) => n.name, () => make("li"), (li, n) => {
        setText(li, n.name + (n.clients > 1 ? " × " + count(n.clients) : ""));
        li.className = n.clients === 0 ? "away" : "";
        li.title = n.clients === 0 ? "has no client now, and may come back"
            : plural(n.clients, "client", "clients");
    });
    setText($("c-names-count"), (row.names_partial ? "the first " : "") +
        plural(names.length, "name", "names"));
    $("c-names-card").hidden = names.length === 0;
}

async function askChannel()
{
    try {
        const row = await ask({channel: channel.name, hub: channel.hub,
            json: ""});

        showFact("clients", count(row.clients), "this page is one of them");
        showFact("rate", rate(row.rate) + " /s", "in the last ten seconds");
        showFact("events", count(row.events), row.closed_s > 0
            ? "closed for " + span(row.closed_s * 1000) : "in the journal");
        showFact("last", row.last === null ? "none" : ageOf(row),
            row.last === null ? "" : "id " + row.last);
        showNames(row);
        showProblem("");
    }
    catch (e) {
        showProblem(e.message);
    }
}

/* ---- Events -------------------------------------------------------------- */

/* Our ids begin with the time. */
function timeOf(id)
{
    const ms = /^\d{12,14}-\d+$/.test(id) ? parseInt(id, 10) : Date.now();

    return clock(ms);
}

const PRETTY_MIN = 90;           /* characters; what is shorter is one line */

/* Long JSON is shown with a line for each member. */
function prettyOf(data)
{
    if (data.length < PRETTY_MIN) {
        return data;
    }
    try {
        const value = JSON.parse(data);

        return typeof value === "object" && value !== null
            ? JSON.stringify(value, null, 2) : data;
    }
    catch (e) {
        return data;
    }
}

function isShown(li)
{
    const part = $("c-filter").value.toLowerCase();

    return part === "" || li.textContent.toLowerCase().includes(part);
}

function addEvent(event)
{
    const li = make("li", "fresh");
    const line = make("div", "line1");
    const text = event.data.length > DATA_MAX
        ? event.data.slice(0, DATA_MAX) + " …" : prettyOf(event.data);

    line.append(make("time", "", timeOf(event.id)),
        badge(event.type, event.type === "message" ? "" : "good"),
        make("span", "mono", event.id),
        make("span", "", bytes(new TextEncoder().encode(event.data).length)));
    li.append(line, make("pre", "", text));
    li.hidden = !isShown(li);
    $("events").prepend(li);
    while ($("events").children.length > EVENTS_MAX) {
        $("events").lastChild.remove();
    }
    $("c-empty").hidden = true;
}

function takeChannelEvent(event)
{
    if (event.type === "stream-open") {
        return;
    }
    if (!isPaused) {
        addEvent(event);
        return;
    }
    waiting.push(event);
    waiting = waiting.slice(-EVENTS_MAX);
    setText($("c-pause"), "Resume (" + waiting.length + ")");
}

function pause()
{
    isPaused = !isPaused;
    $("c-pause").setAttribute("aria-pressed", String(isPaused));
    setText($("c-pause"), isPaused ? "Resume" : "Pause");
    if (!isPaused) {
        waiting.forEach(addEvent);
        waiting = [];
    }
}

/* ---- A test event -------------------------------------------------------- */

function showResult(outcome, text)
{
    $("p-result").dataset.outcome = outcome;
    setText($("p-result"), text);
}

async function publishTest(e)
{
    const event = {channel: channel.name, text: $("p-data").value};

    e.preventDefault();
    if ($("p-type").value !== "") {
        event.event = $("p-type").value;
    }
    try {
        const response = await fetch(channel.publish, {method: "POST",
            headers: {"Content-Type": "application/json"},
            body: JSON.stringify(event),
            signal: AbortSignal.timeout(ANSWER_MS)});

        if (!response.ok) {
            showResult("error", await problemOf(response));
            return;
        }
        const answer = await response.json();

        showResult("done", "Published with the id " + answer.id + " to " +
            plural(answer.clients, "client", "clients") + ".");
    }
    catch (problem) {
        showResult("error", "The server cannot be reached.");
    }
}

async function startPublish()
{
    try {
        const {request, server} = await ask({json: ""});

        setText($("host"), server.name);
        if (request.publish && request.publish_hub === channel.hub) {
            channel.publish = request.publish;
            setText($("c-publish-url"), "by POST to " + request.publish);
            $("c-publish").hidden = false;
            $("publish").addEventListener("submit", publishTest);
        }
    }
    catch (e) {
        showProblem(e.message);
    }
}

function startChannel()
{
    document.title = channel.name + " – Event streams";
    setText($("c-name"), channel.name);
    setText($("c-hub"), "hub " + channel.hub);
    $("channel").hidden = false;
    $("live").hidden = true;
    addFact("clients", "Clients");
    addFact("rate", "Rate");
    addFact("events", "Events retained");
    addFact("last", "Last event");
    $("c-pause").addEventListener("click", pause);
    $("c-clear").addEventListener("click", () => {
        $("events").replaceChildren();
        waiting = [];
        $("c-empty").hidden = false;
    });
    $("c-filter").addEventListener("input", () => {
        for (const li of $("events").children) {
            li.hidden = !isShown(li);
        }
    });
    $("c-controls").addEventListener("submit", (e) => e.preventDefault());
    new Stream(urlOf({channel: channel.name, hub: channel.hub}), {
        event: takeChannelEvent,
        state: (word, why) => showState($("c-live"), $("c-live-text"), word,
            why),
    });
    startPublish();
    askChannel();
    setInterval(() => {
        if (!document.hidden) {
            askChannel();
        }
    }, REFRESH_MS);
}
