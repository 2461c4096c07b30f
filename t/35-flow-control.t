#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamFlowControl: a client that reads slowly, for as long as it likes,
# delays an NDJSON publisher by a bounded time. Then the client is overtaken and
# told so. With off it delays no publisher. A client that reads misses nothing.
# Many slow clients together delay a publisher no longer than the time that is
# configured.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use IO::Handle;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_SNDBUF);

use EventStream::Client;
use EventStream::Httpd;

my $EVENTS = 60000;    # of 192 bytes each in the journal: nearly three times it
my $DEADLINE = 60;

sub start
{
    my ($time) = @_;
    return EventStream::Httpd->start(conf => <<"CONF", mpm_conf => <<'MPM');
SendBufferSize 65536
ReceiveBufferSize 65536
EventStreamHub default size=4m
EventStreamFlowControl $time
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
</Location>
CONF
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
MPM
}

sub opened
{
    my ($httpd, %options) = @_;
    my $client = subscribe($httpd, '/events', %options);
    is +($client->next_event(5) || {event => ''})->{event}, 'stream-open',
        'the stream opens';
    return $client;
}

# A process that reads as fast as it can, up to the last event. It writes its
# first event into a pipe, then what is wrong with what it received.
sub start_reader
{
    my ($httpd) = @_;
    pipe my $out, my $in or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        read_all($httpd, $in);
        POSIX::_exit(0);
    }
    close $in;
    is readline $out, "stream-open\n",
        'the stream of a client that reads opens';
    return {out => $out, pid => $pid};
}

sub read_all
{
    my ($httpd, $in) = @_;
    my $client = subscribe($httpd, '/events', rcvbuf => 1 << 20);
    my $first = $client->next_event(5) || {event => 'nothing'};
    syswrite $in, "$first->{event}\n";
    my $end = qr/data: $EVENTS x{60}\n/;
    my $select = IO::Select->new($client->socket);
    my $until = time + $DEADLINE;
    my ($tail, $fault) = ('', '');
    while ($tail !~ $end && time < $until) {
        next if !$select->can_read(1);
        sysread $client->socket, my $some, 1 << 20 or last;
        $tail = substr($tail, -200) . $some;
        $fault = 'a reset' if $tail =~ /stream-reset/;
    }
    $fault ||= 'the end did not come' if $tail !~ $end;
    syswrite $in, $fault || 'none';
    return;
}

sub fault_of
{
    my ($reader) = @_;
    my $text = readline $reader->{out};
    waitpid $reader->{pid}, 0;
    return $text // 'it died';
}

sub body
{
    my $body = '';
    for my $first (map { $_ * 100 + 1 } 0 .. $EVENTS / 100 - 1) {
        my $lines = join '', map {
            '{"channel":"news","text":"' . $_ . ' ' . 'x' x 60 . "\"}\n"
        } $first .. $first + 99;
        $body .= sprintf("%x\r\n", length $lines) . "$lines\r\n";
    }
    return "${body}0\r\n\r\n";
}

# Publishes all events in one body. The slow clients read a little whenever the
# publisher can send nothing for 50 ms: often enough to count as clients that
# read. Returns the answer.
sub send_all
{
    my ($httpd, @slow) = @_;
    my $writer = EventStream::Client->connect($httpd->port);
    setsockopt $writer->socket, SOL_SOCKET, SO_SNDBUF, pack 'i', 65536;
    $writer->{method} = 'POST';
    $writer->send("POST /publish HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/x-ndjson\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    my $body = body();
    my $select = IO::Select->new($writer->socket);
    my $until = time + $DEADLINE;
    my $at = 0;
    IO::Handle::blocking($writer->socket, 0);
    while ($at < length $body && time < $until) {
        if (!$select->can_write(0.05)) {
            $_->fill(0, 16384) for @slow;
            next;
        }
        $at += syswrite($writer->socket, $body, 65536, $at) || 0;
    }
    return {} if $at < length $body;
    $writer->read_head($DEADLINE);
    $writer->is_ended($DEADLINE);
    my $answer = eval { JSON::PP::decode_json($writer->bytes) } || {};
    $writer->close;
    return $answer;
}

sub is_overtaken
{
    my ($client) = @_;
    while (my $event = $client->next_event(5)) {
        return 1 if $event->{event} eq 'stream-reset';
    }
    return $client->is_cut;
}

# How long the publisher has waited for clients, in ms.
sub waited
{
    my ($httpd) = @_;
    wait_for(sub { $httpd->error_log =~ /ES0504/ }, 5);
    return $httpd->error_log =~ /ES0504.* waited (\d+) ms/ ? $1 : undef;
}

# [EventStreamFlowControl, the same in ms, slow clients]
for my $run (['8', 8000, 1], ['2', 2000, 8], ['off', 0, 1]) {
    my ($time, $most, $count) = @$run;
    my $name = "$time, $count slow";
    my $httpd = start($time);
    my $reader = start_reader($httpd);
    my @slow = map {
        opened($httpd, rcvbuf => 16384, segment => 1400)
    } 1 .. $count;
    my $start = time;
    my $answer = send_all($httpd, @slow);
    my $took = (time - $start) * 1000;
    is $answer->{published}, $EVENTS, "$name: the body is taken";
    my $waited = waited($httpd);
    cmp_ok $waited, '<=', $most + ($most ? $took / 10 + 500 : 0),
        "$name: the publisher waited for a bounded time";
    cmp_ok $waited, '>', 0, "$name: it did wait" if $most;
    my $fault = fault_of($reader);
    is $fault, 'none', "$name: a client that reads receives all events"
        if $time eq '8';
    my $overtaken = grep { is_overtaken($_) } @slow;
    is $overtaken, $count, "$name: each slow client is overtaken and told so";
    unlike $httpd->error_log, qr/exit signal/, "$name: no child has crashed";
}
done_testing;
