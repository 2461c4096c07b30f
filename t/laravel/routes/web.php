<?php
// SPDX-License-Identifier: Apache-2.0

use App\Events\OrderPlaced;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

// 401, and not a redirect, for those that are not logged in
Route::post('/token', function (Request $request) {
    abort_if($request->user() === null, 401);
    return ['expires_in' => config('eventstream.token_seconds')];
});

Route::get('/csrf', fn () => csrf_token());
Route::post('/login', function (Request $request) {
    abort_unless(Auth::attempt($request->only('name', 'password')), 403);
    $request->session()->regenerate();
    return csrf_token();
});
Route::post('/logout', function (Request $request) {
    Auth::logout();
    $request->session()->invalidate();
    return '';
});
Route::post('/order', function (Request $request) {
    abort_if($request->user() === null, 403);
    broadcast(new OrderPlaced($request->user()->id, $request->input('dish')));
    return '';
});
