#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Subscribing: which requests are refused and how, the head of the answer, and
# the stream, byte by byte.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => ['headers', 'env'],
    files => {'error.html' => "a nicer page\n"}, conf => <<'CONF');
ErrorDocument 400 /error.html
ErrorDocument 403 /error.html
ErrorDocument 404 /error.html
ErrorDocument 405 /error.html
ErrorDocument 406 "nicer words"
<LocationMatch "^/events(/.*)?$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/events/two">
    EventStreamChannel one two
</Location>
<Location "/events/query">
    EventStreamChannel "{?c}"
    EventStreamMaxChannelsPerClient 3
    EventStreamAllowOrigin https://app.example
</Location>
<Location "/events/none">
    EventStreamChannel " {?c} "
</Location>
<Location "/events/allowed">
    EventStreamChannel "{?c}"
    EventStreamAllowChannel "room-*" lobby
</Location>
<Location "/events/path">
    EventStreamPath "/events/path/{room}"
    EventStreamChannel "{room}"
</Location>
<Location "/events/often">
    AddDefaultCharset iso-8859-1
    EventStreamKeepAlive 1
    EventStreamRetry 250ms
</Location>
<Location "/events/comment">
    EventStreamKeepAlive 500ms
    EventStreamKeepAliveForm comment
    EventStreamRetry 0
</Location>
<Location "/events/spread">
    EventStreamRetrySpread 300
</Location>
<Location "/events/silent">
    EventStreamKeepAlive 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# The blocks without data: many libraries make an event of each blank line that
# follows anything, be it retry: or a comment.
sub empty_blocks
{
    my ($client) = @_;
    return grep { !/^data:/m } $client->bytes =~ /\G(.+?\n)\n/gs;
}

sub ask
{
    my ($path, @headers) = @_;
    return subscribe($httpd, $path, headers => \@headers);
}

sub status
{
    return ask(@_)->status;
}

# status and body of a refusal, read to its end
sub refusal
{
    my $answer = get($httpd, @_);
    return "$answer->{status} $answer->{body}";
}

# ---- Methods ---------------------------------------------------------------

for my $method (qw(POST PUT DELETE PATCH PROPFIND)) {
    my $answer = request($httpd, $method, '/events');
    is $answer->{status}, 405, "$method is refused with 405";
    is $answer->{headers}{allow}, 'GET, HEAD, OPTIONS',
        "$method: 405 has Allow";
    is $answer->{body}, "Method not allowed: $method.\n",
        "$method: 405 names the method";
}
my $answer = request($httpd, 'OPTIONS', '/events');
is $answer->{status}, 204, 'OPTIONS is answered with 204';
is $answer->{headers}{allow}, 'GET, HEAD, OPTIONS',
    'OPTIONS: Allow lists the methods';
is $answer->{body}, '', 'OPTIONS: no body';

# ---- Accept ----------------------------------------------------------------

my @accepted = (
    'text/event-stream', '*/*', 'text/*', 'TEXT/Event-Stream',
    'text/html, text/event-stream', 'text/html;q=0.9, */*;q=0.1',
    'text/event-stream;q=0.001', '*/*;q=0, text/event-stream',
    'text/*;q=0, text/event-stream;q=0.5', '*/*;q=0, text/*',
    'text/html,*/*;q=0.8', 'text/event-stream; charset=utf-8',
);
is status('/events', "Accept: $_"), 200,
    "Accept: $_ gets the stream" for @accepted;
is status('/events'), 200, 'a request without Accept gets the stream';
my @excluded = (
    'text/html', 'application/json', 'text/event-stream;q=0', '*/*;q=0',
    'text/event-stream;q=0, */*', 'text/event-stream;q=0.000, text/*',
    'text/*;q=0, */*;q=1', 'text/event', 'text/html;q=1, image/*',
);
is refusal('/events', "Accept: $_"), "406 Not Acceptable.\n",
    "Accept: $_ is refused with 406"
    for @excluded;
is status('/events', 'Accept: text/html', 'Accept: text/event-stream'), 200,
    'two Accept headers count as one list';

# ---- The order of the checks -----------------------------------------------

is refusal('/events', 'Last-Event-ID: error'),
    "400 last-event-id header may not be 'error'.\n",
    'Last-Event-ID: error is refused with 400';
is refusal('/events', 'Last-Event-ID: error', 'Accept: image/png'),
    "406 Not Acceptable.\n", 'Accept is checked before Last-Event-ID';
is refusal('/events/none', 'Last-Event-ID: error'),
    "400 last-event-id header may not be 'error'.\n",
    'Last-Event-ID is checked before the channels';
is request($httpd, 'POST', '/events/none', headers => ['Accept: a/b'])
    ->{status}, 405, 'the method is checked first';
is refusal('/events/none'), "400 No specified channels.\n",
    'a request without channel is refused with 400';
is refusal('/events/query?c=%20'), "400 The channel name ' ' has a value that "
    . "begins or ends with a blank.\n", 'a channel of blanks is refused';
is refusal('/events/query?c=' . 'x' x 256), '400 The channel name \''
    . 'x' x 64 . "...' has more than 255 bytes.\n",
    'a channel name of 256 bytes is refused; the answer names it';
is status('/events/query?c=' . 'x' x 255), 200,
    'a channel name of 255 bytes is accepted';
is refusal('/events/query?c=a%07b'),
    "400 The channel name 'a?b' has a control character at byte 2.\n",
    'a control character in a channel name is refused with its position';
is refusal('/events/query?c=%00'),
    "400 The channel name '?' has a control character at byte 1.\n",
    'a NUL in a channel name is refused';
is refusal('/events/query?c=a%0Ab'),
    "400 The channel name 'a?b' has a control character at byte 2.\n",
    'a line end in a channel name is refused';
is refusal('/events/query?c=%ff'),
    "400 The channel name '?' is not valid UTF-8 at byte 1.\n",
    'a channel name that is not UTF-8 is refused';
is refusal('/events/query?c=1&c=2&c=3&c=4'),
    "400 Too many channels: at most 3 for a client.\n",
    'four channels are refused where the limit is three';
is status('/events/query?c=1&c=2&c=3'), 200,
    'three channels are accepted where the limit is three';
is status('/events/query?c=1&c=2&c=3&c=1'), 200,
    'a channel that is named twice counts once';
is refusal('/events/allowed?c=kitchen'),
    "403 Channel not allowed: kitchen.\n",
    'a channel that EventStreamAllowChannel does not match is refused';
is refusal('/events/allowed?c=room-1&c=kitchen'),
    "403 Channel not allowed: kitchen.\n",
    'one forbidden channel of two refuses the request';
is status('/events/allowed?c=room-1&c=lobby'), 200,
    'channels that EventStreamAllowChannel matches are accepted';
is refusal('/events/path/a/b'), "404 Not found.\n",
    'a path that EventStreamPath does not match is 404';

my $refused = get($httpd, '/events', 'Accept: image/png');
like $refused->{headers}{'content-type'}, qr{^text/plain},
    'a refusal is text/plain';
is $refused->{headers}{'content-length'}, length $refused->{body},
    'a refusal has a Content-Length';
is get($httpd, '/nowhere')->{body}, "a nicer page\n",
    'ErrorDocument still serves other errors';

# ---- The head --------------------------------------------------------------

my $sse = ask('/events');
is $sse->proto, 'HTTP/1.1', 'the answer is HTTP/1.1';
is $sse->status, 200, 'the status is 200';
is $sse->header('content-type'), 'text/event-stream; charset=utf-8',
    'the type is text/event-stream, in UTF-8';
is $sse->header('cache-control'), 'no-cache, no-store, no-transform',
    'no cache stores the stream, no proxy compresses it';
is $sse->header('x-accel-buffering'), 'no', 'nginx does not buffer the stream';
is $sse->header('transfer-encoding'), 'chunked', 'the stream is chunked';
is $sse->header('connection'), 'close', 'the connection ends with the stream';
is join(' ', sort keys %{$sse->headers}), 'cache-control connection '
    . 'content-type date server transfer-encoding x-accel-buffering',
    'the head has no other header';

for my $header ('Range: bytes=0-3', 'If-None-Match: *',
    'If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT', 'If-Match: "x"',
    'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT') {
    my $other = ask('/events', $header);
    is $other->status, 200, "$header is ignored";
    is $other->next_event(5)->{event}, 'stream-open',
        "$header: the stream starts at its beginning";
}

my $head = subscribe($httpd, '/events', method => 'HEAD');
$head->{headers}{date} = $sse->{headers}{date};
is $head->status, 200, 'HEAD is answered with 200';
is_deeply [map { "$_: " . $head->header($_) } grep { !/transfer/ }
        sort keys %{$head->headers}],
    [map { "$_: " . $sse->header($_) } grep { !/transfer|connection/ }
        sort keys %{$sse->headers}],
    'HEAD has the same head as GET, and its connection stays';
$head->send("GET /error.html HTTP/1.0\r\n\r\n");
$head->is_ended(5);
$head->fill(5);
like $head->{rest}, qr{\AHTTP/1\.1 200},
    'the connection serves the next request after HEAD';
is subscribe($httpd, '/events', method => 'HEAD',
    headers => ['Accept: image/png'])->status, 406, 'HEAD is refused as GET is';

# ---- The start of the stream -----------------------------------------------

my $open = $sse->next_event(5);
my $id = qr/\d{13}-\d+/;
like $sse->bytes,
    qr/\Aevent: stream-open\nid: $id\ndata: \nretry: 3000\n\n\z/,
    'the stream starts with stream-open, an id and retry';
is $open->{data}, '', 'stream-open has no data';
like ask('/events/often')->next_event(5)->{id}, qr/^$id$/,
    'stream-open has an id at another Location, too';
is do { my $c = ask('/events/often'); $c->next_event(5); $c->retry }, 250,
    'EventStreamRetry 250ms sends retry: 250';
is do { my $c = ask('/events/comment'); $c->next_event(5); $c->retry }, 0,
    'EventStreamRetry 0 sends retry: 0';
my @spread = sort { $a <=> $b }
    map { my $c = ask('/events/spread'); $c->next_event(5); $c->retry } 1 .. 20;
cmp_ok $spread[0], '>=', 3000, 'EventStreamRetrySpread never lowers retry:';
cmp_ok $spread[-1], '<=', 12000,
    'EventStreamRetrySpread 300 raises retry: to four times at most';
cmp_ok $spread[-1] - $spread[0], '>', 2000,
    'EventStreamRetrySpread: clients get different values';

# ---- Events ----------------------------------------------------------------

sub raw_of
{
    my ($data, %options) = @_;
    publish($httpd, 'news', $data, %options)->{status} == 200 or return;
    my $event = $sse->next_event(5) or return;
    return $event->{raw};
}

like raw_of('hello'), qr/\Aid: $id\ndata: hello\n\z/,
    'an event of the default type has no event line';
like raw_of('hello', event => 'greet'),
    qr/\Aevent: greet\nid: $id\ndata: hello\n\z/,
    'the order is event, id, data';
like raw_of('x', event => 'e', retry => 1234, text => 1),
    qr/\Aevent: e\nid: $id\ndata: x\nretry: 1234\n\z/, 'retry follows data';
like raw_of('x', id => 'my own'), qr/\Aid: my own\ndata: x\n\z/,
    "the publisher's id is sent as it is";
like raw_of("a\nb"), qr/\ndata: a\ndata: b\n\z/, 'data is split at LF';
like raw_of("a\rb"), qr/\ndata: a\ndata: b\n\z/, 'CR in data ends a line';
like raw_of("a\r\nb"), qr/\ndata: a\ndata: b\n\z/, 'CR LF in data ends a line';
like raw_of("a\n\rb"), qr/\ndata: a\ndata: \ndata: b\n\z/,
    'LF CR in data ends two lines';
like raw_of("\n"), qr/\ndata: \ndata: \n\z/,
    'data of a line end is two empty lines';
like raw_of("a\n"), qr/\ndata: a\ndata: \n\z/,
    'a line end at the end of data is kept';
like raw_of(''), qr/\Aid: $id\ndata: \n\z/,
    'empty data is sent as an empty data line';
like raw_of(': x'), qr/\ndata: : x\n\z/,
    'data that looks like a comment is sent as data';
like raw_of(' x '), qr/\ndata:  x \n\z/, 'blanks around data are kept';
is publish($httpd, 'other', 'x')->{status}, 200,
    'an event is published to another channel';
like raw_of('y'), qr/\ndata: y\n\z/, 'the client does not receive it';

my @ids = map { publish($httpd, 'news', $_)->{json}{id} } 1 .. 5;
my @events = $sse->events(5, 5);
is join(' ', map { $_->{data} } @events), '1 2 3 4 5', 'events arrive in order';
is join(' ', map { $_->{id} } @events), "@ids",
    'events have the ids that the publisher was answered';
is_deeply [sort { order($a) cmp order($b) } @ids], \@ids, 'ids rise';
cmp_ok order($open->{id}), 'lt', order($ids[0]),
    'the id of stream-open is below that of the next event';

sub order
{
    my ($text) = @_;
    return sprintf '%020d-%020d', split /-/, $text;
}

# ---- Several channels ------------------------------------------------------

my $two = ask('/events/two');
$two->next_event(5);
is publish($httpd, 'one', 'a')->{json}{clients}, 1,
    'the answer counts one client';
publish($httpd, 'two', 'b');
is join(' ', map { $_->{data} } $two->events(2, 5)), 'a b',
    'a client of two channels receives both';
$answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => '[{"channel": ["one", "two"], "text": "both"},
        {"channel": "one", "text": "then"}]');
is $answer->{status}, 200, 'an event is published to two channels';
is join(' ', map { $_->{data} } $two->events(2, 5)), 'both then',
    'a client of both receives it once';

# ---- Framing ---------------------------------------------------------------

# All chunks of the wire. None if one of them is not framed exactly.
sub chunks
{
    my ($wire) = @_;
    my @chunks;
    $wire =~ s/\A.*?\r\n\r\n//s;
    while ($wire =~ s/\A([0-9a-fA-F]+)\r\n//) {
        my $size = hex $1;
        return if $size == 0 || length $wire < $size + 2;
        push @chunks, substr $wire, 0, $size, '';
        return if $wire !~ s/\A\r\n//;
    }
    return $wire eq '' ? @chunks : ();
}

my @chunks = chunks($sse->wire);
cmp_ok scalar @chunks, '>', 10, 'each chunk is framed exactly';
is join('', @chunks), $sse->bytes, 'the chunks hold the stream';
my $big = 'x' x 65000;
raw_of($big);
is join('', chunks($sse->wire)), $sse->bytes,
    'a large event is framed exactly, too';
like $sse->bytes, qr/\ndata: $big\n\n\z/, 'a large event arrives whole';

my $old = subscribe($httpd, '/events', version => '1.0');
is $old->status, 200, 'HTTP/1.0 is answered with 200';
is $old->header('transfer-encoding'), undef, 'HTTP/1.0: no chunks';
is $old->header('content-length'), undef, 'HTTP/1.0: no Content-Length';
$old->next_event(5);
publish($httpd, 'news', 'plain');
$old->next_event(5);
like $old->bytes, qr/\A
    event:\ stream-open\nid:\ $id\ndata:\ \nretry:\ 3000\n\n
    id:\ $id\ndata:\ plain\n\n\z/x, 'HTTP/1.0: the body is the bare stream';
$old = subscribe($httpd, '/events', version => '1.0',
    headers => ['Connection: keep-alive']);
is $old->header('transfer-encoding'), undef,
    'HTTP/1.0 with keep-alive: no chunks';
is $old->next_event(5)->{event}, 'stream-open',
    'HTTP/1.0 with keep-alive: the stream opens';
my $closing = ask('/events', 'Connection: close');
is $closing->status, 200, 'Connection: close is answered with 200';
is $closing->next_event(5)->{event}, 'stream-open',
    'Connection: close: the stream opens';

# A client that believes in keep-alive would send its next request on the dead
# connection (the agents of Node).
my $agent = ask('/events/query?c=ends', 'Connection: keep-alive');
is $agent->header('connection'), 'close',
    'asked for keep-alive: the connection ends with the stream';
is $agent->header('keep-alive'), undef, 'asked for keep-alive: no Keep-Alive';
is $agent->header('transfer-encoding'), 'chunked',
    'asked for keep-alive: the stream is chunked';
is $agent->next_event(5)->{event}, 'stream-open',
    'asked for keep-alive: the stream opens';
is request($httpd, 'DELETE', '/publish?channel=ends&for=0')->{status}, 200,
    'its channel is closed';
ok $agent->is_ended(5), 'its stream ends with the last chunk';
ok $agent->is_closed(5), 'its connection ends with it';
like $agent->bytes, qr/\n\nretry: \d+\n\z/, 'it ends with a retry';
is_deeply [empty_blocks($agent)], [], 'nothing but retry: at its end';

# ---- Keep-alive ------------------------------------------------------------

my $often = ask('/events/often');
my $comment = ask('/events/comment');
my $silent = ask('/events/silent');
is $often->header('content-type'), 'text/event-stream; charset=utf-8',
    'AddDefaultCharset does not change the type';
$_->next_event(5) for $often, $comment, $silent;
is $often->next_event(10)->{raw}, "event: keep-alive\ndata: \n",
    'EventStreamKeepAlive 1 sends an event after a second';
is $often->next_event(10)->{event}, 'keep-alive', 'another one follows';
$comment->fill(3) while !$comment->comments && $comment->is_open
    && !$comment->next_event(0.2) && !$comment->comments;
is +($comment->comments)[0], ' keep-alive',
    'EventStreamKeepAliveForm comment sends a comment';
is_deeply [empty_blocks($comment)], [], 'no blank line after the comment';
is $silent->next_event(0), undef, 'EventStreamKeepAlive 0 sends none';

# ---- Pages of other sites --------------------------------------------------

my $page = ask('/events/query?c=a', 'Origin: https://app.example');
is $page->header('access-control-allow-origin'), 'https://app.example',
    'a listed origin is answered with its CORS header';
is $page->header('vary'), 'Origin', 'Vary: Origin goes with it';
is ask('/events', 'Origin: https://app.example')
    ->header('access-control-allow-origin'), undef,
    'no CORS header without EventStreamAllowOrigin';
is ask('/events/query', 'Origin: https://app.example')
    ->header('access-control-allow-origin'), 'https://app.example',
    'an error has the CORS header, too';

# ---- The log ---------------------------------------------------------------

like $httpd->access_log, qr{"GET /events HTTP/1\.1" 200 },
    'the access log has the request';
unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'the error log has no error';

done_testing;
