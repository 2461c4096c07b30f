<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Http\Middleware;

use Illuminate\Cookie\Middleware\EncryptCookies as Middleware;

class EncryptCookies extends Middleware
{
    protected $except = ['stream_token'];
}
