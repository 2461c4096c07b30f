<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Providers;

use App\Broadcasting\EventstreamBroadcaster;
use Illuminate\Auth\Events\Logout;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Contracts\Events\Dispatcher;
use Illuminate\Support\ServiceProvider;

/**
 * The driver "eventstream" of config/broadcasting.php; and a logout ends the
 * streams of its user.
 */
class EventstreamServiceProvider extends ServiceProvider
{
    public function boot(BroadcastManager $manager, Dispatcher $events)
    {
        $manager->extend('eventstream', fn () =>
            new EventstreamBroadcaster(config('eventstream.publish_url')));
        $events->listen(Logout::class, function (Logout $logout) use ($manager) {
            if ($logout->user !== null) {
                $manager->driver('eventstream')
                    ->endStreams((string) $logout->user->getAuthIdentifier());
            }
        });
    }
}
