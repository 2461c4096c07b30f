#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reliable mode with a real Pushpin: it notices items that it has not received
# and asks for them, and each client receives each event once.
#
# The test itself passes events to Pushpin, so that some can be lost: no proxy
# listens at the address that httpd knows.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

EventStream::Pushpin->or_skip;

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamHub default size=4m
EventStreamHub small size=256k
EventStreamGrip "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable on
EventStreamGripOnError ignore
EventStreamGrip hub=small "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable hub=small on
EventStreamGripOnError hub=small ignore
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}" "{?also}"
</LocationMatch>
<LocationMatch "^/small/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamUseHub small
    EventStreamChannel "{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/fill">
    SetHandler eventstream-publish
    EventStreamUseHub small
</Location>
CONF
# a late item is waited for, usually 5 seconds
my $pushpin = EventStream::Pushpin->start(
    origin => $httpd->port, handler => {message_wait => 500});

my %last;    # path of publishing and channel => id of its last event

sub stream
{
    my ($where, $path, %opt) = @_;
    my $client = subscribe($where, $path, %opt);
    is +($client->next_event(10) || {})->{event}, 'stream-open',
        "the stream of $path opens";
    return $client;
}

# The id of a channel's last event, as the hold has it.
sub last_id
{
    my ($path, $channel) = @_;
    my $got = get($httpd, $path,
        'Grip-Sig: ' . EventStream::Pushpin->sign('changeme'));
    my ($id) = $got->{headers}{'grip-channel'} =~
        /events-\Q$channel\E; prev-id=([\d-]+)/;
    return $id;
}

# Stores an event; Pushpin receives it only by forward.
sub store
{
    my ($channel, $data, $path) = @_;
    my $got = publish($httpd, $channel, $data, path => $path || '/publish');
    my $event = {channel => $channel, data => $data, id => $got->{json}{id},
        prev => $last{$channel}};
    $last{$channel} = $event->{id};
    return $event;
}

sub forward
{
    my (@events) = @_;
    for my $event (@events) {
        my $got = $pushpin->publish("events-$event->{channel}",
            "id: $event->{id}\ndata: $event->{data}\n\n",
            id => $event->{id}, 'prev-id' => $event->{prev});
        die "Pushpin: $got->{body}" if $got->{status} != 200;
    }
    return;
}

# Data of the next events without keep-alives, cut to 8 bytes, as some are long.
sub next_data
{
    my ($client, $count) = @_;
    my @data;
    while (@data < $count && (my $event = $client->next_event(20))) {
        next if $event->{event} eq 'keep-alive';
        push @data, $event->{event} eq 'message'
            ? substr $event->{data}, 0, 8 : $event->{event};
    }
    return \@data;
}

# Events of a client's channels are in order only within each channel.
sub sorted { return [sort @{$_[0]}] }

# ---- Gaps --------------------------------------------------------------------

my $one = stream($pushpin, '/events/a');
my $two = stream($pushpin, '/events/a');
my $both = stream($pushpin, '/events/a?also=b');
my $direct = stream($httpd, '/events/a');
$last{$_} = last_id("/events/$_", $_) for qw(a b);

my $lost;
forward(store('a', 1));
forward(store('a', 2));
$lost = store('a', 3);
forward(store('a', 4));
forward(store('a', 5));
forward(store('b', 6));
is_deeply next_data($one, 5), [1 .. 5], 'a lost event is recovered in order';
is_deeply next_data($two, 5), [1 .. 5], 'another client receives it, too';
is_deeply sorted(next_data($both, 6)), [1 .. 6],
    'a client of another channel besides receives it, too';
is_deeply next_data($direct, 5), [1 .. 5], 'a direct client is not affected';

# the second of two channels; the first of several in sequence
store('b', $_) for 7, 8;
forward(store('b', 9));
forward(store('a', 'end'));
is_deeply sorted(next_data($both, 4)), [7 .. 9, 'end'],
    'several lost events in sequence are recovered';
is_deeply next_data($one, 1), ['end'],
    'a client of the other channel does not receive them';

# items in the wrong order, one of them twice
my @late = map { store('a', "late$_") } 1 .. 3;
forward(@late[1, 0, 0, 2]);
is_deeply next_data($one, 3), ['late1', 'late2', 'late3'],
    'items are put in order, and none is delivered twice';

# ---- Events that are too long or evicted -------------------------------------

my $long = stream($pushpin, '/events/long');
$last{long} = last_id('/events/long', 'long');
my @stored = map { store('long', sprintf('%07d-', $_) . 'x' x 60_000) } 1 .. 20;
forward(store('long', 'end'));
is_deeply next_data($long, 21),
    [(map { sprintf '%07d-', $_ } 1 .. 20), 'end'],
    'a megabyte is recovered in several answers';

my $gone = stream($pushpin, '/small/gone');
$last{gone} = last_id('/small/gone', 'gone');
store('gone', $_ . 'x' x 50_000, '/fill') for 1 .. 9;
forward(store('gone', 'after', '/fill'));
my $reset = $gone->skip_to('stream-reset', 20);
is $reset->{data}, '{"channels":["gone"]}',
    'events that the journal has evicted give a reset';
is $reset->{id}, $last{gone}, 'the reset has the present position';
forward(store('gone', 'further', '/fill'));
is_deeply next_data($gone, 1), ['further'], 'new events follow';

# ---- Pushpin asks without a gap ----------------------------------------------

my $log = $httpd->error_log;
ok scalar(() = $log =~ /ES0603/g) > 4, 'Pushpin has asked for missed events';
my $fresh = stream($pushpin, '/events/fresh');
wait_for(sub { scalar(() = $httpd->error_log =~ /ES0603/g) >
    scalar(() = $log =~ /ES0603/g) }, 10,
    'Pushpin asks after a first subscription');
$last{fresh} = last_id('/events/fresh', 'fresh');
forward(store('fresh', 'end'));
is_deeply next_data($fresh, 1), ['end'],
    'the client then receives no old event and no second stream-open';

# ---- The end -----------------------------------------------------------------

is request($httpd, 'DELETE', '/publish?channel=fresh')->{status}, 200,
    'a channel is closed, which Pushpin does not know';
$pushpin->publish('events-fresh', "data: x\n\n", id => 'x', 'prev-id' => 'y');
ok $fresh->is_ended(20), 'the stream ends when Pushpin asks';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
