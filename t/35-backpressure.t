#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# NDJSON that is sent faster than clients read: it is read no faster than the
# clients that read steadily, so that the journal does not overtake them. A
# client that never reads and a child that is stopped do not slow the publisher
# down.

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

# The journal is small, and the buffers of the kernel are less than half of it.
# So even if this test is not scheduled for a second and its clients look slow,
# the events that are under way do not overtake them.
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
# so that a slow machine does not make a steady client one that is given up
EventStreamFlowControl 10min
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

my $EVENTS = 40000;    # of 192 bytes each in the journal: nearly four times it
my $DEADLINE = 60;
my $number = 0;        # of the last event

sub chunk
{
    my ($bytes) = @_;
    return sprintf("%x\r\n", length $bytes) . "$bytes\r\n";
}

sub open_body
{
    my ($path) = @_;
    my $writer = EventStream::Client->connect($httpd->port);
    setsockopt $writer->socket, SOL_SOCKET, SO_SNDBUF, pack 'i', 65536;
    $writer->{method} = 'POST';
    $writer->send("POST @{[$path || '/publish']} HTTP/1.1\r\n"
        . "Host: localhost\r\n"
        . "Content-Type: application/x-ndjson\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    return $writer;
}

# The next lines of a body, as chunks.
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

# Sends the body and its end as fast as the server takes it. The readers read a
# little with each piece that is sent, and more while the publisher is blocked.
sub send_all
{
    my ($writer, $body, @readers) = @_;
    my $until = time + $DEADLINE;
    my $select = IO::Select->new($writer->socket);
    $body .= "0\r\n\r\n";
    IO::Handle::blocking($writer->socket, 0);
    while (length $body && time < $until) {
        my $sent = $select->can_write(@readers ? 0.01 : 1)
            ? syswrite $writer->socket, $body, 65536 : 0;
        substr $body, 0, $sent, '' if $sent;
        $_->fill(0, $sent ? 1024 : 16384) for @readers;
    }
    return length $body ? 0 : 1;
}

sub answer
{
    my ($writer) = @_;
    $writer->read_head($DEADLINE);
    $writer->is_ended($DEADLINE);
    return eval { JSON::PP::decode_json($writer->bytes) } || {};
}

# Reads up to the last event. Returns what is wrong with what was received.
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

# A reader with small buffers, whose TCP window moves with each read.
my @steady = (rcvbuf => 65536, segment => 1400);

sub opened
{
    my ($path, %options) = @_;
    my $client = subscribe($httpd, $path, %options);
    is +($client->next_event(5) || {event => ''})->{event}, 'stream-open',
        "$path: the stream opens";
    return $client;
}

# ---- Clients that read steadily --------------------------------------------

for my $path ('/events', '/held') {
    my $busy = opened($path, @steady);
    my $writer = open_body();
    my $first = $number + 1;
    ok send_all($writer, lines($EVENTS), $busy), "$path: a fast body is taken";
    is faults($busy, $first), 'none',
        "$path: a busy client receives all events in order";
    is answer($writer)->{published}, $EVENTS, "$path: all events are published";
    $busy->close;
}

# ---- A client that never reads ---------------------------------------------

my $never = opened('/events', rcvbuf => 4096);
my $busy = opened('/events', @steady);
my $writer = open_body();
my $first = $number + 1;
ok send_all($writer, lines($EVENTS), $busy),
    'a body is taken while one client never reads';
is faults($busy, $first), 'none',
    'a busy client receives all events while another never reads';
is answer($writer)->{published}, $EVENTS,
    'all events are published while one client never reads';
$busy->close;

$writer = open_body();
ok send_all($writer, lines($EVENTS)), 'a body is taken while no client reads';
is answer($writer)->{published}, $EVENTS,
    'all events are published while no client reads';
my $was_reset = 0;
while (my $event = $never->next_event(5)) {
    $was_reset = $event->{event} eq 'stream-reset';
    last if $was_reset;
}
ok $was_reset || $never->is_cut,
    'the client that never reads was overtaken and got a reset, or was cut';
$never->close;

# ---- A GRIP proxy that is slow ---------------------------------------------

my $direct = opened('/grip/events');
$writer = open_body('/grip/publish');
$writer->send(lines(1));
is $direct->next_event(5)->{event}, 'message',
    'a line is published in a hub with a slow proxy';
$writer->send(lines(1));
is $direct->next_event(5)->{event}, 'message', 'the next line is published';
cmp_ok scalar(my @items = $proxy->items), '>=', 1,
    'the second line was read when the proxy had taken the first';
$writer->send("0\r\n\r\n");
is answer($writer)->{published}, 2, 'the answer counts both lines';
is scalar(@items = $proxy->items), 2,
    'the answer comes when the proxy has both';
$direct->close;

# ---- A child that is stopped -----------------------------------------------

# The child that owns the server's end of a connection.
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

# The signal takes a while to reach all threads.
sub is_stopped
{
    my ($pid) = @_;
    for my $stat (glob "/proc/$pid/task/*/stat") {
        open my $in, '<', $stat or next;
        return 0 if <$in> !~ /\) T /;
    }
    return 1;
}

$writer = open_body();
$writer->send(lines(1));
my $writer_child;
wait_for(sub { $writer_child = child_of($writer) }, 5,
    'the child of the publisher is known');
my ($stopped, $client, @others);
for (1 .. 20) {
    $client = opened('/events', @steady);
    publish($httpd, 'news', 'detached');
    $client->skip_to('message', 5);
    wait_for(sub { $stopped = child_of($client) }, 5);
    last if $stopped && $stopped != $writer_child;
    push @others, $client;
}
SKIP: {
    skip 'all connections went to one child', 7
        if !$stopped || $stopped == $writer_child;
    $_->close for @others;
    kill STOP => $stopped;
    wait_for(sub { is_stopped($stopped) }, 10);
    my $start = time;
    my $done = send_all($writer, lines($EVENTS));
    my $answer = answer($writer);
    my $seconds = time - $start;
    kill CONT => $stopped;
    ok $done, 'a body is taken while another child is stopped';
    is $answer->{published}, $EVENTS + 1,
        'all events are published while another child is stopped';
    cmp_ok $seconds, '>', 0.9, 'the publisher waited for the stopped child';
    ok +($client->skip_to('stream-reset', 10) || {})->{id},
        'the client of the stopped child gets a reset';
    publish($httpd, 'news', 'again');
    my $event;
    do { $event = $client->next_event(10) }
        while $event && $event->{data} ne 'again';
    ok $event, 'the client of the stopped child receives events again';

    # The child runs again, and the publisher waits for its clients again.
    $writer = open_body();
    $first = $number + 1;
    ok send_all($writer, lines($EVENTS), $client),
        'a body is taken when the child runs again';
    is faults($client, $first), 'none',
        'the client of that child receives all events';
    $client->close;
}
# The stopped child may log that it was overtaken, once.
my @overtaken = $httpd->error_log =~ /\[pid (\d+).*ES0302/g;
is_deeply [grep { $_ != ($stopped || 0) } @overtaken], [],
    'only the stopped child was overtaken';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
