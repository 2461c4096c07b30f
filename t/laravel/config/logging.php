<?php
// SPDX-License-Identifier: Apache-2.0

return [
    'default' => 'single',
    'channels' => ['single' => [
        'driver' => 'single', 'path' => storage_path('log')]],
];
