/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rooms and the row of links to them. The hash of the page's address
 * decides which one is shown, so links, Back and bookmarks work.
 *
 * Three rooms always exist; the browser's storage keeps those that the user
 * adds.
 */

import {$, make, setText} from "./page.js";

const ROOMS = ["kitchen", "bar", "terrace"];
const STORE_KEY = "eventstream-demo-rooms";

const rooms = new Map();     /* name to room, in the order of the page */

/** The room that is shown and connected; null until enterRoom(). */
export let current = null;

function newRoom(name)
{
    return {
        name: name,
        entries: [],         /* newest last; list.js limits it */
        position: "",        /* last event id, "" = none yet */
        total: 0,
        seconds: [],         /* events of each past second, newest last */
        second: 0,           /* events of the current second */
        link: null,          /* its <a> in the row */
        count: null,         /* the number in that <a> */
    };
}

export function allRooms()
{
    return rooms.values();
}

export function channelOf(room)
{
    return "room-" + room.name;
}

export function urlOf(room)
{
    return "/events/" + encodeURIComponent(room.name);
}

/* The reason why a name cannot be a segment of a path, "" if it can. */
function nameProblem(name)
{
    if (name === "") {
        return "A room needs a name.";
    }
    if (name.length > 64) {
        return "A room's name has at most 64 characters.";
    }
    if (name === "." || name === "..") {
        return "A room cannot be called a dot.";
    }
    if (/[\/\\\u0000-\u001f\u007f]/.test(name)) {
        return "A room's name has no slash and no control character.";
    }
    return "";
}

/* ---- Storage ---------------------------------------------------------- */

function storedRooms()
{
    try {
        const names = JSON.parse(localStorage.getItem(STORE_KEY) || "[]");

        return Array.isArray(names)
            ? names.filter((n) => typeof n === "string" && !nameProblem(n))
            : [];
    }
    catch (e) { /* no storage, or written by another page */
        return [];
    }
}

function storeRooms()
{
    try {
        localStorage.setItem(STORE_KEY, JSON.stringify(
            [...rooms.keys()].filter((name) => !ROOMS.includes(name))));
    }
    catch (e) {
        /* then the rooms last as long as the page */
    }
}

/* ---- The row ---------------------------------------------------------- */

function addRoom(name)
{
    const room = newRoom(name);
    const item = make("li", "room");

    room.link = make("a");
    room.link.href = "#" + encodeURIComponent(name);
    room.link.title = "Listen to " + name;
    room.link.append(make("span", "dot"), make("span", "name", name));
    room.count = make("span", "count");
    room.link.append(room.count);
    item.append(room.link);
    if (!ROOMS.includes(name)) {
        const remove = make("button", "remove", "×");

        remove.type = "button";
        remove.setAttribute("aria-label", "Remove room " + name);
        remove.addEventListener("click", () => removeRoom(room));
        item.append(remove);
    }
    $("rooms").append(item);
    rooms.set(name, room);
}

function removeRoom(room)
{
    rooms.delete(room.name);
    room.link.parentNode.remove();
    storeRooms();
    if (room === current) {
        location.hash = ROOMS[0];
    }
    rooms.get(ROOMS[0]).link.focus();
}

export function drawCounts()
{
    for (const room of rooms.values()) {
        setText(room.count, room.total ? String(room.total) : "");
    }
}

/* ---- The current room ------------------------------------------------- */

/** The room's name in the hash; a bad hash is replaced by the first room. */
export function nameFromHash()
{
    let name = "";

    try {
        name = decodeURIComponent(location.hash.slice(1)).trim();
    }
    catch (e) {
        /* a lone % */
    }
    if (nameProblem(name)) {
        name = ROOMS[0];
        history.replaceState(null, "", "#" + name);
    }
    return name;
}

/** Make the room with this name the current one; a new name adds a room. */
export function enterRoom(name)
{
    if (current !== null) {
        current.link.removeAttribute("aria-current");
        current.link.removeAttribute("data-state");
    }
    if (!rooms.has(name)) {
        addRoom(name);
        storeRooms();
    }
    current = rooms.get(name);
    current.link.setAttribute("aria-current", "page");
}

function submitName(e)
{
    const input = $("add-name");
    const name = input.value.trim();

    e.preventDefault();
    input.setCustomValidity(nameProblem(name));
    if (!input.reportValidity()) {
        return;
    }
    input.value = "";
    location.hash = encodeURIComponent(name);
}

/** Fill the row and listen to the form that adds rooms. */
export function startRooms()
{
    for (const name of new Set([...ROOMS, ...storedRooms()])) {
        addRoom(name);
    }
    $("add").addEventListener("submit", submitName);
    $("add-name").addEventListener("input", (e) => {
        e.target.setCustomValidity("");
    });
}
