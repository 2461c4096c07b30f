#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reliable mode with a real Pushpin: items that never reach it are noticed and
# asked for, and each client gets each event once.
#
# What is published here comes to Pushpin by hand, so that it can be lost: the
# address that httpd knows is one where nobody listens.

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
# a late item is waited for, 5 seconds usually
my $pushpin = EventStream::Pushpin->start(
    origin => $httpd->port, handler => {message_wait => 500});

my %last;    # path of publishing and channel => id of its last event

sub stream
{
    my ($where, $path, %opt) = @_;
    my $client = subscribe($where, $path, %opt);
    is +($client->next_event(10) || {})->{event}, 'stream-open', "open $path";
    return $client;
}

# What the hold says a channel's last event is.
sub look
{
    my ($path, $channel) = @_;
    my $got = get($httpd, $path,
        'Grip-Sig: ' . EventStream::Pushpin->sign('changeme'));
    my ($id) = $got->{headers}{'grip-channel'} =~
        /events-\Q$channel\E; prev-id=([\d-]+)/;
    return $id;
}

# Stores an event; Pushpin is told of it only by forward.
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

# Data of the next events, keep-alives aside; short, as some are long.
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

# The channels of a client are ordered each in itself.
sub sorted { return [sort @{$_[0]}] }

# ---- gaps --------------------------------------------------------------------

my $one = stream($pushpin, '/events/a');
my $two = stream($pushpin, '/events/a');
my $both = stream($pushpin, '/events/a?also=b');
my $direct = stream($httpd, '/events/a');
$last{$_} = look("/events/$_", $_) for qw(a b);

my $lost;
forward(store('a', 1));
forward(store('a', 2));
$lost = store('a', 3);
forward(store('a', 4));
forward(store('a', 5));
forward(store('b', 6));
is_deeply next_data($one, 5), [1 .. 5], 'a lost event is recovered, in order';
is_deeply next_data($two, 5), [1 .. 5], 'by the other client, too';
is_deeply sorted(next_data($both, 6)), [1 .. 6],
    'and by the one that has another channel, too';
is_deeply next_data($direct, 5), [1 .. 5], 'direct clients know nothing of it';

# the second of two channels; the first in a row of several
store('b', $_) for 7, 8;
forward(store('b', 9));
forward(store('a', 'end'));
is_deeply sorted(next_data($both, 4)), [7 .. 9, 'end'],
    'several that are lost in a row';
is_deeply next_data($one, 1), ['end'], 'others hear nothing of them';

# items in the wrong order, and one twice
my @late = map { store('a', "late$_") } 1 .. 3;
forward(@late[1, 0, 0, 2]);
is_deeply next_data($one, 3), ['late1', 'late2', 'late3'],
    'order is mended, and none is doubled';

# ---- what is too long, and what is gone --------------------------------------

my $long = stream($pushpin, '/events/long');
$last{long} = look('/events/long', 'long');
my @stored = map { store('long', sprintf('%07d-', $_) . 'x' x 60_000) } 1 .. 20;
forward(store('long', 'end'));
is_deeply next_data($long, 21),
    [(map { sprintf '%07d-', $_ } 1 .. 20), 'end'],
    'a megabyte is recovered, in pieces';

my $gone = stream($pushpin, '/small/gone');
$last{gone} = look('/small/gone', 'gone');
store('gone', $_ . 'x' x 50_000, '/fill') for 1 .. 9;
forward(store('gone', 'after', '/fill'));
my $reset = $gone->skip_to('stream-reset', 20);
is $reset->{data}, '{"channels":["gone"]}',
    'what the journal has no more: stream-reset';
is $reset->{id}, $last{gone}, 'with the present position';
forward(store('gone', 'further', '/fill'));
is_deeply next_data($gone, 1), ['further'], 'and events go on';

# ---- Pushpin asks without a reason -------------------------------------------

my $log = $httpd->error_log;
ok scalar(() = $log =~ /ES0603/g) > 4, 'Pushpin has asked';
my $fresh = stream($pushpin, '/events/fresh');
wait_for(sub { scalar(() = $httpd->error_log =~ /ES0603/g) >
    scalar(() = $log =~ /ES0603/g) }, 10, 'it asks after a first subscription');
$last{fresh} = look('/events/fresh', 'fresh');
forward(store('fresh', 'end'));
is_deeply next_data($fresh, 1), ['end'],
    'and gets nothing new by that, nor a second stream-open';

# ---- the end -----------------------------------------------------------------

is request($httpd, 'DELETE', '/publish?channel=fresh')->{status}, 200,
    'a channel is closed, and Pushpin does not hear of it';
$pushpin->publish('events-fresh', "data: x\n\n", id => 'x', 'prev-id' => 'y');
ok $fresh->is_ended(20), 'the stream ends when it asks';
is $httpd->stop, 0, 'httpd stops in good order';
done_testing;
