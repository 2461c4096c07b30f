<?php
// SPDX-License-Identifier: Apache-2.0

return [
    'default' => 'array',
    'stores' => ['array' => ['driver' => 'array']],
];
