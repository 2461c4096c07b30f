<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Broadcasting;

use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\BroadcastException;
use Symfony\Component\HttpKernel\Exception\AccessDeniedHttpException;

/** Publishes what Laravel broadcasts, and ends streams. */
class EventstreamBroadcaster extends Broadcaster
{
    private string $url;

    public function __construct(string $url)
    {
        $this->url = $url;
    }

    public function broadcast(array $channels, $event, array $payload = [])
    {
        unset($payload['socket']); // of toOthers(), which needs a Pusher client
        $this->ask('POST', '', json_encode([
            'channel' => $this->formatChannels($channels),
            'event' => $event,
            'data' => $payload,
        ], JSON_THROW_ON_ERROR));
    }

    /**
     * Ends the streams of a user. Those of other browsers, which still have
     * their token, come back at once.
     */
    public function endStreams(string $user): void
    {
        $this->ask('DELETE', '?for=0&user=' . rawurlencode($user));
    }

    private function ask(string $method, string $query, string $body = ''): void
    {
        $answer = @file_get_contents($this->url . $query, false,
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
            throw new BroadcastException($answer ?: 'no answer');
        }
    }

    /** The token says who may hear a channel, so nobody has to ask here. */
    public function auth($request)
    {
        throw new AccessDeniedHttpException();
    }

    public function validAuthenticationResponse($request, $result)
    {
        throw new AccessDeniedHttpException();
    }
}
