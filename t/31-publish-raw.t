#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing data as it is, with presets in the query; and how a body of any
# type is read: lengths, chunks, codings, 100 Continue, and what follows it.

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
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

sub post
{
    my ($body, @headers) = @_;
    return request($httpd, 'POST', '/publish?channel=a', body => $body,
        headers => \@headers);
}

# Sends raw bytes and returns all answers up to the end of the connection.
sub answers
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
is $answer->{status}, 200, 'a body without Content-Type gets 200';
like $answer->{body}, qr/\A\{"published": 1, "id": "\d+-\d+", "clients": 1\}\n/,
    'the answer has the count, the id and the clients';
is $sse->next_event(5)->{data}, 'hello', 'the body is sent as data';
post("one\r\ntwo\rthree\n", 'Content-Type: text/plain');
is $sse->next_event(5)->{data}, "one\ntwo\nthree\n",
    'lines of the body are lines of data';
post('{"channel":"b"}', 'Content-Type: application/vnd.x+json');
is $sse->next_event(5)->{data}, '{"channel":"b"}',
    'a body of an unknown type is sent as data';
post('');
is $sse->next_event(5)->{data}, '', 'an empty body is empty data';
for my $type ('text/plain; charset=ISO-8859-1',
    'application/x-www-form-urlencoded; charset=latin1')
{
    $answer = post("data=\xc3\xa9", "Content-Type: $type");
    is $answer->{status}, 415, "a body that is not in UTF-8 gets 415: $type";
    like $answer->{body}, qr/send it in UTF-8/, 'and the sentence says why';
    is post('data=hi', "Content-Type: $type")->{status}, 200,
        'one in ASCII gets 200';
    like $sse->next_event(5)->{data}, qr/hi\z/, 'it arrives';
}
publish($httpd, 'a', 'x', event => 'order', id => 'o-1');
my $event = $sse->next_event(5);
is "$event->{event} $event->{id}", 'order o-1',
    'event and id may be in the query';
is publish($httpd, 'a', 'x' x 65536)->{status}, 200, '64 KB of data get 200';
is length $sse->next_event(5)->{data}, 65536, '64 KB of data arrive';
is publish($httpd, 'a', 'x' x 65537)->{status}, 413,
    '64 KB and 1 byte of data get 413';

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
like $answer->{body}, qr/query has no 'channel'/,
    'the answer says that the query has no channel';
is post("bad \xff")->{status}, 400, 'a body that is not UTF-8 gets 400';

# ---- A form ----------------------------------------------------------------

my $form = 'Content-Type: application/x-www-form-urlencoded';
is request($httpd, 'POST', '/publish', headers => [$form],
    body => 'topic=a&type=order&data=one+%26%0Atwo')->{status}, 200,
    'a form gets 200';
$event = $sse->next_event(5);
is $event->{data}, "one &\ntwo", 'data of a form is decoded';
is $event->{event}, 'order', 'type of a form is the type of the event';
request($httpd, 'POST', '/publish', headers => [$form],
    body => "\xef\xbb\xbfdata=marked&channel=a");
is $sse->next_event(5)->{data}, 'marked',
    'a byte order mark before a form is skipped';
post("\xef\xbb\xbftext", 'Content-Type: text/plain');
is $sse->next_event(5)->{data}, "\xef\xbb\xbftext",
    'a byte order mark in raw data is data';
$answer = request($httpd, 'POST', '/publish', headers => [$form],
    body => 'data=bad');
is $answer->{status}, 400, 'a form without channel gets 400';
like $answer->{body}, qr/'channel' or 'topic'/,
    'the answer names what the form lacks';

# curl -d sends any text as a form.
for my $text ('lost', 'message=lost', '"lost"', 'channel=a&event=e&text=lost') {
    $answer = post($text, $form);
    is $answer->{status}, 400, "the form $text gets 400";
    like $answer->{body}, qr/No data: .*\blost\b|'(message|text)'/,
        "the form $text: the answer has its fields";
    like $answer->{body}, qr{text/plain}, "the form $text: and a remedy";
}
for my $empty ('data=', 'event=refresh', 'retry=5') {
    is post($empty, $form)->{status}, 200, "the form $empty gets 200";
    is $sse->next_event(5)->{data}, '', "the form $empty has empty data";
}
is request($httpd, 'POST', '/publish?channel=a&event=refresh',
    headers => [$form], body => '')->{status}, 200,
    'an empty form gets 200 where the query has the event';
is $sse->next_event(5)->{event}, 'refresh', 'the event of the query arrives';

# ---- A multipart form ------------------------------------------------------

sub part
{
    my ($name, $value, $more) = @_;
    return "--XX\r\nContent-Disposition: form-data; name=\"$name\"$more\r\n"
        . "\r\n$value\r\n";
}

my $multipart = 'Content-Type: multipart/form-data; boundary=XX';
$answer = request($httpd, 'POST', '/publish', headers => [$multipart],
    body => part('channel', 'a', '') . part('event', 'note', '')
        . part('data', "{salt} & 100%\r\n+pepper\xe2\x82\xac", '; filename="f"')
        . "--XX--\r\n");
is $answer->{status}, 200, 'a multipart form gets 200';
$event = $sse->next_event(5);
is $event->{event}, 'note', 'the multipart form has its event';
is $event->{data}, "{salt} & 100%\n+pepper\xe2\x82\xac", '... and its data';
for (
    [part('data', 'lost', ''), 400, qr/part 1: it has no boundary/],
    ['lost', 400, qr/boundary/],
    [part('message', 'lost', '') . '--XX--', 400, qr/No data: .*'message'/],
    [part('data', "lost\xff", '') . '--XX--', 400, qr/UTF-8/],
    [part('data', 'x' x 65537, '') . '--XX--', 413, qr/'data'/],
    [part('data', 'x' x 1048577, '') . '--XX--', 413, qr/EventStreamMaxBody/],
) {
    my ($body, $status, $words) = @$_;
    $answer = post($body, $multipart);
    is $answer->{status}, $status, "a bad multipart form gets $status";
    like $answer->{body}, $words, "... and the reason, $words";
}
$answer = post(part('data', 'lost', '') . '--XX--',
    'Content-Type: multipart/form-data');
is $answer->{status}, 400, 'a multipart form without boundary gets 400';

# ---- Types that are no data ------------------------------------------------

for my $type ('multipart/mixed; boundary=XX', 'multipart/related') {
    $answer = post("--XX\r\n\r\nlost\r\n--XX--\r\n", "Content-Type: $type");
    is $answer->{status}, 415, "$type gets 415";
    like $answer->{body}, qr/multipart.*form-data/,
        "$type: the answer has a remedy";
}

# ---- How a body comes ------------------------------------------------------

is request($httpd, 'POST', '', raw => head('/publish?channel=a',
    'Transfer-Encoding: chunked', 'Connection: close')
    . "3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n")->{status}, 200,
    'a chunked body gets 200';
is $sse->next_event(5)->{data}, 'chunked', 'chunks are joined';
like answers(head('/publish?channel=a', 'Transfer-Encoding: chunked')
    . "3\r\nbad\r\nzz\r\n"), qr/^HTTP\/1.1 400/, 'a broken chunk gets 400';

my $big = 'x' x 1048577;
is post($big)->{status}, 413, 'a body of 1 MB and 1 byte gets 413';
like answers(head('/publish?channel=a', 'Transfer-Encoding: chunked')
    . sprintf("%x\r\n", length $big) . "$big\r\n0\r\n\r\n"),
    qr/^HTTP\/1.1 413.*EventStreamMaxBody/s,
    'a chunked body of 1 MB and 1 byte gets 413';
$answer = request($httpd, 'POST', '/limited?channel=a', body => 'x' x 101);
is $answer->{status}, 413, 'a body above LimitRequestBody gets 413';

for my $length (10, 100000) {
    my $client = EventStream::Client->connect($httpd->port);
    $client->send(head('/publish?channel=a', "Content-Length: $length")
        . 'bad');
    shutdown $client->socket, 1;
    1 while $client->fill(5);
    like $client->wire, qr/\A(HTTP\/1.1 400.*too early.*)?\z/s,
        "a body shorter than its length of $length gets 400 or nothing";
}
like answers(head('/publish?channel=a', 'Content-Length: 10') . 'slow'),
    qr/^HTTP\/1.1 408/, 'a body that does not arrive gets 408';

my $zipped = Compress::Zlib::memGzip('zipped');
is post($zipped, 'Content-Encoding: gzip')->{status}, 415,
    'a body in gzip gets 415';
is request($httpd, 'POST', '/inflate?channel=a', body => $zipped,
    headers => ['Content-Encoding: gzip'])->{status}, 200,
    'a body in gzip gets 200 where a filter decodes it';
is $sse->next_event(5)->{data}, 'zipped', 'the decoded body is sent';
is request($httpd, 'POST', '/inflate?channel=a',
    body => Compress::Zlib::memGzip('x' x 1001),
    headers => ['Content-Encoding: gzip'])->{status}, 413,
    'EventStreamMaxBody limits the decoded body';
is post('as it is', 'Content-Encoding: identity')->{status}, 200,
    'Content-Encoding: identity gets 200';
is $sse->next_event(5)->{data}, 'as it is',
    'a body in identity is sent as it is';

# ---- 100 Continue and what follows -----------------------------------------

my @wait = ('Expect: 100-continue', 'Connection: close');
is statuses(answers(head('/publish?channel=a', @wait, 'Content-Length: 4'),
    'cont')), '100 200', '100 Continue comes before the body is sent';
is $sse->next_event(5)->{data}, 'cont', 'the body is read after 100 Continue';
is statuses(answers(head('/publish?channel=a', @wait,
    'Content-Length: 9999999'))),
    '413', 'a body that is too large gets 413 before it is sent';
my $foreign = 'Origin: http://elsewhere.example';
is statuses(answers(head('/publish?channel=a', @wait, 'Content-Length: 4',
    $foreign))), '403',
    'a publisher that is not allowed gets 403 before it sends the body';

my $next = "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
is statuses(answers(head('/publish?channel=a', 'Content-Length: 4')
    . "keep$next")), '200 404',
    'the connection serves the next request after a publication';
is $sse->next_event(5)->{data}, 'keep', 'that publication arrives';
is statuses(answers(head('/publish', 'Content-Length: 3') . "bad$next")),
    '400', 'a 400 ends the connection, as in httpd';
is statuses(answers(head('/publish?channel=a', 'Content-Length: 3', $foreign)
    . "bad$next")), '403 404',
    'the rest of a small body is discarded';
is statuses(answers(head('/publish?channel=a', 'Content-Length: 70000',
    $foreign) . 'x' x 70000 . $next)), '403',
    'the rest of a large body ends the connection';
is statuses(answers("GET /publish?channel=a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 3\r\n\r\nbad$next")), '200 404',
    'a GET with a body gets 200, and the connection serves the next request';

for my $method (qw(PATCH TRACK MKCOL)) {
    $answer = request($httpd, $method, '/publish?channel=a');
    is $answer->{status}, 405, "$method gets 405";
    is $answer->{headers}{allow}, 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
        "$method: 405 has Allow";
}

post('last');
is $sse->next_event(5)->{data}, 'last', 'nothing that was refused is published';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
