#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that read nothing: how many bytes the kernel holds for them, as
# /proc/net/tcp shows them (tx_queue: bytes that the peer has not acknowledged).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

use constant KB => 1024;
use constant MB => 1024 * KB;

# A write that begins below the bound may end above it by a segment of the
# loopback device, and so may what is in flight.
use constant SLACK => 160 * KB;

my $httpd = EventStream::Httpd->start(
    modules => ['status', 'substitute'], conf => status_conf() . <<'CONF');
EventStreamHub default size=32m
<LocationMatch "^/(bounded|small|free|held)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/small">
    EventStreamMaxUnsent 32k
</Location>
<Location "/free">
    EventStreamMaxUnsent 0
</Location>
<Location "/held">
    SetOutputFilter SUBSTITUTE
    Substitute "s/sheep/wolf/n"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my %client;
for my $path (qw(bounded small free held)) {
    $client{$path} = subscribe($httpd, "/$path", rcvbuf => 65536);
    is $client{$path}->next_event(5)->{event}, 'stream-open', "$path opens";
}

my $data = with_checksum('abcdefgh' x 8000);
my $reader = subscribe($httpd, '/bounded');
is $reader->next_event(5)->{event}, 'stream-open', 'a reader opens';
my ($refused, $missed) = (0, 0);
for (1 .. 128) { # 8 MB
    $refused++ if publish($httpd, 'news', $data)->{status} != 200;
    my $event = $reader->next_event(5);
    $missed++ if !$event || $event->{data} ne $data;
}
is $refused, 0, '128 events of 64 KB are published';
is $missed, 0, 'a client that reads receives them all, whole';

# The delivery serves those that read nothing when it has time.
my %held;
wait_for(sub {
    %held = map { $_ => unsent($httpd->port, $client{$_}) } keys %client;
    $held{free} > MB && $held{bounded} > $held{small} && $held{held} > 0;
}, 20);
diag join ', ', map { "$_: $held{$_}" } sort keys %held if $ENV{ES_VERBOSE};
cmp_ok $held{free}, '>', MB, 'without a bound the kernel holds over 1 MB';
cmp_ok $held{bounded}, '<', 128 * KB + SLACK, 'the preset holds';
cmp_ok $held{small}, '<', 32 * KB + SLACK, 'a smaller bound holds';
cmp_ok $held{small}, '<', $held{bounded}, 'and is smaller';
cmp_ok $held{held}, '<', 128 * KB + SLACK, 'a client that keeps its worker';

# ---- What was not sent comes later ------------------------------------------

for my $path (qw(bounded small free)) {
    my $whole = 0;
    while (my $event = $client{$path}->next_event(5)) {
        $whole++ if $event->{data} eq $data;
        last if $whole == 128;
    }
    is $whole, 128, "$path receives all events when it reads";
}

$_->close for $reader, values %client;
done_testing;
