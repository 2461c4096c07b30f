<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Streams;

use Illuminate\Contracts\Auth\Authenticatable;

/** The token for the streams of a user. */
class Token
{
    /** The channels that the user may hear: the own one, and the rooms. */
    private static function channels(Authenticatable $user): array
    {
        return ['private-user.' . $user->getAuthIdentifier(), 'room.*'];
    }

    public static function of(Authenticatable $user): string
    {
        $key = trim(file_get_contents(config('eventstream.key_file')));
        $signed = self::base64url('{"alg":"HS256","typ":"JWT"}') . '.'
            . self::base64url(json_encode([
                'sub' => (string) $user->getAuthIdentifier(),
                'exp' => time() + config('eventstream.token_seconds'),
                'eventstream' => ['subscribe' => self::channels($user)],
            ], JSON_THROW_ON_ERROR));
        $signature = hash_hmac('sha256', $signed, $key, true);
        return "$signed." . self::base64url($signature);
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
