#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Presence in a clustered hub: joins and leaves of each server reach the clients
# of all, and what could not be told while the broker was down is told later.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Presence;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start(
    words => 'timeout=1s', conf => <<'CONF');
<LocationMatch "^/counted/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
    EventStreamPresence on name=%{req:X-User}
    EventStreamRetry 1
</LocationMatch>
CONF
$cluster->wait_synced;
my ($a, $b) = $cluster->nodes;

sub comes
{
    my ($node, $name) = @_;
    return subscribe($node, '/counted/room', headers => ["X-User: $name"]);
}

my $log = $cluster->client($b, 'presence-room');
my $ada = comes($a, 'ada');
is told($log, 10), '+ada', 'a join of one server reaches the other';
my $bob = comes($b, 'bob');
is told($log, 10), '+bob', 'so does one of its own';
is_deeply [map { who($_, 'room', 100, 'servers') } $a, $b],
    [({ada => 1, bob => 1}) x 2], 'each server lists those of all';
$ada->close;
is told($log, 20), '-ada', 'a leave is told';

$cluster->broker->suspend;
my $cyd = comes($a, 'cyd');
$bob->close;
is $cyd->status, 200, 'without the broker a client is served';
told_nothing($log, 8, 'nothing is told meanwhile');
is_there($a, 'room', {cyd => 1}, 'but it is counted');
$cluster->broker->resume;
$cluster->wait_synced;
my %told;
my $until = time + 40;
while (keys %told < 2 && time < $until) {
    $log = $cluster->client($b, 'presence-room', id => $log->last_id)
        if !$log->is_open;
    my $what = told($log, 2);
    $told{$what}++ if $what ne '';
}
is_deeply \%told, {'+cyd' => 1, '-bob' => 1},
    'with the broker again both are told, once';
done_testing;
