<?php
// SPDX-License-Identifier: Apache-2.0
// POST user=... password=...: logs in. An application has its users in a table;
// these are for trying it out, with the passwords "secret of ann" and so on.
require 'stream.php';

const USERS = [
    'ann' => '$2y$10$7vavJ/o2GyWWuJPTpKs8tuTEycDk2wLfndvRtea6njHX2Nt7l8M/6',
    'bob' => '$2y$10$FmIGGTUf0l3O3bc9YCIoOuCFvgoilEHMU3wU1ULUcw26ql7RqIbL6',
];

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $user = $_POST['user'] ?? '';
    if (password_verify($_POST['password'] ?? '', USERS[$user] ?? '*')) {
        session_regenerate_id(true);
        $_SESSION['user'] = $user;
        header('Location: index.php', true, 303);
        exit;
    }
    http_response_code(403);
}
?>
<!DOCTYPE html>
<meta charset="utf-8">
<title>Log in</title>
<form method="post">
    <input name="user" autocomplete="username">
    <input name="password" type="password" autocomplete="current-password">
    <button id="login">Log in</button>
</form>
