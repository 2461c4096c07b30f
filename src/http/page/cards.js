/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cards below the tables: limits, how the stream of this browser is served,
 * how long things take, why clients are not detached; and the advice on top.
 */

function createLimit()
{
    const li = make("li");

    li.append(make("span", "what"), make("span", "how"), make("span"));
    return li;
}

function valueOf(limit)
{
    if (limit.value === null) {
        return "set for each section";
    }
    if (limit.value === 0) {
        return "no limit";
    }
    return limit.used === null ? "at most " + count(limit.value)
        : count(limit.used) + " of " + count(limit.value);
}

function reachedOf(limit)
{
    const node = badge("reached " + plural(limit.reached, "time", "times"),
        "warn");

    if (limit.reached_ms > 0) {
        node.textContent += ", last " +
            span(Math.max(0, state.server.time_ms - limit.reached_ms)) + " ago";
        node.title = new Date(limit.reached_ms).toLocaleString();
    }
    return node;
}

function fillLimit(li, limit)
{
    const [what, how, bar] = li.children;
    const part = limit.value > 0 && limit.used !== null
        ? limit.used / limit.value : null;
    const tone = part >= 1 ? "bad" : part > 0.8 ? "warn" : "";

    setText(what, limit.name);
    how.replaceChildren(make("span", "quiet", valueOf(limit)));
    if (limit.reached > 0) {
        how.prepend(reachedOf(limit), " ");
    }
    bar.replaceWith(part === null ? make("span") : share(part, tone));
}

/* A limit without a value that was never reached is only named. */
function drawLimits()
{
    const isLoud = (limit) => limit.value > 0 || limit.reached > 0;
    const quiet = state.limits.filter((limit) => !isLoud(limit));

    reconcile($("limits"), state.limits.filter(isLoud), (l) => l.name,
        createLimit, fillLimit);
    setText($("limits-quiet"), quiet.length === 0 ? "" : "Never reached: " +
        quiet.map((limit) => limit.name + " (" + valueOf(limit) + ")")
            .join(", ") + ".");
}

const MODES = {
    detached: ["detached", "its socket belongs to the delivery thread of " +
        "its child, and no worker of httpd is busy with it"],
    held: ["held by a worker", "a worker of httpd is busy with it, as long " +
        "as it is open"],
    turn: ["served in turns", "all workers that may hold clients are busy " +
        "(EventStreamMaxHeld), so it is connected now and then"],
    brief: ["sent away after each answer", "a limit is reached, so it gets " +
        "what it has missed and connects again"],
};

function drawBrowser()
{
    const request = state.request;
    const how = make("p");
    const who = make("p", "quiet");
    const [mode, reason] = MODES[served?.mode] ?? [];

    if (served) {
        how.append("The stream of this page comes over " + served.protocol +
            (served.tls ? " and TLS" : "") + " and is ", make("strong", "",
            mode ?? served.mode), ": " + reason + ".");
        if (served.why) {
            how.append(" It is not detached because " + served.why + ".");
        }
        how.append(" Process " + served.pid + " serves it.");
    }
    else {
        how.append(state.server.live
            ? "The stream of this page is not open yet."
            : "This page asks for its figures every 5 seconds: there are as " +
                "many hubs as there can be, so it has none for a stream.");
    }
    who.append("You come from " + request.address + (request.user
        ? " as the user " + request.user : "") + ".");
    if (request.publish) {
        who.append(" You may publish test events on the page of a channel.");
    }
    $("browser").replaceChildren(how, who);
}

/** The bound below which this part of the values of a histogram is. */
function quantile(histogram, part)
{
    const all = histogram.counts.reduce((sum, n) => sum + n, 0);
    let below = 0;

    for (let i = 0; i < histogram.bounds.length; i++) {
        below += histogram.counts[i];
        if (below >= all * part) {
            return histogram.bounds[i];
        }
    }
    return null;
}

const TIMES = [
    ["publish_us", "To store what is published", (n) => span(n / 1000)],
    ["lag_us", "To write an event to all clients of a child",
        (n) => span(n / 1000)],
    ["held_lag_us", "To write an event to a client that a worker holds",
        (n) => span(n / 1000)],
    ["replay_events", "Events of the past for a new client", count],
];

function drawTimes()
{
    const rows = TIMES.map(([name, text, format]) => {
        const histogram = state.histograms[name];
        const of = (part) => {
            const bound = quantile(histogram, part);

            return bound === null ? "more than " +
                format(histogram.bounds[histogram.bounds.length - 1])
                : "≤\u00a0" + format(bound).replace(" ", "\u00a0");
        };

        return {text, says: histogram.counts.every((n) => n === 0)
            ? "none yet" : "half\u00a0" + of(0.5) + ", 99\u00a0%\u00a0" +
                    of(0.99)};
    });

    drawPairs($("times"), rows.map((row) => [row.text, row.says]));
}

function drawReasons()
{
    drawPairs($("reasons"), state.not_detached.map(
        (r) => [r.text, count(r.count)]));
    $("reasons-card").hidden = state.not_detached.length === 0;
}

function drawRevocations()
{
    const revoked = state.revocations;

    drawPairs($("revocations"), [
        ["Times that a user or a token was revoked", count(revoked.times)],
        ["Of these hold now", count(revoked.holding)],
        ["Streams that were ended", count(revoked.streams)],
        ["Requests that were refused", count(revoked.refused)],
    ]);
    $("revocations-card").hidden = revoked.times === 0;
}

function drawAdvice()
{
    reconcile($("advice"), state.advice, (a) => a.tag + a.text, (a) => {
        const li = make("li");

        li.append(make("code", "", a.tag), a.text);
        return li;
    }, () => {});
    $("advice").hidden = state.advice.length === 0;
}
