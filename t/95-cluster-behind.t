#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A client comes from a server that is ahead of this one: its last event, by the
# id of the server or of the publisher, is not here yet. It must not get that
# event again, nor a stream-reset.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Relay;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start;
my ($a, $b) = $cluster->nodes;

sub data_of { return join ' ', map { $_->{data} } @_ }

# ---- A server that was stopped -----------------------------------------------

publish($a, 'news', 'first');
my $reader = $cluster->client($b, 'news', id => 'earliest');
is data_of($reader->events(1, 5)), 'first', 'both servers have an event';

# All are asked for while the server stands still, and are served at the moment
# at which it goes on, together with its reader.
my @processes = ($b->pid, $b->children);
kill STOP => @processes;
my $own = publish($a, 'news', 'second', id => 'own-2')->{json}{id};
my $id = publish($a, 'news', 'third')->{json}{id};
my @clients = map {
    my $last = $_;
    map { subscribe($b, '/events?c=news', head => 0,
        headers => ["Last-Event-ID: $last"]) } 1 .. 8
} $id, $own, 'own-2';
kill CONT => @processes;

my @wanted = ('fourth', 'third fourth', 'third fourth');
my @names = ('the last event', 'the one before it',
    'that by its publisher\'s id');
$_->read_head(10) for @clients;
publish($a, 'news', 'fourth');
for my $kind (0 .. 2) {
    my %got;
    for my $client (splice @clients, 0, 8) {
        my @events = $client->events($kind == 0 ? 2 : 3, 5);
        $got{join ' ', map { $_->{event} eq 'message' ? $_->{data}
            : $_->{event} } @events}++;
        $client->close;
    }
    is_deeply \%got, {"stream-open $wanted[$kind]" => 8},
        "clients that have $names[$kind] get what follows, once";
}
$reader->close;

# ---- A server that does not know yet that it is cut off ----------------------

# While the relay is stopped nothing passes, and nobody is told.
my $relay = EventStream::Relay->start($cluster->broker->port);
my $url = $cluster->broker->url;
my $far = 'redis://127.0.0.1:' . $relay->port;
my $cut = $cluster->start_node(conf => $cluster->conf =~ s/\Q$url\E/$far/r);
$cluster->wait_synced($cut);
my $told = '';
for my $try (1 .. 3) {
    kill STOP => $relay->{pid};
    my $last = publish($a, 'news', "cut $try", id => "cut-$try")->{json}{id};
    for my $id ($last, "cut-$try") {
        my $client = subscribe($cut, '/events?c=news',
            headers => ["Last-Event-ID: $id"]);
        $told .= join ' ', map { $_->{event} eq 'message' ? $_->{data}
            : $_->{event} } grep { $_->{event} ne 'stream-open' }
            $client->events(2, 5);
        $client->close;
    }
    kill CONT => $relay->{pid};
    my $client = $cluster->client($cut, 'news', id => $last);
    publish($a, 'news', "whole $try");
    is data_of($client->events(1, 20)), "whole $try",
        'once it has a connection they resume';
    $client->close;
}
is $told, '', 'clients that are ahead are not reset, and get no event again';
is $cut->stop, 0, 'httpd stops with exit status 0';

# ---- A server that does not reach the broker ---------------------------------

my ($ms, $n) = split /-/, $id;
my $ahead = ($ms + 3600_000) . "-$n";
my $client = subscribe($b, '/events?c=news',
    headers => ["Last-Event-ID: $ahead"]);
ok $client->skip_to('stream-reset', 10),
    'an id that no server can have given is reset by a server that is up';
$client->close;

$cluster->broker->kill;
wait_for(sub { !$cluster->is_synced($b) }, 20, 'the broker is gone');
$client = subscribe($b, '/events?c=news',
    headers => ["Last-Event-ID: $ahead"]);
my @events;
while (my $event = $client->next_event(10)) {
    push @events, $event->{event};
}
is join(' ', grep { $_ ne 'stream-open' } @events), '',
    'without the broker there is no stream-reset';
ok $client->is_ended(5), 'the stream ends, and the client tries another server';
$client = $cluster->client($b, 'news', id => $id);
ok $client->is_open, 'a client with an id that is known is served';

is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
done_testing;
