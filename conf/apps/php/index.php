<?php
// SPDX-License-Identifier: Apache-2.0
// The page: it shows the orders of its user as they come.
require 'stream.php';

if (user() === null) {
    header('Location: login.php', true, 303);
    exit;
}
?>
<!DOCTYPE html>
<meta charset="utf-8">
<title>Orders</title>
<p id="user"><?= htmlspecialchars(user()) ?></p>
<p id="state"></p>
<ul id="orders"></ul>
<form method="post" action="order.php">
    <input name="dish"><button id="order">Order</button>
</form>
<form method="post" action="logout.php"><button id="logout">Log out</button></form>
<script type="module">
import {openStream} from "./stream.js";

const state = document.querySelector("#state");

async function renew()
{
    const answer = await fetch("token.php", {method: "POST"});

    if (answer.status === 401) {
        return 0;
    }
    if (!answer.ok) {
        throw new Error("token.php: " + answer.status);
    }
    return (await answer.json()).expires_in;
}

openStream("/events/mine", {
    events: ["order"],
    receive: (event) => {
        const item = document.createElement("li");

        item.textContent = event.data;
        document.querySelector("#orders").append(item);
    },
    renew,
    login: () => location.assign("login.php"),
    refused: (status) => {
        state.textContent = "refused: " + status;
    },
});
</script>
