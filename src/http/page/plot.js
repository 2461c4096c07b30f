/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plots of the last ten minutes. A point is {at, value…}: at in milliseconds,
 * and a number for each series, or null where there is none (the server was not
 * there): the line has a gap then.
 */

const WINDOW_MS = 600000;
const LEAST_MS = 120000;         /* is shown, also if the points take less */
const GAP_MS = 5000;             /* points that are further apart have a gap */
const MARGIN = {left: 40, right: 4, top: 8, bottom: 20};

/** How much time the points take, up to ten minutes. */
function windowOf(points)
{
    return points.length === 0 ? WINDOW_MS : Math.min(WINDOW_MS, Math.max(
        LEAST_MS, points[points.length - 1].at - points[0].at));
}

/** A round number at or above n, and steps up to it. */
function scaleFor(n, least)
{
    const most = Math.max(n, least);
    const power = 10 ** Math.floor(Math.log10(most));
    const step = [1, 2, 2.5, 5, 10].find((s) => s * power * 4 >= most) * power;
    const top = Math.ceil(most / step) * step;

    return {top, step};
}

/** The path of a series; points outside of the window were removed. */
function pathOf(points, key, x, y)
{
    let path = "";
    let last = null;

    for (const point of points) {
        const value = point[key];

        if (value === null || value === undefined) {
            last = null;
            continue;
        }
        path += (last === null || point.at - last > GAP_MS ? "M" : "L") +
            x(point.at).toFixed(1) + " " + y(value).toFixed(1);
        last = point.at;
    }
    return path;
}

/** The area below a path: each part of it is closed at the bottom. */
function areaOf(path, bottom)
{
    return path.split("M").slice(1).map((part) => {
        const first = part.split(/[L ]/)[0];
        const last = part.split("L").pop().split(" ")[0];

        return "M" + part + "L" + last + " " + bottom + "L" + first + " " +
            bottom + "Z";
    }).join("");
}

/** A line without axes, behind the number of a tile. */
class Spark {
    constructor(parent, series)
    {
        this.svg = makeSvg("svg", {viewBox: "0 0 200 40",
            preserveAspectRatio: "none", "aria-hidden": "true",
            class: "s" + series});
        this.area = this.svg.appendChild(makeSvg("path", {class: "area"}));
        this.line = this.svg.appendChild(makeSvg("path", {class: "line"}));
        parent.append(this.svg);
    }

    draw(points, key)
    {
        const end = points.length ? points[points.length - 1].at : 0;
        const most = Math.max(1e-9, ...points.map((p) => p[key] ?? 0));
        const width = windowOf(points);
        const path = pathOf(points, key,
            (at) => 200 - (end - at) / width * 200,
            (value) => 38 - value / most * 34);

        this.line.setAttribute("d", path);
        this.area.setAttribute("d", areaOf(path, 40));
    }
}

/** A plot with axes and a cross-hair, by pointer or arrow keys. */
class Plot {
    /**
     * series: [{key, label, colour}]; format: value to text; least: the top of
     * the scale is not below it
     */
    constructor(figure, title, series, format, least)
    {
        const caption = make("figcaption");

        this.figure = figure;
        this.title = title;
        this.series = series;
        this.format = format;
        this.least = least;
        this.points = [];
        this.chosen = null;      /* index of the point at the cross-hair */
        const legend = make("span", "legend");

        series.forEach((s, i) => legend.append(
            make("span", "s" + (s.colour ?? i), s.label)));
        caption.append(make("b", "", title), legend);
        this.svg = makeSvg("svg", {role: "img", tabindex: "0"});
        this.tip = make("div", "tip");
        this.tip.hidden = true;
        figure.append(caption, this.svg, this.tip);
        this.svg.addEventListener("pointermove", (e) => this.point(e));
        this.svg.addEventListener("pointerleave", () => this.choose(null));
        this.svg.addEventListener("blur", () => this.choose(null));
        this.svg.addEventListener("keydown", (e) => this.key(e));
        new ResizeObserver(() => this.render()).observe(this.svg);
    }

    draw(points)
    {
        this.points = points;
        this.render();
    }

    point(e)
    {
        const rect = this.svg.getBoundingClientRect();
        const at = this.timeAt(e.clientX - rect.left);
        let best = null;

        this.points.forEach((p, i) => {
            if (best === null || Math.abs(p.at - at) <
                Math.abs(this.points[best].at - at)) {
                best = i;
            }
        });
        this.choose(best);
    }

    key(e)
    {
        const last = this.points.length - 1;
        const from = this.chosen ?? last + 1;
        const steps = {ArrowLeft: -1, ArrowRight: 1, PageUp: -60, PageDown: 60,
            Home: -Infinity, End: Infinity};

        if (e.key === "Escape") {
            this.choose(null);
        }
        else if (e.key in steps && last >= 0) {
            e.preventDefault();
            this.choose(Math.min(last, Math.max(0, from + steps[e.key])));
        }
    }

    choose(index)
    {
        this.chosen = index;
        this.render();
    }

    timeAt(px)
    {
        return this.end - this.window + (px - MARGIN.left) /
            Math.max(1, this.width - MARGIN.left - MARGIN.right) * this.window;
    }

    render()
    {
        const rect = this.svg.getBoundingClientRect();
        const points = this.points;

        if (rect.width === 0) {
            return;
        }
        this.width = rect.width;
        this.height = rect.height;
        this.window = windowOf(points);
        this.end = points.length ? points[points.length - 1].at : Date.now();
        this.svg.setAttribute("viewBox", `0 0 ${rect.width} ${rect.height}`);
        this.svg.replaceChildren();
        this.drawScale();
        this.series.forEach((s, i) => this.drawSeries(s, i));
        this.describe();
        this.drawChosen();
    }

    x(at)
    {
        return MARGIN.left + (1 - (this.end - at) / this.window) *
            (this.width - MARGIN.left - MARGIN.right);
    }

    y(value)
    {
        return this.height - MARGIN.bottom - value / this.scale.top *
            (this.height - MARGIN.top - MARGIN.bottom);
    }

    drawScale()
    {
        const most = Math.max(0, ...this.points.flatMap((p) =>
            this.series.map((s) => p[s.key] ?? 0)));
        const text = (x, y, anchor, words) => {
            const node = makeSvg("text", {x, y, class: "tick",
                "text-anchor": anchor});

            node.textContent = words;
            this.svg.append(node);
        };

        this.scale = scaleFor(most, this.least);
        for (let v = 0; v <= this.scale.top * 1.001; v += this.scale.step) {
            this.svg.append(makeSvg("line", {class: "grid", x1: MARGIN.left,
                x2: this.width - MARGIN.right, y1: this.y(v), y2: this.y(v)}));
            text(MARGIN.left - 6, this.y(v) + 4, "end", this.format(v, true));
        }
        for (const [part, anchor] of [[1, "start"], [0.5, "middle"],
            [0, "end"]]) {
            const ms = this.window * part;

            text(this.x(this.end - ms), this.height - 4, anchor,
                part === 0 ? "now" : "−" + (ms < 60000 ? span(ms)
                    : +(ms / 60000).toFixed(1) + " min"));
        }
    }

    drawSeries(series, index)
    {
        const group = makeSvg("g",
            {class: "s" + (series.colour ?? index)});
        const path = pathOf(this.points, series.key, (at) => this.x(at),
            (value) => this.y(value));

        group.append(makeSvg("path", {class: "area",
            d: areaOf(path, this.y(0).toFixed(1))}));
        group.append(makeSvg("path", {class: "line", d: path}));
        this.svg.append(group);
    }

    describe()
    {
        const last = this.points[this.points.length - 1];

        this.svg.setAttribute("aria-label", this.title + ", ten minutes" +
            (last ? "; now " + this.series.map((s) => s.label + " " +
                this.format(last[s.key] ?? 0)).join(", ") : ""));
    }

    drawChosen()
    {
        const point = this.points[this.chosen];

        this.tip.hidden = !point;
        if (!point) {
            return;
        }
        const x = this.x(point.at);

        this.svg.append(makeSvg("line", {class: "cross", x1: x, x2: x,
            y1: MARGIN.top, y2: this.height - MARGIN.bottom}));
        this.tip.replaceChildren(make("div", "", clock(point.at)));
        this.series.forEach((s, i) => {
            const line = make("div");

            line.append(s.label + " ", make("b", "",
                this.format(point[s.key] ?? 0)));
            this.tip.append(line);
            if (point[s.key] !== null) {
                const group = makeSvg("g",
                    {class: "s" + (s.colour ?? i)});

                group.append(makeSvg("circle", {class: "dot", r: 4, cx: x,
                    cy: this.y(point[s.key])}));
                this.svg.append(group);
            }
        });
        this.placeTip(x);
    }

    placeTip(x)
    {
        const left = this.svg.offsetLeft + x;
        const room = this.figure.clientWidth;
        const width = this.tip.offsetWidth;

        this.tip.style.left = (left + 12 + width > room ? left - 12 - width
            : left + 12) + "px";
        this.tip.style.top = this.svg.parentNode.querySelector("figcaption")
            .offsetHeight + 20 + "px";
    }
}
