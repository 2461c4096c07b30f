<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Http\Middleware;

use App\Streams\Token;
use Closure;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\Cookie;

/**
 * Each answer to a user who is logged in renews the cookie with the token for
 * streams; each other answer takes it away. It belongs into the group "web", and
 * stream_token into $except of App\Http\Middleware\EncryptCookies.
 */
class StreamToken
{
    public function handle(Request $request, Closure $next)
    {
        $response = $next($request);
        $user = $request->user();
        if ($user !== null) {
            $response->headers->setCookie($this->cookie($request,
                Token::of($user), config('eventstream.token_seconds')));
        } elseif ($request->hasSession()) {
            $response->headers->setCookie($this->cookie($request, '', -3600));
        }
        return $response;
    }

    /** Only streams get the cookie, and no script of a page can read it. */
    private function cookie(Request $request, string $token, int $seconds): Cookie
    {
        return new Cookie('stream_token', $token, time() + $seconds, '/events/',
            null, $request->isSecure(), true, false, 'lax');
    }
}
