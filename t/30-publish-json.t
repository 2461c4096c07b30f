#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing JSON: one event, a list of events (all or none), where the channel
# comes from, and which bodies are refused with which words.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamRetry 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<LocationMatch "^/publish$">
    SetHandler eventstream-publish
</LocationMatch>
<LocationMatch "^/rooms/(?<room>[^/]+)$">
    SetHandler eventstream-publish
    EventStreamChannel "room-{room}"
    EventStreamAllowChannel "room-*"
</LocationMatch>
<Location "/small">
    SetHandler eventstream-publish
    EventStreamMaxEventSize 10
    EventStreamMaxBody 100
</Location>
CONF

my $sse = subscribe($httpd, '/events?c=a&c=b');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

sub post
{
    my ($body, %opt) = @_;
    my $answer = request(
        $httpd, $opt{method} || 'POST', $opt{path} || '/publish',
        body => $body,
        headers => ['Content-Type: ' . ($opt{type} || 'application/json')]);
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };
    return $answer;
}

# The body is refused with this status and these words, as one line of text.
sub refused
{
    my ($body, $status, $words, $name, %opt) = @_;
    my $answer = post($body, %opt);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $answer->{status}, $status, "$name: the status is $status";
    like $answer->{body}, qr/\A[^\r\n]*$words[^\r\n]*\n\z/,
        "$name: the answer is one line with the reason";
    like $answer->{headers}{'content-type'}, qr{^text/plain},
        "$name: the answer is text/plain";
    return;
}

# ---- One event -------------------------------------------------------------

my $answer = post('{"channel": "a", "event": "order", "data": {"table": 4}, '
    . '"retry": 2500}');
is $answer->{status}, 200, 'an event is published';
like $answer->{headers}{'content-type'}, qr{^application/json},
    'the answer is JSON';
is $answer->{json}{published}, 1, 'the answer counts one event';
is $answer->{json}{clients}, 1, 'the answer counts one client';
like $answer->{json}{id}, qr/^\d+-\d+$/, 'the answer has the event\'s id';
my $event = $sse->next_event(5);
is $event->{event}, 'order', 'the event has its type';
is $event->{data}, '{"table":4}', 'data is sent as compact JSON';
is $event->{id}, $answer->{json}{id}, 'the event has the id of the answer';
is $event->{retry}, 2500, 'the event has its retry';

my %data = (
    '"hello"' => '"hello"', '{"text":1}' => '{"text":1}', ' null ' => 'null',
    '0.10' => '0.10', '[ 1 , "a  b" ]' => '[1,"a  b"]', '""' => '""',
    '"\u0000\r\n"' => '"\u0000\r\n"', '9223372036854775807' =>
        '9223372036854775807', "\"\xe2\x82\xac\"" => "\"\xe2\x82\xac\"");
for my $json (sort keys %data) {
    post("{\"channel\":\"a\",\"data\":$json}");
    is $sse->next_event(5)->{data}, $data{$json},
        "data $json is sent as compact JSON";
}
post('{"channel":"a","text":"one\ntwo\rthree\r\n\nfive"}');
is $sse->next_event(5)->{data}, "one\ntwo\nthree\n\nfive",
    'line ends in text make lines of data';
post('{"channel":"a","text":"plain"}');
is $sse->next_event(5)->{data}, 'plain', 'text is sent without quotes';
for my $empty ('"event":"e"', '"id":"e"', '"retry":1', '"text":""') {
    post("{\"channel\":\"a\",$empty}");
    is $sse->next_event(5)->{data}, '', "an event with $empty has empty data";
}
post('{"channel":"a","id":"mine","text":"x"}');
is $sse->next_event(5)->{id}, 'mine', "the publisher's id is sent as it is";
post('{"channel":"a","color":{"x":[1]},"text":"x"}');
is $sse->next_event(5)->{data}, 'x', 'unknown fields are ignored';
is post('{"channel":"a","text":"put"}', method => 'PUT')->{status}, 200,
    'PUT gets 200';
is $sse->next_event(5)->{data}, 'put', 'PUT publishes';
is post('{"channel":"a","text":"cs"}',
    type => 'Application/JSON ; charset=utf-8')->{status}, 200,
    'a Content-Type with a parameter gets 200';
is $sse->next_event(5)->{data}, 'cs', 'a Content-Type with a parameter is JSON';
for my $type ('text/json', 'application/x-json',
    'application/json, application/json')
{
    is post('{"channel":"a","text":"other name"}', type => $type)->{status},
        200, "$type gets 200";
    is $sse->next_event(5)->{data}, 'other name', "$type is JSON";
}
post("\xef\xbb\xbf" . '{"channel":"a","text":"marked"}');
is $sse->next_event(5)->{data}, 'marked', 'a byte order mark is skipped';
post("\xef\xbb\xbf" . '{"channel":"a","text":"curl"}',
    type => 'application/x-www-form-urlencoded');
is $sse->next_event(5)->{data}, 'curl',
    'a byte order mark is skipped in JSON that curl -d sends as a form';
for my $types ('application/x-www-form-urlencoded, application/json',
    'application/json, application/x-ndjson',
    'application/json, text/plain', 'text/plain, application/json')
{
    refused('{"channel":"a","text":"lost"}', 415, 'sent twice', $types,
        type => $types, path => '/publish?channel=a');
}

# ---- Range -----------------------------------------------------------------

# A part of the answer under 206 would be no JSON, and some clients count 206 as
# a failure and publish again.
for my $how (
    ['POST', 'application/json', '{"channel":"r","text":"x"}'],
    ['PUT', 'application/json', '{"channel":"r","text":"x"}'],
    ['POST', 'application/x-ndjson', qq({"channel":"r","text":"x"}\n)],
    ['GET', '', ''], ['DELETE', '', '']) {
    my ($method, $type, $body) = @$how;
    my $whole = request($httpd, $method, '/publish?channel=r&for=0',
        body => $body, headers => ["Content-Type: $type", 'Range: bytes=0-3']);
    is $whole->{status}, 200, "$method $type: a Range is ignored";
    ok eval { JSON::PP::decode_json($whole->{body}) },
        "$method $type: the answer is whole";
    is $whole->{headers}{'content-range'}, undef,
        "$method $type: it is not a part";
}

# ---- Channels --------------------------------------------------------------

$answer = post('{"channel":["a","b","a"],"text":"both"}');
is $answer->{json}{clients}, 2,
    'the answer counts each subscription of a client';
is $sse->next_event(5)->{data}, 'both', 'an event of several channels arrives';
post('{"channel":"a","text":"next"}');
is $sse->next_event(5)->{data}, 'next', 'it arrives once';
is post('{"channel":"unused","text":"x"}')->{json}{clients}, 0,
    'the answer counts no client of an unused channel';
is post('{"text":"q"}', path => '/publish?channel=a&event=e&id=i')->{status},
    200, 'the query may give channel, event and id';
$event = $sse->next_event(5);
is "$event->{data} $event->{event} $event->{id}", 'q e i',
    'presets of the query are used';
post('{"text":"q","channel":"b","event":"f","id":"j"}',
    path => '/publish?channel=a&event=e&id=i');
$event = $sse->next_event(5);
is "$event->{event} $event->{id}", 'f j',
    'fields of the body win over presets of the query';

my $room = subscribe($httpd, '/events?c=room-1');
$room->next_event(5);
is post('{"text":"r"}', path => '/rooms/1')->{status}, 200,
    'an event without channel is accepted where the Location has one';
is $room->next_event(5)->{data}, 'r', 'it goes to the channel of the Location';
refused('{"text":"r","channel":"a"}', 403, 'Channel not allowed: a',
    'a channel that EventStreamAllowChannel does not match',
    path => '/rooms/1');
refused('{"data":1,"chanel":"a"}', 400, q{'data', 'chanel'},
    'an event without channel');
refused('{}', 400, 'no fields', 'an empty object');
is post('{}', path => '/publish?channel=a&event=e')->{status}, 200,
    'an empty object is accepted where the query has the event';
is $sse->next_event(5)->{event}, 'e', 'the event of the query arrives';
refused('{"channel":""}', 400, 'empty', 'an empty channel');
refused('{"channel":"' . 'x' x 8192 . '"}', 400, '255', 'a channel of 8 KB');
refused('{"channel":["a"," b"]}', 400, "' b' begins or ends with a blank",
    'a blank before a channel of a list');
refused('{"channel":"a\u0000b"}', 400, 'a\?b', 'a NUL in a channel');
my $many = join ',', map { "\"c$_\"" } 1 .. 65;
refused("{\"channel\":[$many]}", 400, 'at most 64', '65 channels');

# An event that loses what its publisher meant to send is refused.
refused('{"message":"lost"}', 400, q{No data: .*'message'.*'data' or 'text'},
    'an event without known fields', path => '/publish?channel=a');
refused('{"channel":"a"}', 400, q{No data: .*'channel', and not},
    'an event with a channel only');
refused('{"channel":"a","event":"e","message":"lost"}', 400,
    q{No data: .*'message'}, 'an event with a misspelled field');
refused('{"message":"lost"}', 400, q{'message'},
    'such an event where the query has the event',
    path => '/publish?channel=a&event=e');
refused('[{"channel":"a","text":"lost"},{"channel":"a","message":"lost"}]',
    400, '\[1\]: No data', 'a list with such an event');

# ---- Lists -----------------------------------------------------------------

$answer = post('[{"channel":"a","text":"1"},{"channel":"b","text":"2"},'
    . '{"channel":"a","text":"3"}]');
is $answer->{json}{published}, 3, 'the answer counts the events of a list';
is join(' ', map { $_->{data} } $sse->events(3, 5)), '1 2 3',
    'the events of a list arrive in order';
is $sse->last_id, $answer->{json}{id},
    'the answer has the id of the last event';
refused('[]', 400, 'no events', 'an empty list');
refused('[{"channel":"a","text":"lost"},{"channel":"a","event":1}]', 400,
    q{\[1\]: The field 'event'}, 'a list with a bad event');
refused('[{"channel":"a","text":"lost"},{"text":"x"}]', 400, '\[1\]: No ch',
    'a list with an event without channel');
refused('[{"channel":"a","text":"lost"},{"channel":"a","id":"1-1"}]', 400,
    q{\[1\]: The field 'id'}, 'a list with an id of our form');
refused('[{"text":"lost"},{"text":"x"}]', 400, q{query's 'id'},
    'an id in the query for several events', path => '/publish?channel=a&id=i');
refused('[{"channel":"room-1","text":"lost"},{"channel":"a","text":"x"}]', 403,
    '\[1\]: Channel not allowed', 'a list with a channel that is not allowed',
    path => '/rooms/1');
post('{"channel":"a","text":"after"}');
is $sse->next_event(5)->{data}, 'after',
    'no event of a refused list is published';

# ---- Data is any JSON ------------------------------------------------------

for my $any ('18446744073709551616', '1e999', '"\ud83d"', '{"\u0000":1}',
    '{"a":1,"a":2}')
{
    my $answer = post('[{"channel":"a","text":"x"},{"channel":"a","data": '
        . $any . ' }]');
    is $answer->{status}, 200, "$any is accepted as data";
    is_deeply [map { $_->{data} } $sse->events(2, 5)], ['x', $any],
        "$any arrives as it was written";
}

# ---- Refusals --------------------------------------------------------------

refused('', 400, 'empty', 'an empty body');
refused('{"channel": "a",' . "\n  oops}", 400, 'line 2, column 6',
    'malformed JSON');
refused('{"channel":"a"} x', 400, 'more text', 'text after the event');
refused('{"channel":"a","channel":"b"}', 400, 'twice',
    'a name that occurs twice');
refused('{"channel":"a","data":' . '[' x 5000, 400, 'too deep',
    '5000 nested lists');
refused("{\"channel\":\"a\",\"data\":\"\xff\"}", 400, 'UTF-8', 'bad UTF-8');
refused('{"channel":"a","data":1,"text":""}', 400, 'not both',
    'data and text in one event');
refused('"hello"', 400, 'must be an object', 'a string instead of an event');
refused('{"channel":7}', 400, q{'channel' must be}, 'channel 7');
refused('{"channel":"a","text":7}', 400, q{'text' must be}, 'text 7');
refused('{"channel":"a","retry":"7"}', 400, q{'retry' must be}, 'retry "7"');
refused('{"channel":"a","retry":2147483648}', 400, q{'retry'}, 'retry 2^31');
refused('{"channel":"a","data":1,"n":18446744073709551616}', 400, 'too large',
    'a number beyond 64 bits outside of data');
refused('{"channel":"a","text":"\ud800"}', 400, 'half of a surrogate pair',
    'half of a surrogate pair outside of data');
refused('{"channel":"a","data":{"n":1e999,"m":oops}}', 400, 'column 38: not',
    'a fault in data behind a number that only data may have');
for my $bad ('\n', '\r', '\u0000') {
    refused("{\"channel\":\"a\",\"event\":\"x${bad}y\"}", 400, q{'event'},
        "$bad in event");
    refused("{\"channel\":\"a\",\"id\":\"x${bad}y\"}", 400, q{'id'},
        "$bad in id");
}

is post('{"channel":"a","text":"' . 'x' x 65536 . '"}')->{status}, 200,
    '64 KB of data get 200';
is length $sse->next_event(5)->{data}, 65536, '64 KB of data arrive';
refused('{"channel":"a","text":"' . 'x' x 65537 . '"}', 413, q{'data'},
    '64 KB and 1 byte of data');
is post('{"channel":"a","text":"0123456789"}', path => '/small')->{status},
    200, 'data of just EventStreamMaxEventSize get 200';
is $sse->next_event(5)->{data}, '0123456789',
    'data of just EventStreamMaxEventSize arrive';
refused('{"channel":"a","text":"0123456789x"}', 413, q{'data'},
    'data above EventStreamMaxEventSize', path => '/small');
my $body = sprintf '%-100s', '{"channel":"a","text":"x"}';
is post($body, path => '/small')->{status}, 200,
    'a body of just EventStreamMaxBody gets 200';
is $sse->next_event(5)->{data}, 'x',
    'a body of just EventStreamMaxBody arrives';
refused("$body ", 413, 'EventStreamMaxBody', 'a body above EventStreamMaxBody',
    path => '/small');

post('{"channel":"a","text":"last"}');
is $sse->next_event(5)->{data}, 'last', 'nothing that was refused is published';
unlike $httpd->error_log, qr/oops|lost/, 'bodies are not logged';
done_testing;
