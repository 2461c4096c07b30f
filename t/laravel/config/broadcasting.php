<?php
// SPDX-License-Identifier: Apache-2.0

return [
    'default' => 'eventstream',
    'connections' => ['eventstream' => ['driver' => 'eventstream']],
];
