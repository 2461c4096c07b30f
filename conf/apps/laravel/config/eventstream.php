<?php
// SPDX-License-Identifier: Apache-2.0

return [
    'key_file' => '/etc/apache2/stream.key', // that of EventStreamToken
    'token_seconds' => 900,
    'publish_url' => 'http://127.0.0.1:8081/publish',
];
