<?php
// SPDX-License-Identifier: Apache-2.0
// What the pages have in common: the session, the token for the streams of its
// user, and publishing.

const KEY_FILE = '/etc/apache2/stream.key';
const PUBLISH_URL = 'http://127.0.0.1:8081/publish';
const TOKEN_SECONDS = 900;

session_start(['name' => 'app', 'cookie_path' => '/app/',
    'cookie_httponly' => true, 'cookie_samesite' => 'Lax',
    'cookie_secure' => !empty($_SERVER['HTTPS']), 'use_strict_mode' => true]);

function user(): ?string
{
    return $_SESSION['user'] ?? null;
}

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

// The channels that the user may hear; here: the own one, and the rooms.
function stream_token(string $user): string
{
    $key = trim(file_get_contents(KEY_FILE));
    $signed = base64url('{"alg":"HS256","typ":"JWT"}') . '.'
        . base64url(json_encode([
            'sub' => $user,
            'exp' => time() + TOKEN_SECONDS,
            'eventstream' => ['subscribe' => ["user-$user", 'room-*']],
        ], JSON_THROW_ON_ERROR));
    return "$signed." . base64url(hash_hmac('sha256', $signed, $key, true));
}

// Only streams get the cookie, and no script of a page can read it.
function set_stream_cookie(string $token, int $seconds): void
{
    setcookie('stream_token', $token, ['path' => '/events/',
        'expires' => time() + $seconds, 'httponly' => true,
        'samesite' => 'Lax', 'secure' => !empty($_SERVER['HTTPS'])]);
}

// The answer of httpd, or a RuntimeException with the reason.
function ask_httpd(string $method, string $url, string $body = ''): array
{
    $answer = file_get_contents($url, false,
        stream_context_create(['http' => [
            'protocol_version' => 1.1,
            'method' => $method,
            'header' => 'Content-Type: application/json',
            'content' => $body,
            'ignore_errors' => true,
            'timeout' => 5,
        ]]));
    if ($answer === false
        || !preg_match('/^HTTP\S* 200 /', $http_response_header[0])) {
        throw new RuntimeException($answer ?: 'no answer');
    }
    return json_decode($answer, true);
}

function publish(array $event): array
{
    return ask_httpd('POST', PUBLISH_URL,
        json_encode($event, JSON_THROW_ON_ERROR));
}

// Ends the streams of a user. Those of other browsers, which still have their
// token, come back at once.
function end_streams(string $user): void
{
    ask_httpd('DELETE', PUBLISH_URL . '?for=0&user=' . rawurlencode($user));
}
