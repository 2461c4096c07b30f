#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Hostile and broken requests of clients: after each the server answers the next
# client, and no child has died.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => ['reqtimeout'],
    files => {'file.txt' => "a file\n"}, conf => <<'CONF');
RequestReadTimeout header=2
Timeout 5
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamMaxChannelsPerClient 200
</Location>
<LocationMatch "^/rooms/(?<room>.+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my @children = $httpd->children;

# Sends until the connection is broken; gives up after much more than any
# buffers hold.
sub flood
{
    my ($client) = @_;
    local $SIG{PIPE} = 'IGNORE';
    for (1 .. 1000) {
        defined syswrite($client->socket, 'x' x 65536) or return 1;
    }
    return 0;
}
# The next client of /events is served, by the same children.
sub serves
{
    my ($after) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, '/events?c=next');
    my $event = $client->next_event(5);
    publish($httpd, 'next', $after);
    my $next = $client->next_event(5);
    is $next && $next->{data}, $after, "after $after the next client is served";
    is join(' ', $httpd->children), "@children",
        "after $after no child has died";
    return;
}

# The status, whatever the bytes: 0 if the connection ended without an answer.
sub status_of
{
    my ($path) = @_;
    return subscribe($httpd, $path)->status;
}

sub receives
{
    my ($client, $channel, $text) = @_;
    publish($httpd, $channel, $text);
    my $event = $client->next_event(5);
    return $event ? $event->{data} : undef;
}

# ---- Bytes after the request -----------------------------------------------

my $request = "GET /events?c=a HTTP/1.1\r\nHost: localhost\r\n";
my $file = "GET /file.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";

my $client = subscribe($httpd, '/events?c=a', body => 'some body');
is $client->status, 200, 'a GET with a body is served';
is $client->next_event(5)->{event}, 'stream-open',
    'GET with a body: the stream opens';
is receives($client, 'a', 'x'), 'x', 'GET with a body: the stream goes on';
serves('a GET with a body');

$client = subscribe($httpd, '', raw => $request
    . "Content-Length: 1000000\r\n\r\n" . 'x' x 1000);
is $client->status, 200, 'a GET whose body never ends is served';
$client->next_event(5);
is receives($client, 'a', 'y'), 'y',
    'GET whose body never ends: the stream goes on';
serves('a GET with half a body');

$client = subscribe($httpd, '', raw => $request
    . "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$file");
is $client->status, 200, 'a GET with a chunked body is served';
$client->next_event(5);
is receives($client, 'a', 'z'), 'z',
    'GET with a chunked body: the stream goes on';
serves('a GET with a chunked body');

$client = subscribe($httpd, '', raw => "$request\r\n$file$file");
is $client->status, 200, 'a GET with two requests after it is served';
$client->next_event(5);
is receives($client, 'a', 'one'), 'one',
    'pipelined requests: the stream goes on';
$client->send($file);
is receives($client, 'a', 'two'), 'two',
    'pipelined requests: the stream goes on when one more comes';
$client->send('x' x 65536) for 1 .. 2;
is receives($client, 'a', 'three'), 'three',
    'pipelined requests: the stream goes on after 128 KB more';
unlike $client->wire, qr{HTTP/1.*HTTP/1|a file}s,
    'pipelined requests are not answered';
unlike $httpd->access_log, qr{/file\.txt},
    'pipelined requests are not logged as served';
serves('pipelined requests');

$client = subscribe($httpd, '', raw => "$request\r\n");
$client->next_event(5);
is flood($client), 1, 'a client that never stops sending is closed';
serves('a flood of bytes');

$client = subscribe($httpd, '', raw => "$request\r\n");
$client->next_event(5);
shutdown $client->socket, 1;
wait_for(sub { $client->fill(0.1); !$client->is_open }, 20,
    'a client that shuts down its sending side is closed');
serves('a half-closed connection');

$client = subscribe($httpd, '', raw => "$request\r\n\0\xff\r\n\r\ngarbage");
is $client->status, 200, 'a GET with garbage after it is served';
$client->next_event(5);
is receives($client, 'a', 'four'), 'four',
    'garbage after the request is dropped';
serves('garbage');

$client = subscribe($httpd, '', raw => $file
    . "GET /events?c=a HTTP/1.1\r\nHost: localhost\r\n\r\n");
is $client->status, 200, 'a file is served before a stream on one connection';
wait_for(sub { $client->fill(0.1); $client->wire =~ /stream-open.*\n\n/s }, 5,
    'the stream opens on the same connection');
like $client->wire, qr{\A[^\n]*200\ OK\r\n.*?\r\n\r\na\ file\n
    HTTP/1\.1\ 200\ OK\r\n[^\0]*text/event-stream}sx,
    'the stream has a head of its own';
serves('a file before the stream');

# ---- Names -----------------------------------------------------------------

my %answers = (
    '/events?c=' . 'x' x 7900 => 400,
    '/rooms/' . 'x' x 7900 => 403,    # httpd's own: no file has that name
    '/events?c=' . '%41' x 2600 => 400,
    '/events?c=%00' => 400,
    '/events?c=a%00b' => 400,
    '/rooms/a%00b' => 404,
    '/rooms/a%2Fb' => 404,
    '/rooms/a%0Ab' => 400,
    '/rooms/a%20' => 400,
    '/rooms/%09a' => 400,
    '/rooms/%20' => 400,
    '/events?c=a+' => 400,
    '/events?c=%20' => 400,
    '/events?c=a%2Fb' => 200,
    '/events?c=../../etc/passwd' => 200,
    '/rooms/../../../../etc/passwd' => 400,
    '/rooms/%2e%2e/%2e%2e/%2e%2e/etc' => 400,
    '/rooms/../events?c=a' => 200,
    '/events?c=%' => 200,
    '/events?c=%zz%4' => 200,
    '/events?c=%ff%fe' => 400,
    '/events?c=%ed%a0%80' => 400,
    '/events?c=%F0%9F%98%80' => 200,
    '/events?' . '&' x 5000 => 400,
    '/events?c=' => 400,
    '/events?=c' => 400,
    '/events' => 400,
);
for my $path (sort keys %answers) {
    my $name = length $path > 60 ? substr($path, 0, 60) . '...' : $path;
    is status_of($path), $answers{$path}, "$answers{$path}: $name";
}
is status_of('/events?c=' . 'x' x 65536), 414, 'a request line of 64 KB is 414';
serves('odd names');

$client = subscribe($httpd, '/rooms/a+b%25c');
$client->next_event(5);
is receives($client, 'room-a+b%c', 'x'), 'x',
    '+ and %25 in a path are decoded once';

# ---- Many channels ---------------------------------------------------------

sub many
{
    my ($count) = @_;
    return '/events?' . join '&', map { "c=$_" } 1 .. $count;
}
$client = subscribe($httpd, many(200));
is $client->status, 200, 'a request for 200 channels is served';
$client->next_event(5);
is receives($client, $_, "on $_"), "on $_",
    "the client receives from channel $_" for 1, 100, 200;
is status_of(many(201)), 400, '201 channels are refused where the limit is 200';
is status_of(many(1000)), 400, '1000 channels are refused';
$client->close;
serves('many channels');

# ---- Heads -----------------------------------------------------------------

for my $kb (7, 64, 200) {
    my $long = subscribe($httpd, '', raw => $request . 'X-Long: '
        . 'x' x ($kb * 1024) . "\r\n\r\n");
    is $long->status, $kb < 8 ? 200 : 400,
        "a header of $kb KB is answered with the right status";
}
is subscribe($httpd, '', raw => $request
    . join('', map { "X-$_: y\r\n" } 1 .. 200) . "\r\n")->status, 400,
    '200 headers are refused';
is subscribe($httpd, '', raw => $request . "Last-Event-ID: "
    . 'x' x 8000 . "\r\n\r\n")->status, 200,
    'a Last-Event-ID of 8000 bytes is accepted';
is subscribe($httpd, '', raw => $request . "Last-Event-ID: \xff\x01\r\n\r\n")
    ->status, 400, 'a header with control characters is refused';
is subscribe($httpd, '', raw => $request . "Accept: " . ',' x 8000
    . "\r\n\r\n")->status, 200, 'an Accept of commas excludes nothing';
is subscribe($httpd, '', raw => $request . "Accept: "
    . 'a/b;q=' x 1300 . "\r\n\r\n")->status, 406,
    'an Accept without a single media type excludes the stream';
is subscribe($httpd, '', raw => "GET /events?c=a HTTP/1.1\r\n\r\n")->status,
    400, 'a request without Host is refused';
is subscribe($httpd, '', raw => "GET  /events?c=a\r\n\r\n", timeout => 5)
    ->status, 400, 'a request without protocol is refused';
serves('odd heads');

# ---- Slow and silent clients -----------------------------------------------

my $silent = subscribe($httpd, '', raw => '', head => 0);
my $slow = subscribe($httpd, '', raw => '', head => 0);
my $half = subscribe($httpd, '', raw => $request, head => 0);
serves('a client that sends nothing');
my $until = time + 5;
my @bytes = split //, "$request\r\n";
my $sent = 0;
while (time < $until && !$slow->fill(0) && $slow->is_open) {
    $slow->send(shift @bytes);
    $sent++;
    $slow->fill(0.1);
}
cmp_ok $sent, '<', 40, 'a client that sends a byte every 100 ms is ended';
ok !$_->is_ended(5) && !$_->is_open || $_->status == 408
    || $_->wire =~ /\A(HTTP\/1\.1 408|\z)/, 'a silent client is ended'
    for $silent, $half;
serves('slow clients');

my @gone = map { subscribe($httpd, '/events?c=gone', head => 0) } 1 .. 50;
$_->close for @gone;
serves('50 clients that closed at once');
wait_for(sub { publish($httpd, 'gone', 'x')->{json}{clients} == 0 }, 5,
    'clients that closed at once are not counted any more');

# A client that reads a little at a time gets all events and delays no other
# client.
my $reader = subscribe($httpd, '/events?c=big', rcvbuf => 2048);
my $fast = subscribe($httpd, '/events?c=big');
$fast->next_event(5);
publish($httpd, 'big', $_ . 'x' x 60000) for 1 .. 9;
my @fast = $fast->events(9, 5);
is scalar @fast, 9, 'a fast reader receives all events';
$reader->fill(0.05, 100) for 1 .. 20;
serves('a client that reads slowly');
my @slow = grep { $_->{event} eq 'message' } $reader->events(10, 10);
is join(' ', map { substr $_->{data}, 0, 1 } @slow), '1 2 3 4 5 6 7 8 9',
    'the slow reader receives all events, too';

unlike $httpd->error_log, qr/\[(?:crit|alert|emerg)\]|signal|Segm/,
    'the error log has no crash';

done_testing;
