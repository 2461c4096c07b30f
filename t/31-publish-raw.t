#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing data as it is, with presets in the query; and how a body of any
# type is read: lengths, chunks, codings, 100 Continue, what follows it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Compress::Zlib ();

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => [qw(deflate filter reqtimeout)], conf => <<'CONF');
RequestReadTimeout body=2
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<LocationMatch "^/(publish|inflate|limited)$">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/inflate">
    SetInputFilter DEFLATE
    EventStreamMaxBody 1000
</Location>
<Location "/limited">
    LimitRequestBody 100
</Location>
CONF

my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream is open';

sub post
{
    my ($body, @headers) = @_;
    return request($httpd, 'POST', '/publish?channel=a', body => $body,
        headers => \@headers);
}

# Raw bytes, all answers that come back until the connection ends.
sub talk
{
    my (@parts) = @_;
    my $client = EventStream::Client->connect($httpd->port);
    $client->{method} = 'POST';
    for my $part (@parts) {
        $client->send($part);
        $client->fill(5) if @parts > 1 && $part ne $parts[-1];
    }
    1 while $client->fill(5);
    return $client->wire;
}

sub statuses
{
    my ($wire) = @_;
    return join ' ', $wire =~ m{^HTTP/1\.1 (\d+)}mg;
}

sub head
{
    my ($path, @headers) = @_;
    return join "\r\n", "POST $path HTTP/1.1", 'Host: localhost', @headers,
        '', '';
}

# ---- Data ------------------------------------------------------------------

my $answer = post('hello');
is $answer->{status}, 200, 'without a type';
like $answer->{body}, qr/\A\{"published": 1, "id": "\d+-\d+", "clients": 1\}\n/,
    'the answer';
is $sse->next_event(5)->{data}, 'hello', 'the body is the data';
post("one\r\ntwo\rthree\n", 'Content-Type: text/plain');
is $sse->next_event(5)->{data}, "one\ntwo\nthree\n", 'lines';
post('{"channel":"b"}', 'Content-Type: application/vnd.x+json');
is $sse->next_event(5)->{data}, '{"channel":"b"}', 'any other type';
post('');
is $sse->next_event(5)->{data}, '', 'nothing';
publish($httpd, 'a', 'x', event => 'order', id => 'o-1');
my $event = $sse->next_event(5);
is "$event->{event} $event->{id}", 'order o-1', 'event and id in the query';
is publish($httpd, 'a', 'x' x 65536)->{status}, 200, '64 KB';
is length $sse->next_event(5)->{data}, 65536, 'arrive';
is publish($httpd, 'a', 'x' x 65537)->{status}, 413, '64 KB and 1';

my @bad = (
    ['/publish?channel=a&event=x%0Ay', 'a line end in event'],
    ['/publish?channel=a&id=x%0Dy', 'a line end in id'],
    ['/publish?channel=a&id=x%00y', 'NUL in id'],
    ['/publish?channel=a&id=1-1', 'an id of our form'],
    ['/publish?channel=a&event=%FF', 'bad UTF-8 in event'],
    ['/publish?channel=%FF', 'bad UTF-8 in channel'],
    ['/publish?channel=', 'an empty channel'],
    ['/publish?channel=' . 'x' x 4000, 'a long channel'],
    ['/publish', 'no channel'],
);
for my $case (@bad) {
    $answer = request($httpd, 'POST', $case->[0], body => 'bad');
    is $answer->{status}, 400, $case->[1];
}
like $answer->{body}, qr/query has no 'channel'/, 'which is said';
is post("bad \xff")->{status}, 400, 'bad UTF-8';

# ---- A form ----------------------------------------------------------------

my $form = 'Content-Type: application/x-www-form-urlencoded';
is request($httpd, 'POST', '/publish', headers => [$form],
    body => 'topic=a&type=order&data=one+%26%0Atwo')->{status}, 200, 'a form';
$event = $sse->next_event(5);
is $event->{data}, "one &\ntwo", 'its data is decoded';
is $event->{event}, 'order', 'and its type';
$answer = request($httpd, 'POST', '/publish', headers => [$form],
    body => 'data=bad');
is $answer->{status}, 400, 'a form without channel';
like $answer->{body}, qr/'channel' or 'topic'/, 'is told what it lacks';

# ---- How a body comes ------------------------------------------------------

is request($httpd, 'POST', '', raw => head('/publish?channel=a',
    'Transfer-Encoding: chunked', 'Connection: close')
    . "3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n")->{status}, 200, 'chunked';
is $sse->next_event(5)->{data}, 'chunked', 'is put together';
like talk(head('/publish?channel=a', 'Transfer-Encoding: chunked')
    . "3\r\nbad\r\nzz\r\n"), qr/^HTTP\/1.1 400/, 'a broken chunk';

my $big = 'x' x 1048577;
is post($big)->{status}, 413, '1 MB and 1';
like talk(head('/publish?channel=a', 'Transfer-Encoding: chunked')
    . sprintf("%x\r\n", length $big) . "$big\r\n0\r\n\r\n"),
    qr/^HTTP\/1.1 413.*EventStreamMaxBody/s, '1 MB and 1, chunked';
$answer = request($httpd, 'POST', '/limited?channel=a', body => 'x' x 101);
is $answer->{status}, 413, 'LimitRequestBody';

for my $length (10, 100000) {
    my $client = EventStream::Client->connect($httpd->port);
    $client->send(head('/publish?channel=a', "Content-Length: $length")
        . 'bad');
    shutdown $client->socket, 1;
    1 while $client->fill(5);
    like $client->wire, qr/\A(HTTP\/1.1 400.*too early.*)?\z/s,
        "a body shorter than $length";
}
like talk(head('/publish?channel=a', 'Content-Length: 10') . 'slow'),
    qr/^HTTP\/1.1 408/, 'a body that does not come';

my $zipped = Compress::Zlib::memGzip('zipped');
is post($zipped, 'Content-Encoding: gzip')->{status}, 415, 'gzip';
is request($httpd, 'POST', '/inflate?channel=a', body => $zipped,
    headers => ['Content-Encoding: gzip'])->{status}, 200,
    'with a filter that undoes it';
is $sse->next_event(5)->{data}, 'zipped', 'it is undone';
is request($httpd, 'POST', '/inflate?channel=a',
    body => Compress::Zlib::memGzip('x' x 1001),
    headers => ['Content-Encoding: gzip'])->{status}, 413,
    'the limit is for what comes out';
is post('as it is', 'Content-Encoding: identity')->{status}, 200, 'identity';
is $sse->next_event(5)->{data}, 'as it is', 'is none';

# ---- 100 Continue and what follows -----------------------------------------

my @wait = ('Expect: 100-continue', 'Connection: close');
is statuses(talk(head('/publish?channel=a', @wait, 'Content-Length: 4'),
    'cont')), '100 200', '100 Continue';
is $sse->next_event(5)->{data}, 'cont', 'then the body';
is statuses(talk(head('/publish?channel=a', @wait, 'Content-Length: 9999999'))),
    '413', 'too large: told before the body is sent';
my $foreign = 'Origin: http://elsewhere.example';
is statuses(talk(head('/publish?channel=a', @wait, 'Content-Length: 4',
    $foreign))), '403', 'also who may not publish';

my $next = "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
is statuses(talk(head('/publish?channel=a', 'Content-Length: 4')
    . "keep$next")), '200 404', 'the connection serves the next request';
is $sse->next_event(5)->{data}, 'keep', 'after a publication';
is statuses(talk(head('/publish', 'Content-Length: 3') . "bad$next")),
    '400', 'a bad request ends the connection, as httpd has it';
is statuses(talk(head('/publish?channel=a', 'Content-Length: 3', $foreign)
    . "bad$next")), '403 404',
    'a small body that was not read is read away';
is statuses(talk(head('/publish?channel=a', 'Content-Length: 70000',
    $foreign) . 'x' x 70000 . $next)), '403',
    'a large one ends the connection';
is statuses(talk("GET /publish?channel=a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 3\r\n\r\nbad$next")), '200 404', 'GET with a body';

for my $method (qw(PATCH TRACK MKCOL)) {
    $answer = request($httpd, $method, '/publish?channel=a');
    is $answer->{status}, 405, "$method: not allowed";
    is $answer->{headers}{allow}, 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
        "$method: Allow";
}

post('last');
is $sse->next_event(5)->{data}, 'last', 'nothing refused was published';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
