<?php
// SPDX-License-Identifier: Apache-2.0
// POST: ends the session, and with the token the right to new streams; and the
// streams that are open.
require 'stream.php';

if ($_SERVER['REQUEST_METHOD'] === 'POST' && user() !== null) {
    $user = user();
    $_SESSION = [];
    session_destroy();
    set_stream_cookie('', -3600);
    end_streams($user);
}
header('Location: login.php', true, 303);
