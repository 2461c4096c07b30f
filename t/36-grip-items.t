#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# GRIP items published to us as if we were a proxy: what clients receive, and
# the answers. t/72-grip-libraries.t does the same with GRIP libraries.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamRetry 1
EventStreamHub other size=1m
EventStreamGripPrefix hub=other app/
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamMaxEventSize 100
</Location>
<Location "/rooms">
    SetHandler eventstream-publish
    EventStreamAllowChannel "room-*"
</Location>
<Location "/other">
    EventStreamUseHub other
    <If "%{REQUEST_METHOD} == 'POST'">
        SetHandler eventstream-publish
    </If>
    <Else>
        SetHandler eventstream
        EventStreamChannel "{?c}"
    </Else>
</Location>
<Location "/closed">
    SetHandler eventstream-publish
    EventStreamPublishFrom 192.0.2.1
</Location>
CONF

sub post
{
    my ($body, %opt) = @_;
    return request($httpd, 'POST', $opt{path} || '/publish/publish/',
        body => ref $body ? JSON::PP::encode_json({items => $body}) : $body,
        headers => ['Content-Type: ' . ($opt{type} || 'application/json'),
            @{$opt{headers} || []}]);
}

sub item
{
    my ($channel, $content, %more) = @_;
    return {channel => $channel,
        formats => {'http-stream' => {content => $content}}, %more};
}

my $sse = subscribe($httpd, '/events?c=a&c=room-1');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

# ---- What arrives ----------------------------------------------------------

my $answer = post([item('a', "event: order\ndata: {\"n\":1}\n\n")]);
is $answer->{status}, 200, 'an item gets 200';
is $answer->{body}, "Published\n", 'the answer is that of Pushpin';
is $answer->{headers}{'content-type'}, 'text/plain', 'the answer is text/plain';
my $event = $sse->next_event(5);
is $event->{event}, 'order', 'the event has its type';
is $event->{data}, '{"n":1}', 'the event has its data';
like $event->{id}, qr/^\d+-\d+$/, 'the event has an id of ours';

post([item('a', ": comment\ndata: one\r\ndata: two\r\n\r\nid: mine\n"
    . "retry: 77\ndata: three\n\n"),
    {channel => 'room-1', 'http-stream' => {content => "data: four\n\n"},
        id => '18', 'prev-id' => '17'}]);
is $sse->next_event(5)->{data}, "one\ntwo",
    'two data lines of an item are one event';
$event = $sse->next_event(5);
is $event->{data}, 'three', 'the next event of the same item arrives';
is $event->{id}, 'mine', 'it has its publisher\'s id';
is $event->{retry}, 77, 'it has its retry';
is $sse->next_event(5)->{data}, 'four', 'an item without formats arrives';
post([item('a', "id: mine\nretry: 77\ndata: three\n\n")]);
is post([item('a', "id: mine\ndata: other\n\n")])->{status}, 409,
    'another event with that id gets 409';

post([{channel => 'a', formats => {'http-stream' => {content => 'no',
    'content-bin' => encode_base64("data: \xc3\xa4\n\n", '')}}}]);
is $sse->next_event(5)->{data}, "\xc3\xa4", 'content-bin wins over content';

for my $path ('/publish', '/publish/', '/publish/publish') {
    post([item('a', "data: $path\n\n")], path => $path);
    is $sse->next_event(5)->{data}, $path, "an item is accepted at $path";
}
post('{"items": [{"channel": "a", "formats": {"http-stream": {"content": '
    . '"data: curl\n\n"}}}]}', type => 'application/x-www-form-urlencoded');
is $sse->next_event(5)->{data}, 'curl',
    'an item arrives that curl -d sends as a form';

post("\xef\xbb\xbf" . '{"items": [{"channel": "a", "formats": '
    . '{"http-stream": {"content": "data: marked\n\n"}}}]}');
is $sse->next_event(5)->{data}, 'marked',
    'a byte order mark before items is skipped';

# ---- Channels --------------------------------------------------------------

post([item('events-a', "data: prefixed\n\n")]);
is $sse->next_event(5)->{data}, 'prefixed',
    'the preset prefix of channel names is removed';
my $other = subscribe($httpd, '/other?c=a&c=events-a');
$other->next_event(5);
post([item('app/a', "data: 1\n\n"), item('events-a', "data: 2\n\n"),
    item('a', "data: 3\n\n")], path => '/other');
is_deeply [map { $_->{data} } $other->events(3, 5)], [1, 2, 3],
    'EventStreamGripPrefix of another hub is removed there';
$answer = post([item('room-1', "data: 1\n\n"), item('b', "data: 1\n\n")],
    path => '/rooms');
is $answer->{status}, 403, 'a channel that is not allowed gets 403';
is $answer->{body}, "item 1: Channel not allowed: b.\n",
    '403 names the item and the channel';
is post([item('a', "data: x\n\n")], path => '/closed')->{status}, 403,
    'EventStreamPublishFrom applies to items';

# ---- django-eventstream ----------------------------------------------------

# what its send_event publishes: names encoded by quote(), a "%" in the
# content doubled, no formats
sub django
{
    my ($channel, $lines, %more) = @_;
    return {%more, channel => $channel, 'http-stream' =>
        {'content-filters' => ['build-id'], content => "$lines\n\n"}};
}

my $user = subscribe($httpd, '/events?c=user%3A42&c=50%25%20off/%C3%A9');
$user->next_event(5);
$answer = post([django('events-user%3A42',
    "event: message\nid: %I\ndata: {\"n\": \"100%%\"}",
    id => '1', 'prev-id' => '0')]);
is $answer->{body}, "Published\n", 'an item of django-eventstream is accepted';
$event = $user->next_event(5);
is $event->{data}, '{"n": "100%"}', 'it reaches the decoded channel';
like $event->{id}, qr/^\d+-\d+$/, 'an id to be built is one of ours';
post([{channel => 'events-50%25%20off/%C3%A9', 'http-stream' => {
    'content-filters' => [], content => "event: message\ndata: 100%%\n\n"}}]);
is $user->next_event(5)->{data}, '100%%',
    'without build-id the content is taken as it is';
my $again = subscribe($httpd, '/events?c=user%3A42',
    headers => ["Last-Event-ID: $event->{id}"]);
post([django('events-user%3A42', "id: %I\ndata: 2", id => '2')]);
is $again->next_event(5)->{event}, 'stream-open', 'a client resumes with it';
is $again->next_event(5)->{data}, 2, 'it misses nothing';
$user->next_event(5);

# a user who may not read a channel any more
my $kicked = subscribe($httpd, '/events?c=user-42');
$kicked->next_event(5);
$answer = post([{channel => 'user-42', id => 'kick-1',
    meta => {require_sub => 'events-news'}, 'http-stream' =>
        {content => "event: stream-error\nid: error\ndata: {}\n\n"}},
    {channel => 'user-42', id => 'kick-2', 'prev-id' => 'kick-1',
        meta => {require_sub => 'events-news'},
        'http-stream' => {action => 'close'}}]);
is $answer->{body}, "Published\n", 'channel_permission_changed is accepted';
$event = $kicked->next_event(5);
is $event->{event}, 'stream-error', 'the client receives the error';
like $event->{id}, qr/^\d+-\d+$/, 'the error has an id of ours';
ok $kicked->is_ended(10), 'then the stream ends';

# what is allowed is decided by the decoded name
is post([item('room%2D1', "data: decoded\n\n")], path => '/rooms')->{status},
    200, 'a channel that is allowed may be percent-encoded';
is $sse->next_event(5)->{data}, 'decoded', 'its event arrives';
$answer = post([item('%61', "data: 1\n\n")], path => '/rooms');
is $answer->{status}, 403, 'an encoded channel that is not allowed gets 403';
like $answer->{body}, qr/Channel not allowed: a\./, '403 has its decoded name';

# ---- The end of streams ----------------------------------------------------

my $room = subscribe($httpd, '/events?c=room-2');
$room->next_event(5);
$answer = post([item('room-2', "data: last\n\n"), {channel => 'room-2',
    formats => {'http-stream' => {action => 'close', content => ''}}}]);
is $answer->{body}, "Published\n", 'an item with the action close is accepted';
is $room->next_event(5)->{data}, 'last', 'the event before it arrives';
ok $room->is_ended(10), 'the stream ends then';
is subscribe($httpd, '/events?c=room-2')->status, 200,
    'the channel may be subscribed again';
is post([{channel => 'a', formats => {'http-stream' => {action => 'hint'}}}])
    ->{body}, "Published\n", 'the action hint does nothing';

# ---- The answers -----------------------------------------------------------

is post([])->{body}, "Published\n", 'an empty list of items is accepted';
is post([{channel => 'a', formats => {foo => {}}}])->{body}, "Published\n",
    'an item of unknown formats is accepted';
$answer = post([], headers => ['Accept: application/json']);
is $answer->{body}, qq({"message":"Published"}\n),
    'Accept: application/json gets the answer as JSON';
is $answer->{headers}{'content-type'}, 'application/json',
    'that answer has the type of JSON';
is post([], headers => ['Accept: */*'])->{body}, "Published\n",
    'Accept: */* gets the answer as text';
is post([item('a', "data: 406\n\n")], headers => ['Accept: image/png'])
    ->{status}, 406, 'an Accept without text and JSON gets 406';

for (
    ['items', '{"items": 1}', "object contains 'items' with wrong type"],
    ['no channel', [{}], "publish item object does not contain 'channel'"],
    ['no formats', [{channel => 'a'}], 'no formats specified'],
    ['no content', [{channel => 'a', 'http-stream' => {}}],
        "'http-stream' does not contain 'content' or 'content-bin'"],
    ['a number as id', [item('a', "data: 1\n\n", id => 1)],
        "publish item object contains 'id' with wrong type"],
    ['an unknown action', [{channel => 'a', 'http-stream' =>
        {action => 'jump'}}], ''],
    ['a partial event', [item('a', "data: 1\n\n"), item('a', "data: 2\n")],
        'item 1: The content does not consist of whole events: '
        . 'it ends within an event.'],
    ['no event', [item('a', "hello there\n")],
        'item 0: The content does not consist of whole events: '
        . 'it ends within an event.'],
    ['an id of ours', [item('a', "id: 1-1\ndata: 1\n\n")],
        "item 0: The field 'id' has the form of the server's own ids, "
        . 'digits-digits.'],
    ['bad UTF-8', [{channel => 'a', 'http-stream' => {'content-bin' =>
        encode_base64("data: \xff\n\n", '')}}],
        "item 0: The field 'data' is not valid UTF-8 at byte 1."],
    ['an encoded control character', [item('a%00', "data: 1\n\n")],
        qr/item 0: .*channel/],
    ['an encoded line end', [item('a%0A', "data: 1\n\n")],
        qr/item 0: .*channel/],
    ['encoded bytes that are not UTF-8', [item('a%FF', "data: 1\n\n")],
        qr/item 0: .*channel/],
    ['an encoded blank after the channel', [item('a%20', "data: 1\n\n")],
        "item 0: The channel name 'a ' begins or ends with a blank."],
    ['%I in data', [django('a', 'data: %I')],
        "item 0: The filter build-id does not apply: '%I' may only be a whole "
        . 'id.'],
    ['an unknown % of build-id', [django('a', 'data: 100%')],
        "item 0: The filter build-id does not apply: a '%' must begin '%%', "
        . "'%I' or '%(text)I'."],
    ['another filter', [{channel => 'a', 'http-stream' => {content =>
        "data: 1\n\n", 'content-filters' => ['var-subst']}}],
        "of 'content-filters' only one 'build-id' is applied here"],
    ['an empty channel', [item('', "data: 1\n\n")], qr/item 0: .*channel/],
    ['a blank after the channel', [item('a ', "data: 1\n\n")],
        "item 0: The channel name 'a ' begins or ends with a blank."],
) {
    my ($name, $body, $words) = @$_;
    $answer = post($body);
    is $answer->{status}, 400, "$name gets 400";
    like $answer->{body}, ref $words ? qr/\AInvalid format: $words.*\n\z/
        : qr/\AInvalid format: \Q$words\E\n\z/, "$name: 400 gives the reason";
}
is post([item('a', "data: 1\n\n"), item('a', 'data: ' . 'x' x 101 . "\n\n")])
    ->{status}, 413, 'an event that is too large gets 413';

publish($httpd, 'a', 'mark');
is $sse->next_event(5)->{data}, 'mark', 'nothing that was refused is published';
$answer = post('{"channel": "a", "text": "plain", "items": []}');
like $answer->{body}, qr/"published": 1/, 'an event may have a field items';
is $sse->next_event(5)->{data}, 'plain', 'an event with a field items arrives';

$httpd->finish;
done_testing;
