#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# NDJSON to a clustered hub that is sent faster than a client of this server
# reads: the stream is read no faster, and the journal does not overtake the
# client. When the broker hangs, nothing more is read; the stream ends with the
# number of events that it has.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use IO::Handle;
use IO::Select;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_SNDBUF);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Redis;

EventStream::Redis->or_skip;

# see t/35-backpressure.t
my $cluster = EventStream::Cluster->start(
    words => 'timeout=3s', conf => <<'CONF');
SendBufferSize 65536
ReceiveBufferSize 65536
EventStreamHub default size=2m
EventStreamFlowControl 10min
CONF
my ($a, $b) = $cluster->nodes;
my $EVENTS = 40000;    # of 192 bytes each in the journal: nearly four times it
my $DEADLINE = 120;

sub lines
{
    my ($channel, $from, $to) = @_;
    my $lines = join '', map {
        qq({"channel":"$channel","text":"$_ @{['x' x 60]}"}\n) } $from .. $to;
    return sprintf("%x\r\n", length $lines) . "$lines\r\n";
}

sub open_body
{
    my $writer = EventStream::Client->connect($a->port);
    setsockopt $writer->socket, SOL_SOCKET, SO_SNDBUF, pack 'i', 65536;
    $writer->{method} = 'POST';
    $writer->send("POST /publish HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/x-ndjson\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    return $writer;
}

# Sends as fast as the server takes it, until nothing was taken for $idle
# seconds. Returns what was not taken.
sub send_all
{
    my ($writer, $body, $idle, @readers) = @_;
    my $select = IO::Select->new($writer->socket);
    my $moved = time;
    IO::Handle::blocking($writer->socket, 0);
    while (length $body && time < $moved + $idle) {
        my $sent = $select->can_write(@readers ? 0.01 : 1)
            ? syswrite $writer->socket, $body, 65536 : 0;
        if ($sent) {
            substr $body, 0, $sent, '';
            $moved = time;
        }
        $_->fill(0, $sent ? 1024 : 16384) for @readers;
    }
    return length $body;
}

sub faults
{
    my ($client, $last) = @_;
    my $expected = 1;
    while (my $event = $client->next_event(20)) {
        return $event->{event} if $event->{event} ne 'message';
        my ($got) = $event->{data} =~ /^(\d+) x{60}$/;
        return "$event->{data} instead of $expected"
            if !defined $got || $got != $expected;
        return 'none' if $expected == $last;
        $expected++;
    }
    return "$expected did not come";
}

sub answer
{
    my ($writer) = @_;
    $writer->read_head($DEADLINE);
    $writer->is_ended($DEADLINE);
    return eval { JSON::PP::decode_json($writer->bytes) } || {};
}

# ---- A client that reads, but slowly -----------------------------------------

my $busy = $cluster->client($a, 'news', rcvbuf => 65536, segment => 1400);
my $writer = open_body();
my $body = join '',
    map { lines('news', $_ * 100 - 99, $_ * 100) } 1 .. $EVENTS / 100;
is send_all($writer, $body . "0\r\n\r\n", $DEADLINE, $busy), 0,
    'a fast body is taken';
is faults($busy, $EVENTS), 'none',
    'a client of this server that reads steadily gets all of it, in order';
is answer($writer)->{published}, $EVENTS, 'all events are published';
$busy->close;

# Entries say how many of their batch follow.
my $batches = $cluster->broker->command('EVAL', <<'LUA', 1,
local count = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
    for i = 1, #entry[2], 2 do
        if entry[2][i] == 'b' and entry[2][i + 1] == '0' then
            count = count + 1
        end
    end
end
return count
LUA
    '{eventstream:default}:events');
cmp_ok $batches, '<', $EVENTS / 20, 'in batches, as lines arrive together';
note "$batches batches";

# ---- The broker hangs --------------------------------------------------------

my $client = $cluster->client($b, 'other');
$writer = open_body();
$writer->send(lines('other', 1, 100));
my @got = $client->events(100, 30);
is scalar @got, 100, 'lines are published';
$cluster->broker->suspend;
cmp_ok send_all($writer, $body . "0\r\n\r\n", 2), '>', length($body) / 2,
    'while the broker hangs, most of a body is not taken';
$writer->read_head($DEADLINE);
is $writer->status, 503, 'then the stream ends';
$cluster->broker->resume;
$cluster->wait_synced;
$writer->is_ended($DEADLINE);
# this server may not have received the last of them
like $writer->bytes, qr/Events published before: [1-9]\d*\./,
    'with the number of events that it has published';
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
done_testing;
