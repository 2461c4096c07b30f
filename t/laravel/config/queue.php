<?php
// SPDX-License-Identifier: Apache-2.0

return [
    'default' => 'sync',
    'connections' => ['sync' => ['driver' => 'sync']],
];
