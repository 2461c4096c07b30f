<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Providers;

use App\Users;
use Illuminate\Foundation\Support\Providers\RouteServiceProvider;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

class AppServiceProvider extends RouteServiceProvider
{
    public function boot()
    {
        Auth::provider('users', fn () => new Users());
        $this->routes(fn () => Route::middleware('web')
            ->group(base_path('routes/web.php')));
    }
}
