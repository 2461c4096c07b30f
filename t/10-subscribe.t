#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Subscribing: who is refused and how, the head, and what the stream holds,
# byte by byte.

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
    EventStreamKeepAlive 1
    EventStreamRetry 250ms
</Location>
<Location "/events/comment">
    EventStreamKeepAlive 500ms
    EventStreamKeepAliveForm comment
    EventStreamRetry 0
</Location>
<Location "/events/silent">
    EventStreamKeepAlive 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

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
    is $answer->{status}, 405, "$method is refused";
    is $answer->{headers}{allow}, 'GET, HEAD, OPTIONS', "... with Allow";
    is $answer->{body}, "Method not allowed: $method.\n", '... and a sentence';
}
my $answer = request($httpd, 'OPTIONS', '/events');
is $answer->{status}, 204, 'OPTIONS is answered';
is $answer->{headers}{allow}, 'GET, HEAD, OPTIONS', '... with Allow';
is $answer->{body}, '', '... and no body';

# ---- Accept ----------------------------------------------------------------

my @accepted = (
    'text/event-stream', '*/*', 'text/*', 'TEXT/Event-Stream',
    'text/html, text/event-stream', 'text/html;q=0.9, */*;q=0.1',
    'text/event-stream;q=0.001', '*/*;q=0, text/event-stream',
    'text/*;q=0, text/event-stream;q=0.5', '*/*;q=0, text/*',
    'text/html,*/*;q=0.8', 'text/event-stream; charset=utf-8',
);
is status('/events', "Accept: $_"), 200, "accepted: $_" for @accepted;
is status('/events'), 200, 'accepted: no Accept at all';
my @excluded = (
    'text/html', 'application/json', 'text/event-stream;q=0', '*/*;q=0',
    'text/event-stream;q=0, */*', 'text/event-stream;q=0.000, text/*',
    'text/*;q=0, */*;q=1', 'text/event', 'text/html;q=1, image/*',
);
is refusal('/events', "Accept: $_"), "406 Not Acceptable.\n", "excluded: $_"
    for @excluded;
is status('/events', 'Accept: text/html', 'Accept: text/event-stream'), 200,
    'two Accept headers are one list';

# ---- Refusals in their order -----------------------------------------------

is refusal('/events', 'Last-Event-ID: error'),
    "400 last-event-id header may not be 'error'.\n", 'Last-Event-ID: error';
is refusal('/events', 'Last-Event-ID: error', 'Accept: image/png'),
    "406 Not Acceptable.\n", 'Accept is looked at before Last-Event-ID';
is refusal('/events/none', 'Last-Event-ID: error'),
    "400 last-event-id header may not be 'error'.\n",
    'Last-Event-ID is looked at before channels';
is request($httpd, 'POST', '/events/none', headers => ['Accept: a/b'])
    ->{status}, 405, 'the method is looked at first';
is refusal('/events/none'), "400 No specified channels.\n", 'no channel';
is refusal('/events/none?c=%20%09'), "400 No specified channels.\n",
    'no channel after trimming';
is refusal('/events/query?c=' . 'x' x 256), '400 The channel name \''
    . 'x' x 64 . "...' has more than 255 bytes.\n", 'a name too long is named';
is status('/events/query?c=' . 'x' x 255), 200, 'one of 255 bytes is not';
is refusal('/events/query?c=a%07b'),
    "400 The channel name 'a?b' has a control character at byte 2.\n",
    'a control character';
is refusal('/events/query?c=%00'),
    "400 The channel name '?' has a control character at byte 1.\n", 'a NUL';
is refusal('/events/query?c=a%0Ab'),
    "400 The channel name 'a?b' has a control character at byte 2.\n",
    'a line end';
is refusal('/events/query?c=%ff'),
    "400 The channel name '?' is not valid UTF-8 at byte 1.\n", 'no UTF-8';
is refusal('/events/query?c=1&c=2&c=3&c=4'),
    "400 Too many channels: at most 3 for a client.\n", 'too many channels';
is status('/events/query?c=1&c=2&c=3'), 200, 'as many as allowed';
is status('/events/query?c=1&c=2&c=3&c=1'), 200, 'the same again is not more';
is refusal('/events/allowed?c=kitchen'),
    "403 Channel not allowed: kitchen.\n", 'a channel that is not allowed';
is refusal('/events/allowed?c=room-1&c=kitchen'),
    "403 Channel not allowed: kitchen.\n", 'one of two that is not';
is status('/events/allowed?c=room-1&c=lobby'), 200, 'allowed ones';
is refusal('/events/path/a/b'), "404 Not found.\n", 'another path';

my $refused = get($httpd, '/events', 'Accept: image/png');
like $refused->{headers}{'content-type'}, qr{^text/plain}, 'plain text';
is $refused->{headers}{'content-length'}, length $refused->{body},
    'with its length';
is get($httpd, '/nowhere')->{body}, "a nicer page\n",
    'ErrorDocument is there for others';

# ---- The head --------------------------------------------------------------

my $sse = ask('/events');
is $sse->proto, 'HTTP/1.1', 'HTTP/1.1';
is $sse->status, 200, 'status 200';
is $sse->header('content-type'), 'text/event-stream', 'its type';
is $sse->header('cache-control'), 'no-cache, no-store', 'is never stored';
is $sse->header('x-accel-buffering'), 'no', 'nor held back by nginx';
is $sse->header('transfer-encoding'), 'chunked', 'chunked';
is join(' ', sort keys %{$sse->headers}), 'cache-control content-type date '
    . 'server transfer-encoding x-accel-buffering', 'no other header';

for my $header ('Range: bytes=0-3', 'If-None-Match: *',
    'If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT', 'If-Match: "x"',
    'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT') {
    my $other = ask('/events', $header);
    is $other->status, 200, "ignored: $header";
    is $other->next_event(5)->{event}, 'stream-open', '... the whole stream';
}

my $head = subscribe($httpd, '/events', method => 'HEAD');
$head->{headers}{date} = $sse->{headers}{date};
is $head->status, 200, 'HEAD';
is_deeply [map { "$_: " . $head->header($_) } grep { !/transfer/ }
        sort keys %{$head->headers}],
    [map { "$_: " . $sse->header($_) } grep { !/transfer/ }
        sort keys %{$sse->headers}], 'HEAD has the same head';
$head->send("GET /error.html HTTP/1.0\r\n\r\n");
$head->is_ended(5);
$head->fill(5);
like $head->{rest}, qr{\AHTTP/1\.1 200}, 'HEAD ends with the head';
is subscribe($httpd, '/events', method => 'HEAD',
    headers => ['Accept: image/png'])->status, 406, 'HEAD is checked, too';

# ---- The start of the stream -----------------------------------------------

my $open = $sse->next_event(5);
my $id = qr/\d{13}-\d+/;
like $sse->bytes,
    qr/\Aretry: 3000\n\nevent: stream-open\nid: $id\ndata: \n\n\z/,
    'retry, then stream-open with an id';
is $open->{data}, '', 'it has no data';
like ask('/events/often')->next_event(5)->{id}, qr/^$id$/, 'everywhere';
is do { my $c = ask('/events/often'); $c->next_event(5); $c->retry }, 250,
    'EventStreamRetry 250ms';
is do { my $c = ask('/events/comment'); $c->next_event(5); $c->retry }, 0,
    'EventStreamRetry 0 is said too';

# ---- Events ----------------------------------------------------------------

sub raw_of
{
    my ($data, %options) = @_;
    publish($httpd, 'news', $data, %options)->{status} == 200 or return;
    my $event = $sse->next_event(5) or return;
    return $event->{raw};
}

like raw_of('hello'), qr/\Aid: $id\ndata: hello\n\z/,
    'the default type has no event line';
like raw_of('hello', event => 'greet'),
    qr/\Aevent: greet\nid: $id\ndata: hello\n\z/, 'event, id, data';
like raw_of('x', event => 'e', retry => 1234, text => 1),
    qr/\Aevent: e\nid: $id\ndata: x\nretry: 1234\n\z/, 'and retry';
like raw_of('x', id => 'my own'), qr/\Aid: my own\ndata: x\n\z/,
    "a publisher's id";
like raw_of("a\nb"), qr/\ndata: a\ndata: b\n\z/, 'data is split at LF';
like raw_of("a\rb"), qr/\ndata: a\ndata: b\n\z/, 'at CR';
like raw_of("a\r\nb"), qr/\ndata: a\ndata: b\n\z/, 'at CR LF';
like raw_of("a\n\rb"), qr/\ndata: a\ndata: \ndata: b\n\z/, 'LF CR is two';
like raw_of("\n"), qr/\ndata: \ndata: \n\z/, 'a line end is two empty lines';
like raw_of("a\n"), qr/\ndata: a\ndata: \n\z/, 'one at the end stays';
like raw_of(''), qr/\Aid: $id\ndata: \n\z/, 'empty data';
like raw_of(': x'), qr/\ndata: : x\n\z/, 'data like a comment';
like raw_of(' x '), qr/\ndata:  x \n\z/, 'blanks stay';
is publish($httpd, 'other', 'x')->{status}, 200, 'another channel';
like raw_of('y'), qr/\ndata: y\n\z/, 'is not received';

my @ids = map { publish($httpd, 'news', $_)->{json}{id} } 1 .. 5;
my @events = $sse->events(5, 5);
is join(' ', map { $_->{data} } @events), '1 2 3 4 5', 'in order';
is join(' ', map { $_->{id} } @events), "@ids", 'the ids the publisher got';
is_deeply [sort { order($a) cmp order($b) } @ids], \@ids, 'ids rise';
cmp_ok order($open->{id}), 'lt', order($ids[0]), 'from that of stream-open on';

sub order
{
    my ($text) = @_;
    return sprintf '%020d-%020d', split /-/, $text;
}

# ---- Several channels ------------------------------------------------------

my $two = ask('/events/two');
$two->next_event(5);
is publish($httpd, 'one', 'a')->{json}{clients}, 1, 'one client hears it';
publish($httpd, 'two', 'b');
is join(' ', map { $_->{data} } $two->events(2, 5)), 'a b',
    'two channels on one connection';
$answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => '[{"channel": ["one", "two"], "text": "both"},
        {"channel": "one", "text": "then"}]');
is $answer->{status}, 200, 'an event for both';
is join(' ', map { $_->{data} } $two->events(2, 5)), 'both then',
    'comes once';

# ---- Framing ---------------------------------------------------------------

# All chunks of the wire: each must be framed exactly.
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
is join('', @chunks), $sse->bytes, 'they hold the stream';
my $big = 'x' x 65000;
raw_of($big);
is join('', chunks($sse->wire)), $sse->bytes, 'a large event, too';
like $sse->bytes, qr/\ndata: $big\n\n\z/, 'which is whole';

my $old = subscribe($httpd, '/events', version => '1.0');
is $old->status, 200, 'HTTP/1.0';
is $old->header('transfer-encoding'), undef, 'has no chunks';
is $old->header('content-length'), undef, 'and no length';
$old->next_event(5);
publish($httpd, 'news', 'plain');
$old->next_event(5);
like $old->bytes, qr/\Aretry:\ 3000\n\n
    event:\ stream-open\nid:\ $id\ndata:\ \n\n
    id:\ $id\ndata:\ plain\n\n\z/x, 'its body is the stream as it is';
$old = subscribe($httpd, '/events', version => '1.0',
    headers => ['Connection: keep-alive']);
is $old->header('transfer-encoding'), undef, 'nor with keep-alive';
is $old->next_event(5)->{event}, 'stream-open', 'it opens';
my $closing = ask('/events', 'Connection: close');
is $closing->status, 200, 'Connection: close';
is $closing->next_event(5)->{event}, 'stream-open', 'streams all the same';

# ---- Keep-alive ------------------------------------------------------------

my $often = ask('/events/often');
my $comment = ask('/events/comment');
my $silent = ask('/events/silent');
$_->next_event(5) for $often, $comment, $silent;
is $often->next_event(3)->{raw}, "event: keep-alive\ndata: \n",
    'EventStreamKeepAlive 1: an event';
is $often->next_event(3)->{event}, 'keep-alive', 'and again';
$comment->fill(3) while !$comment->comments && $comment->is_open
    && !$comment->next_event(0.2) && !$comment->comments;
is +($comment->comments)[0], ' keep-alive', 'a comment, by directive';
is $silent->next_event(0), undef, 'none where it is 0';

# ---- Pages of other sites --------------------------------------------------

my $page = ask('/events/query?c=a', 'Origin: https://app.example');
is $page->header('access-control-allow-origin'), 'https://app.example',
    'CORS where it is set';
is $page->header('vary'), 'Origin', 'with Vary';
is ask('/events', 'Origin: https://app.example')
    ->header('access-control-allow-origin'), undef, 'and not elsewhere';
is ask('/events/query', 'Origin: https://app.example')
    ->header('access-control-allow-origin'), 'https://app.example',
    'on an error, too';

# ---- The log ---------------------------------------------------------------

like $httpd->access_log, qr{"GET /events HTTP/1\.1" 200 }, 'it is logged';
unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'no error in the log';

done_testing;
