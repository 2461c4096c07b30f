<?php
// SPDX-License-Identifier: Apache-2.0
// What public/index.php and bootstrap/app.php of a new Laravel project do, with
// Debian's packages in place of vendor/.

// Laravel 8 uses what PHP 8.2 calls deprecated
error_reporting(E_ALL & ~E_DEPRECATED);
require 'Illuminate/autoload.php';
require_once 'Illuminate/Foundation/helpers.php';

spl_autoload_register(function (string $class): void {
    $places = ['App\\' => dirname(__DIR__) . '/app',
        'Illuminate\\Foundation\\' => '/usr/share/php/Illuminate/Foundation'];
    foreach ($places as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            require $folder . '/'
                . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
        }
    }
});

$app = new Illuminate\Foundation\Application(dirname(__DIR__));
$app->singleton(Illuminate\Contracts\Http\Kernel::class,
    App\Http\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class,
    Illuminate\Foundation\Exceptions\Handler::class);

$kernel = $app->make(Illuminate\Contracts\Http\Kernel::class);
$request = Illuminate\Http\Request::capture();
$response = $kernel->handle($request)->send();
$kernel->terminate($request, $response);
