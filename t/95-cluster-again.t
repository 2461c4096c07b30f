#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The broker loses an event, and its publisher publishes it again: it has
# another place then. A client that was away meanwhile, and comes with the
# publisher's id, must not resume there in silence, since what was published
# before that place is missing.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Load;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start;
my ($a, $b) = $cluster->nodes;

sub first_of
{
    my ($node, $id) = @_;
    my $client = $cluster->client($node, 'news', id => $id);
    my $event = $client->next_event(10) || {event => 'nothing'};
    $client->close;
    return $event->{event} eq 'message' ? $event->{data} : $event->{event};
}

publish($a, 'news', 'lost', id => 'x');
publish($a, 'news', 'also lost', id => 'y');
wait_for(sub { first_of($b, 'x') eq 'also lost' }, 20,
    'a publisher\'s id resumes');
$cluster->broker->kill;
$cluster->broker->run;
for my $case (['between', 'z'], ['lost', 'x'], ['after', 'w']) {
    my ($data, $id) = @$case;
    wait_for(
        sub {
            return publish($a, 'news', $data, id => $id, timeout => 20)
                ->{status} == 200;
        }, 60, "'$data' is published when the broker has forgotten all");
}
$cluster->wait_synced;
is first_of($_, 'x'), 'stream-reset',
    'a client is told, as it may have the event from before' for $a, $b;
my $last = publish($a, 'news', 'last')->{json}{id};
wait_for(sub { publish($b, 'news', 'end')->{status} == 200 }, 20,
    'both servers publish');
is first_of($_, $last), 'end', 'ids of ours resume' for $a, $b;
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
done_testing;
