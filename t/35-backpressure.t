#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A stream of lines that comes faster than clients read: it is read no faster
# than those do that read steadily, so that the ring does not lap them; a client
# that never reads, and a child that is stopped, do not hold it up.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use IO::Handle;
use IO::Select;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_SNDBUF unpack_sockaddr_in);

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;
use EventStream::Load;

my $proxy = EventStream::FakeProxy->start(mode => 'slow 300');

# The ring is small, and the buffers of the kernel are less than half of it:
# should this test not be run for a second, so that its clients seem to be
# slow, what is on its way does not lap them.
my $httpd = EventStream::Httpd->start(
    modules => ['substitute'],
    conf => "EventStreamGrip hub=grip @{[$proxy->url]}\n" . <<'CONF',
EventStreamHub grip size=1m
<LocationMatch "^/grip/(events|publish)$">
    EventStreamUseHub grip
</LocationMatch>
<Location "/grip/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/grip/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
</Location>
SendBufferSize 65536
ReceiveBufferSize 65536
EventStreamHub default size=2m
EventStreamMaxHeld 4
<LocationMatch "^/(events|held)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/held">
    SetOutputFilter SUBSTITUTE
    Substitute "s/never there/x/n"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
</Location>
CONF
    mpm_conf => <<'MPM');
StartServers 2
ServerLimit 2
ThreadsPerChild 8
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16
MPM

my $EVENTS = 40000;    # of 192 bytes each in the ring: nearly four rings
my $DEADLINE = 60;
my $number = 0;        # of the last event

sub chunk
{
    my ($bytes) = @_;
    return sprintf("%x\r\n", length $bytes) . "$bytes\r\n";
}

sub feed
{
    my ($path) = @_;
    my $feed = EventStream::Client->connect($httpd->port);
    setsockopt $feed->socket, SOL_SOCKET, SO_SNDBUF, pack 'i', 65536;
    $feed->{method} = 'POST';
    $feed->send("POST @{[$path || '/publish']} HTTP/1.1\r\n"
        . "Host: localhost\r\n"
        . "Content-Type: application/x-ndjson\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    return $feed;
}

# The next events as chunks of a body.
sub lines
{
    my ($count) = @_;
    my $bytes = '';
    while ($count > 0) {
        my $some = $count < 100 ? $count : 100;
        $bytes .= chunk(join '', map {
            '{"channel":"news","text":"' . ++$number . ' ' . 'x' x 60 . "\"}\n"
        } 1 .. $some);
        $count -= $some;
    }
    return $bytes;
}

# Sends the body and its end as fast as the server takes it. The readers take a
# little with each piece that is sent, and more while the writer is held.
sub pour
{
    my ($feed, $body, @readers) = @_;
    my $until = time + $DEADLINE;
    my $writer = IO::Select->new($feed->socket);
    $body .= "0\r\n\r\n";
    IO::Handle::blocking($feed->socket, 0);
    while (length $body && time < $until) {
        my $sent = $writer->can_write(@readers ? 0.01 : 1)
            ? syswrite $feed->socket, $body, 65536 : 0;
        substr $body, 0, $sent, '' if $sent;
        $_->fill(0, $sent ? 1024 : 16384) for @readers;
    }
    return length $body ? 0 : 1;
}

sub answer
{
    my ($feed) = @_;
    $feed->read_head($DEADLINE);
    $feed->is_ended($DEADLINE);
    return eval { JSON::PP::decode_json($feed->bytes) } || {};
}

# Reads on up to the last event; tells what is wrong with what was received.
sub faults
{
    my ($client, $first) = @_;
    my $expected = $first;
    while (my $event = $client->next_event(10)) {
        return $event->{event} if $event->{event} ne 'message';
        my ($got) = $event->{data} =~ /^(\d+) x{60}$/;
        return "$event->{data} instead of $expected"
            if !defined $got || $got != $expected;
        return 'none' if $expected == $number;
        $expected++;
    }
    return "$expected did not come";
}

# A reader with small buffers, whose window moves with each read.
my @steady = (rcvbuf => 65536, segment => 1400);

sub opened
{
    my ($path, %options) = @_;
    my $client = subscribe($httpd, $path, %options);
    is +($client->next_event(5) || {event => ''})->{event}, 'stream-open',
        "a stream at $path";
    return $client;
}

# ---- Clients that read steadily --------------------------------------------

for my $path ('/events', '/held') {
    my $busy = opened($path, @steady);
    my $feed = feed();
    my $first = $number + 1;
    ok pour($feed, lines($EVENTS), $busy), 'a fast writer gets through';
    is faults($busy, $first), 'none',
        '... a busy client is not lapped, and has all in order';
    is answer($feed)->{published}, $EVENTS, '... and all were published';
    $busy->close;
}

# ---- One that never reads --------------------------------------------------

my $never = opened('/events', rcvbuf => 4096);
my $busy = opened('/events', @steady);
my $feed = feed();
my $first = $number + 1;
ok pour($feed, lines($EVENTS), $busy), 'beside a client that never reads';
is faults($busy, $first), 'none', '... a busy one has all';
is answer($feed)->{published}, $EVENTS, '... and all were published';
$busy->close;

$feed = feed();
ok pour($feed, lines($EVENTS)), 'a client that never reads, alone';
is answer($feed)->{published}, $EVENTS, '... does not hold up the writer';
my $told = 0;
while (my $event = $never->next_event(5)) {
    $told = $event->{event} eq 'stream-reset';
    last if $told;
}
ok $told || $never->is_cut, '... but was lapped, and told so, or cut';
$never->close;

# ---- A GRIP proxy that is slow ---------------------------------------------

my $direct = opened('/grip/events');
$feed = feed('/grip/publish');
$feed->send(lines(1));
is $direct->next_event(5)->{event}, 'message', 'a line in a hub with a proxy';
$feed->send(lines(1));
is $direct->next_event(5)->{event}, 'message', '... and the next one';
cmp_ok scalar(my @items = $proxy->items), '>=', 1,
    '... which was not read before the proxy had taken the first';
$feed->send("0\r\n\r\n");
is answer($feed)->{published}, 2, '... and the end';
is scalar(@items = $proxy->items), 2, '... when the proxy has all';
$direct->close;

# ---- A child that is stopped -----------------------------------------------

# The child that has the server's end of a connection.
sub child_of
{
    my ($client) = @_;
    my ($port) = unpack_sockaddr_in(getsockname $client->socket);
    my $mine = sprintf ':%04X', $port;
    my $other = sprintf ':%04X', $httpd->port;
    open my $in, '<', '/proc/net/tcp' or return 0;
    my ($inode) = map { (split ' ')[9] } grep {
        my ($local, $remote) = (split ' ')[1, 2];
        $local =~ /$other$/ && $remote =~ /$mine$/
    } <$in>;
    return 0 if !$inode;
    for my $pid ($httpd->children) {
        for my $fd (glob "/proc/$pid/fd/*") {
            return $pid if (readlink $fd // '') eq "socket:[$inode]";
        }
    }
    return 0;
}

# The signal takes its time to reach all threads.
sub is_stopped
{
    my ($pid) = @_;
    for my $stat (glob "/proc/$pid/task/*/stat") {
        open my $in, '<', $stat or next;
        return 0 if <$in> !~ /\) T /;
    }
    return 1;
}

$feed = feed();
$feed->send(lines(1));
my $writer;
wait_for(sub { $writer = child_of($feed) }, 5, 'the child of the writer');
my ($asleep, $client, @others);
for (1 .. 20) {
    $client = opened('/events', @steady);
    publish($httpd, 'news', 'detached');
    $client->skip_to('message', 5);
    wait_for(sub { $asleep = child_of($client) }, 5);
    last if $asleep && $asleep != $writer;
    push @others, $client;
}
SKIP: {
    skip 'all connections went to one child', 7
        if !$asleep || $asleep == $writer;
    $_->close for @others;
    kill STOP => $asleep;
    wait_for(sub { is_stopped($asleep) }, 10);
    my $start = time;
    my $done = pour($feed, lines($EVENTS));
    my $answer = answer($feed);
    my $seconds = time - $start;
    kill CONT => $asleep;
    ok $done, 'a writer beside a stopped child';
    is $answer->{published}, $EVENTS + 1, '... gets through';
    cmp_ok $seconds, '>', 0.9, '... after a pause';
    ok +($client->skip_to('stream-reset', 10) || {})->{id},
        'its client is told that it has missed something';
    publish($httpd, 'news', 'again');
    my $event;
    do { $event = $client->next_event(10) }
        while $event && $event->{data} ne 'again';
    ok $event, '... and goes on';

    # It moves again, and is waited for again.
    $feed = feed();
    $first = $number + 1;
    ok pour($feed, lines($EVENTS), $client), 'a writer when it is awake again';
    is faults($client, $first), 'none', '... does not lap its client';
    $client->close;
}
# The stopped child may say so once; that without clients has not to.
my @overtaken = $httpd->error_log =~ /\[pid (\d+).*ES0302/g;
is_deeply [grep { $_ != ($asleep || 0) } @overtaken], [],
    'no child was overtaken but the stopped one';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
