#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hostile requests as a table (t/hostile/requests): each is answered as it says,
# and after each one a subscriber of the same server gets its next event, from
# children that are the same.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Source;

my $LONG = 20;    # seconds until a test that waits for a fact gives up

my $keys = File::Temp->new(TEMPLATE => 'es-XXXXXX', TMPDIR => 1);
print {$keys} 'secret-of-publishers-of-the-test';
close $keys;

my $httpd = EventStream::Httpd->start(log => 'warn', conf => <<"CONF");
Timeout 20
KeepAlive On
MaxKeepAliveRequests 0
EventStreamHub proxied size=1m
EventStreamGrip hub=proxied http://127.0.0.1:\@PORT:dead\@ iss=me key=changeme
EventStreamGripReliable hub=proxied on
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamMaxChannelsPerClient 8
</Location>
<LocationMatch "^/rooms/(?<room>.+)\$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/cors">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamAllowOrigin https://app.example
</Location>
<Location "/grip">
    SetHandler eventstream
    EventStreamUseHub proxied
    EventStreamChannel a
</Location>
<LocationMatch "^/(publish|cors/publish|closed|key)\$">
    SetHandler eventstream-publish
    EventStreamMaxEventSize 1000
    EventStreamMaxBody 4000
</LocationMatch>
<Location "/closed">
    EventStreamPublishFrom none
</Location>
<Location "/key">
    EventStreamPublishFrom any
    EventStreamPublishKey file:$keys
</Location>
<Location "/status">
    SetHandler eventstream-status
</Location>
<Location "/metrics">
    SetHandler eventstream-metrics
</Location>
<Location "/open/status">
    SetHandler eventstream-status
    Require all granted
</Location>
<Location "/open/metrics">
    SetHandler eventstream-metrics
    Require all granted
</Location>
CONF

# ---- The table -------------------------------------------------------------

my %ESCAPE = (r => "\r", n => "\n", t => "\t", 0 => "\0", '\\' => '\\');

sub bytes_of
{
    my ($text) = @_;
    $text =~ s/<([^<>]+?)\*(\d+)>/$1 x $2/ge;
    $text =~ s/\\(?:x([0-9a-f]{2})|(.))/defined $1 ? chr hex $1
        : defined $ESCAPE{$2} ? $ESCAPE{$2} : die "\\$2 in $text"/ge;
    return $text;
}

sub framed
{
    my ($frame, $row) = map { bytes_of($_) } @_;
    my $len = length $row;
    $frame =~ s/<len>/$len/;
    my $at = index $frame, '@';
    substr $frame, $at, 1, $row;
    return $frame;
}

# A list of sections: {name, frame, rows => [[answer, text], ...]}.
sub read_table
{
    my @sections;
    for (split /\n/, text_of('t/hostile/requests')) {
        next if /^(#|$)/;
        if (/^= (.*)/) {
            push @sections, {name => $1, rows => []};
        } elsif (/^  (.*)/) {
            $sections[-1]{frame} = $1;
        } elsif (/^(\S+) (.*)/) {
            push @{$sections[-1]{rows}}, [$1, $2];
        } else {
            die "not a row: $_";
        }
    }
    return @sections;
}

# ---- The healthy subscriber ------------------------------------------------

my @children = $httpd->children;
my $healthy = subscribe($httpd, '/events?c=h');
$healthy->skip_to('stream-open', $LONG);
my $publisher;
my $count = 0;

# On a connection that is kept, so that the whole table takes seconds.
sub publish_next
{
    $count++;
    for (1, 2) {
        $publisher ||= EventStream::Client->connect($httpd->port);
        $publisher->send("POST /publish?channel=h HTTP/1.1\r\n"
            . "Host: localhost\r\nContent-Type: text/plain\r\n"
            . 'Content-Length: ' . length($count) . "\r\n\r\n$count");
        @{$publisher}{qw(rest status ended body framing)} =
            ('', 0, 0, '', 'http');
        return if $publisher->read_head($LONG) && $publisher->status == 200
            && $publisher->is_ended($LONG);
        $publisher = undef;    # httpd has closed it
    }
    return;
}

sub health
{
    publish_next();
    my $event = $healthy->next_event($LONG);
    return 'no event' if !$event;
    return "event $event->{data} instead of $count"
        if $event->{data} ne $count;
    return 'a child is gone' if grep { !kill 0, $_ } @children;
    return 'healthy';
}

# ---- One row ---------------------------------------------------------------

# The statuses of all answers.
sub statuses
{
    my ($wire) = @_;
    return join ',', $wire =~ m{^HTTP/1\.[01] (\d{3})\b}mg;
}

sub answers_of
{
    my ($client) = @_;
    shutdown $client->socket, 1;
    my $until = time + $LONG;
    while ($client->is_open && time < $until) {
        $client->fill(1);
    }
    return 'no end' if $client->is_open;
    return statuses($client->wire) || (length $client->wire ? 'body' : '-');
}

# All of the wire up to a text, after so many bytes.
sub arrives
{
    my ($client, $text) = @_;
    my $until = time + $LONG;
    while ($client->wire !~ $text) {
        return 0 if time > $until || !$client->is_open;
        $client->fill(1);
    }
    return 1;
}

sub stream_of
{
    my ($client, $bytes) = @_;
    if (!arrives($client, qr/event: stream-open\r?\n.*?\n\r?\n/s)) {
        return statuses($client->wire) || 'no stream';
    }
    if ($bytes =~ /c=h/) {
        publish_next();
        return 'no event' if !arrives($client, qr/data: $count\r?\n/);
        $healthy->next_event($LONG);
    }
    (my $got = statuses($client->wire)) =~ s/200\z/stream/;
    return $got;
}

sub try_row
{
    my ($section, $answer, $text) = @_;
    my $bytes = framed($section->{frame}, $text);
    my $client = EventStream::Client->connect($httpd->port);
    $client->send($bytes);
    my $got = $answer =~ /stream\z/ ? stream_of($client, $bytes)
        : answers_of($client);
    $client->close;
    my $name = "$section->{name}: "
        . (length $text > 60 ? substr($text, 0, 60) . '...' : $text);
    is "$got, " . health(), "$answer, healthy", $name;
    return;
}

my $rows = 0;
for my $section (read_table()) {
    for my $row (@{$section->{rows}}) {
        try_row($section, @$row);
        $rows++;
    }
    is join(' ', $httpd->children), "@children",
        "$section->{name}: the children are the same";
}
cmp_ok $rows, '>=', 500, 'the table has hundreds of requests';
unlike $httpd->error_log, qr/exit signal|\[(?:\w+:)?(?:crit|alert|emerg)\]/,
    'the error log has no crash';
done_testing;
