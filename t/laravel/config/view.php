<?php
// SPDX-License-Identifier: Apache-2.0

return ['paths' => [], 'compiled' => storage_path('views')];
