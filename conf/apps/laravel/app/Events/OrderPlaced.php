<?php
// SPDX-License-Identifier: Apache-2.0

namespace App\Events;

use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/** broadcast(new OrderPlaced($user->id, 'soup')) */
class OrderPlaced implements ShouldBroadcastNow
{
    public string $dish;
    private string $user;

    public function __construct(string $user, string $dish)
    {
        $this->user = $user;
        $this->dish = $dish;
    }

    public function broadcastOn()
    {
        return [new PrivateChannel('user.' . $this->user),
            new Channel('room.kitchen')];
    }

    public function broadcastAs()
    {
        return 'order';
    }
}
