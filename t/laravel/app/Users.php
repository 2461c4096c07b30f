<?php
// SPDX-License-Identifier: Apache-2.0

namespace App;

use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;

/** ann and bob, without a database; their passwords are "secret of NAME". */
class Users implements UserProvider
{
    public function retrieveById($name)
    {
        return in_array($name, ['ann', 'bob'], true)
            ? new GenericUser(['id' => $name, 'password' => "secret of $name",
                'remember_token' => null])
            : null;
    }

    public function retrieveByToken($name, $token)
    {
        return null;
    }

    public function updateRememberToken(Authenticatable $user, $token)
    {
    }

    public function retrieveByCredentials(array $credentials)
    {
        return $this->retrieveById($credentials['name']);
    }

    public function validateCredentials(Authenticatable $user, array $credentials)
    {
        return $user->getAuthPassword() === $credentials['password'];
    }
}
