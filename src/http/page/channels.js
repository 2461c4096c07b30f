/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of channels: search, order and pages. It is asked for again every
 * two seconds while it can be seen; the first page and the search stand in the
 * address.
 */

const REFRESH_MS = 2000;
const TYPING_MS = 200;

const list = {q: query.get("q") ?? "", hub: query.get("hub") ?? "",
    sort: query.get("sort") ?? "clients", after: "", next: null, asked: 0};
const isNarrow = matchMedia("(max-width: 40rem)");
let channelTable = null;

function linkOf(row)
{
    const link = make("a", "", row.channel);

    link.href = urlOf({channel: row.channel, hub: row.hub});
    return link;
}

function ageOf(row)
{
    return row.age_ms === null ? "–" : span(row.age_ms) + " ago";
}

const CHANNEL_COLUMNS = [
    {label: "Channel", className: "name", of: linkOf},
    {label: "Hub", of: (row) => row.hub, when: () => state.hubs?.length > 1},
    {label: "Clients", className: "num", of: (row) => number(row.clients)},
    {label: "Rate", className: "num", title: "Events a second, of the last ten",
        of: (row) => rate(row.rate) + " /s"},
    {label: "Retained", className: "num", of: (row) => number(row.events)},
    {label: "Last event", className: "num", of: ageOf},
    {label: "Last id", className: "num mono wide",
        of: (row) => row.last ?? "–"},
    {label: "State", of: (row) => row.closed_s > 0
        ? badge("closed, " + span(row.closed_s * 1000), "warn")
        : make("span", "zero", "open"), when: (row) => row.closed_s > 0},
];

function showChannels(answer)
{
    channelTable.draw(answer.channels);
    list.next = answer.next;
    $("next").hidden = answer.next === null;
    $("first").hidden = list.after === "";
    $("channels-empty").hidden = answer.channels.length > 0;
    setText($("channels-empty"), list.q ? "No channel has this in its name."
        : "There is no channel yet: one is there while a client subscribes " +
            "to it, or an event of it is retained.");
    setText($("channels-count"), (list.q
        ? count(answer.matching) + " of " + count(answer.known)
        : plural(answer.known, "channel", "channels")) +
        (answer.partial ? ", of the first that were looked at" : ""));
}

async function askChannels()
{
    const asked = ++list.asked;
    const parameters = {channels: "", sort: list.sort,
        limit: isNarrow.matches ? 8 : 25};

    for (const name of ["q", "hub", "after"]) {
        if (list[name] !== "") {
            parameters[name] = list[name];
        }
    }
    try {
        const answer = await ask(parameters);

        if (asked === list.asked) { /* no later one is under way */
            showChannels(answer);
        }
    }
    catch (e) {
        setText($("channels-count"), e.message);
    }
}

function remember()
{
    const kept = {};

    for (const [name, preset] of [["q", ""], ["hub", ""],
        ["sort", "clients"]]) {
        if (list[name] !== preset) {
            kept[name] = list[name];
        }
    }
    history.replaceState(null, "", Object.keys(kept).length ? urlOf(kept)
        : location.pathname);
}

function change(name, value)
{
    list[name] = value;
    list.after = "";
    remember();
    askChannels();
}

function drawHubChoice()
{
    const names = state.hubs.map((hub) => hub.name);
    const select = $("in-hub");

    select.hidden = names.length < 2;
    select.replaceChildren(...["", ...names].map((name) => {
        const option = make("option", "", name || "All hubs");

        option.value = name;
        return option;
    }));
    select.value = list.hub;
}

function startChannels()
{
    let typing = 0;

    channelTable = new Table($("channels"), CHANNEL_COLUMNS,
        (row) => row.hub + " " + row.channel);
    $("q").value = list.q;
    $("sort").value = list.sort;
    $("search").addEventListener("submit", (e) => e.preventDefault());
    $("q").addEventListener("input", () => {
        clearTimeout(typing);
        typing = setTimeout(() => change("q", $("q").value), TYPING_MS);
    });
    $("in-hub").addEventListener("change", () =>
        change("hub", $("in-hub").value));
    $("sort").addEventListener("change", () => change("sort", $("sort").value));
    $("next").addEventListener("click", () => {
        list.after = list.next;
        askChannels();
    });
    $("first").addEventListener("click", () => {
        list.after = "";
        askChannels();
    });
    askChannels();
    setInterval(() => {
        if (!document.hidden) {
            askChannels();
        }
    }, REFRESH_MS);
}
