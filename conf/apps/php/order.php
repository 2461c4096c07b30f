<?php
// SPDX-License-Identifier: Apache-2.0
// POST dish=...: an order, which the pages of this user and the kitchen show.
require 'stream.php';

if ($_SERVER['REQUEST_METHOD'] !== 'POST' || user() === null) {
    http_response_code(403);
    exit;
}
publish(['channel' => ['user-' . user(), 'room-kitchen'], 'event' => 'order',
    'text' => $_POST['dish'] ?? '']);
http_response_code(204);
