#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 500 clients behind a real Pushpin in reliable mode: each receives each event
# once, in order, also those that subscribe while events are published.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Pushpin;

use constant CLIENTS => 500;
use constant EVENTS => 20;

EventStream::Pushpin->or_skip;
need_descriptors(CLIENTS * 2 + 200);

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamGrip "http://127.0.0.1:@PORT:push@" verify-key=changeme
EventStreamGripReliable on
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "a"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $pushpin = EventStream::Pushpin->start(
    origin => $httpd->port, control => $httpd->port_of('push'));

my @clients = map { subscribe($pushpin, '/events') } 1 .. CLIENTS - 50;
my $opened = grep {
    (($_->next_event(20) || {})->{event} || '') eq 'stream-open'
} @clients;
is $opened, CLIENTS - 50, 'Pushpin holds 450 clients';

my ($taken, @late) = 0;
for my $number (1 .. EVENTS - 1) {
    $taken += publish($httpd, 'a', $number)->{status} == 200;
    push @late, subscribe($pushpin, '/events') if @late < 50;
    push @late, subscribe($pushpin, '/events') if @late < 50;
    push @late, subscribe($pushpin, '/events') if @late < 50;
}
# the last event comes when all have subscribed, or they would wait in vain
$opened = grep {
    (($_->next_event(30) || {})->{event} || '') eq 'stream-open'
} @late;
is $opened, 50, '50 more subscribe meanwhile';
$taken += publish($httpd, 'a', EVENTS)->{status} == 200;
is $taken, EVENTS, 'Pushpin accepts all events';

# The data of a client up to the last event, as one text. On a busy machine 20
# seconds may pass before the first one: then keep-alives are right. Pushpin may
# cut a client then, as messages of its parts come in another order: it comes
# back, as a browser does, and takes the place of the first.
my $returns = 0;

sub received
{
    my @data;
    while (1) {
        my $event = $_[0]->next_event(30);
        if (!$event && $_[0]->is_cut && $returns < 10) {
            $returns++;
            $_[0] = subscribe($pushpin, '/events',
                headers => ['Last-Event-ID: ' . $_[0]->last_id]);
            next;
        }
        last if !$event;
        next if $event->{event} =~ /^(?:stream-open|keep-alive)$/;
        push @data,
            $event->{event} eq 'message' ? $event->{data} : $event->{event};
        last if @data && $data[-1] eq EVENTS;
    }
    return join ' ', @data;
}

my $all = join ' ', 1 .. EVENTS;
my %early = map { received($_) => 1 } @clients;
is_deeply [keys %early], [$all],
    'each client receives each event once, in order';
my @torn = grep { $_ eq '' || $all !~ /(^| )\Q$_\E$/ }
    map { received($_) } @late;
is_deeply \@torn, [],
    'a client that subscribed meanwhile receives all later events in order';

my $cuts = () = $pushpin->log =~ /out of sequence, canceling/g;
cmp_ok $returns, '<=', $cuts, 'no client is cut but by Pushpin itself';

is request($httpd, 'DELETE', '/publish?channel=a')->{status}, 200,
    'the channel is closed';
is scalar(grep { !$_->is_ended(10) || $_->is_cut } @clients, @late), 0,
    'all streams end cleanly';
done_testing;
