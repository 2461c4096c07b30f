<?php
// SPDX-License-Identifier: Apache-2.0
// POST: a new token for the streams of the user, as a cookie; 401 without login.
require 'stream.php';

header('Cache-Control: no-store');
header('Content-Type: application/json');
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
    exit('{"error": "POST only"}');
}
if (user() === null) {
    http_response_code(401);
    exit('{"error": "log in"}');
}
set_stream_cookie(stream_token(user()), TOKEN_SECONDS);
echo json_encode(['expires_in' => TOKEN_SECONDS]);
