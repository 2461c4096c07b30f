/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and lists whose rows stay while their values change: the focus and a
 * selection are kept.
 */

/**
 * Bring the children of a node in line with items. keyOf gives the text by
 * which an item is known again, create makes its node, update fills it.
 */
function reconcile(parent, items, keyOf, create, update)
{
    const old = new Map();
    let at = parent.firstChild;

    for (const node of parent.children) {
        old.set(node.dataset.key, node);
    }
    for (const item of items) {
        const key = keyOf(item);
        let node = old.get(key);

        if (node) {
            old.delete(key);
        }
        else {
            node = create(item);
            node.dataset.key = key;
        }
        if (node === at) {
            at = at.nextSibling;
        }
        else {
            parent.insertBefore(node, at);
        }
        update(node, item);
    }
    for (const node of old.values()) {
        node.remove();
    }
}

/** Show what and how much, as pairs of texts, in the rows of a list. */
function drawPairs(list, pairs)
{
    reconcile(list, pairs, ([what]) => what, () => {
        const li = make("li");

        li.append(make("span"), make("b"));
        return li;
    }, (li, [what, much]) => {
        setText(li.children[0], what);
        setText(li.children[1], much);
    });
}

/**
 * A table. A column is {label, title, of, className}: `of` gives what a cell
 * shows, a text or a node. A column whose `when` is false for all rows is left
 * out.
 */
class Table {
    constructor(table, columns, keyOf)
    {
        this.all = columns;
        this.shown = "";
        this.columns = [];
        this.keyOf = keyOf;
        this.head = table.appendChild(make("thead"));
        this.body = table.appendChild(make("tbody"));
    }

    draw(rows)
    {
        const columns = this.all.filter((column) =>
            !column.when || rows.some(column.when));
        const shown = columns.map((column) => column.label).join("\n");

        if (shown !== this.shown) {
            this.shown = shown;
            this.columns = columns;
            this.body.replaceChildren();
            this.drawHead();
        }
        reconcile(this.body, rows, this.keyOf, () => this.row(),
            (tr, row) => this.fill(tr, row));
    }

    drawHead()
    {
        const tr = make("tr");

        for (const column of this.columns) {
            const th = make("th", column.className, column.label);

            th.scope = "col";
            if (column.title) {
                th.title = column.title;
            }
            tr.append(th);
        }
        this.head.replaceChildren(tr);
    }

    row()
    {
        const tr = make("tr");

        for (const column of this.columns) {
            const td = make("td", column.className);

            td.dataset.label = column.label;
            tr.append(td);
        }
        return tr;
    }

    fill(tr, row)
    {
        this.columns.forEach((column, i) => {
            const shows = column.of(row);
            const td = tr.children[i];

            if (shows instanceof Node) {
                if (!td.firstChild || td.childNodes.length !== 1 ||
                    !td.firstChild.isEqualNode(shows)) {
                    td.replaceChildren(shows);
                }
            }
            else {
                setText(td, shows);
            }
        });
    }
}

/** A bar that is full at 1. */
function share(part, tone)
{
    const bar = make("span", "share" + (tone ? " " + tone : ""));
    const fill = make("i");

    fill.style.width = Math.min(100, Math.max(0, part * 100)).toFixed(1) + "%";
    bar.append(fill);
    bar.setAttribute("aria-hidden", "true");
    return bar;
}

/** A number with a bar before it. */
function level(part, text, tone)
{
    const node = make("span", "level");

    node.append(share(part, tone), make("span", "", text));
    return node;
}
