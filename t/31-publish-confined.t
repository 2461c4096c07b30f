#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A publish Location whose EventStreamChannel has the room in its path, or the
# user, is confined to these channels, for each method and each kind of body,
# unless its own EventStreamAllowChannel says more. Templates in
# EventStreamAllowChannel, which also apply to streams.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
EventStreamAllowChannel "*"
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamChannel "lobby"
</Location>
<LocationMatch "^/rooms/(?<room>[^/]*)$">
    SetHandler eventstream-publish
    EventStreamChannel "room-{room}" "hall"
</LocationMatch>
<Location "/rooms/office">
    Require all denied
</Location>
<Location "/path">
    SetHandler eventstream-publish
    EventStreamPath "/path/{room}"
    EventStreamChannel "room-{room}"
</Location>
<Location "/mine">
    SetHandler eventstream-publish
    EventStreamChannel "user-%{HTTP:X-User}"
</Location>
<Location "/groups">
    SetHandler eventstream-publish
    EventStreamChannelList "," "%{HTTP:X-Groups}"
</Location>
<LocationMatch "^/wide/(?<room>[^/]*)$">
    SetHandler eventstream-publish
    EventStreamChannel "room-{room}"
    EventStreamAllowChannel "room-{room}" "{room}*" "user-%{HTTP:X-User}/*"
</LocationMatch>
<Location "/wide/inner">
    EventStreamAllowChannel "news-\{*}"
</Location>
<Location "/outer">
    SetHandler eventstream-publish
    EventStreamAllowChannel "user-*"
</Location>
<Location "/outer/mine">
    EventStreamChannel "user-%{HTTP:X-User}" "hall"
</Location>
<LocationMatch "^/events/(?<room>[^/]*)$">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamAllowChannel "room-{room}" "user-%{HTTP:X-User}"
</LocationMatch>
CONF

sub ask
{
    my ($method, $path, %opt) = @_;
    my $answer = request($httpd, $method, $path, %opt);
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };
    return $answer;
}

sub post
{
    my ($path, $body, $type, @headers) = @_;
    return ask('POST', $path, body => $body,
        headers => ['Content-Type: ' . ($type || 'text/plain'), @headers]);
}

sub allows
{
    my ($answer, $what) = @_;
    is $answer->{status}, 200, $what or diag $answer->{body};
    return;
}

sub refuses
{
    my ($answer, $channel, $what) = @_;
    is $answer->{status}, 403, $what or diag $answer->{body};
    like $answer->{body}, qr/Channel not allowed: \Q$channel\E\./,
        "$what: the answer names the channel";
    return;
}

sub names
{
    my ($path) = @_;
    my $answer = ask('GET', $path);
    return join '|', sort map { $_->{channel} } @{$answer->{json}{channels}};
}

# ---- The room in the path ---------------------------------------------------

is ask('POST', '/rooms/office', body => 'x')->{status}, 403,
    'a room is denied';
allows(post('/rooms/lobby', 'a'), 'its own channels');
allows(post('/rooms/lobby?channel=room-lobby', 'b'),
    'one of them, named in the query');
allows(post('/rooms/lobby', '{"channel": "hall", "text": "c"}',
    'application/json'), 'one of them, named in the body');
refuses(post('/rooms/lobby?channel=room-office', 'x'), 'room-office',
    'another room in the query');
refuses(post('/rooms/lobby', '{"channel": "room-office", "text": "x"}',
    'application/json'), 'room-office', 'another room in JSON');
refuses(post('/rooms/lobby', '[{"text": "x"}, {"channel": '
        . '["hall", "room-office"], "text": "x"}]', 'application/json'),
    'room-office', 'another room in a list');
refuses(post('/rooms/lobby', 'channel=room-office&data=x',
    'application/x-www-form-urlencoded'), 'room-office',
    'another room, a form');
refuses(post('/rooms/lobby', '{"channel": "hall", "text": "d"}' . "\n"
        . '{"channel": "room-office", "text": "x"}' . "\n",
    'application/x-ndjson'), 'room-office', 'another room in a line');
allows(post('/rooms/lobby', '{"text": "e"}' . "\n"
        . '{"channel": "hall", "text": "f"}' . "\n", 'application/x-ndjson'),
    'lines for its own channels');

sub item
{
    my ($channel) = @_;
    return JSON::PP::encode_json({items => [{channel => $channel,
        formats => {'http-stream' => {content => "data: g\n\n"}}}]});
}

allows(post('/rooms/lobby', item('events-hall'), 'application/json'),
    'an item for its own channel');
refuses(post('/rooms/lobby', item('events-room-office'), 'application/json'),
    'room-office', 'an item for another room');
refuses(post('/rooms/lobby', '{"items": [{"channel": "room-office", "action": '
        . '"close", "formats": {"http-stream": {"action": "close"}}}]}',
    'application/json'), 'room-office', 'an item that closes another room');

allows(post('/publish?channel=room-office', 'h'),
    'a Location without tokens publishes to every channel');
refuses(ask($_, '/rooms/lobby?channel=room-office'), 'room-office',
    "$_ of another room") for qw(GET DELETE);
is names('/rooms/lobby?list='), 'hall|room-lobby',
    'a list has its own channels only';
is names('/rooms/lobby?list=room-o'), '', 'so has a list with a prefix';
is names('/rooms/lobby'), 'hall|room-lobby', 'so have the statistics';
like names('/publish?list='), qr/room-office/,
    'a Location without tokens lists every channel';
is ask('GET', '/publish?channel=room-office')->{json}{channels}[0]{events}, 1,
    'room-office got the one event of that Location';
allows(ask('DELETE', '/rooms/lobby?channel=hall&for=0'), 'it closes its own');
allows(ask('DELETE', '/publish?channel=room-office&for=0'),
    'a Location without tokens closes every channel');

like $httpd->error_log, qr/ES0701: .*EventStreamAllowChannel in the section/,
    'the error log has the remedy';

# ---- EventStreamPath, expressions, lists ------------------------------------

allows(post('/path/a', 'x'), 'EventStreamPath: its own channel');
allows(post('/path/a?channel=room-a', 'x'), 'EventStreamPath: named, too');
refuses(post('/path/a?channel=room-b', 'x'), 'room-b',
    'EventStreamPath: another channel');
is post('/path/a/b?channel=room-a', 'x')->{status}, 404,
    'a path that does not match';

allows(post('/mine', 'x', undef, 'X-User: ann'), 'an expression');
refuses(post('/mine?channel=user-bob', 'x', undef, 'X-User: ann'), 'user-bob',
    'an expression: another channel');
refuses(post('/mine?channel=user-', 'x'), 'user-',
    'an expression without value allows nothing');
allows(post('/groups?channel=b', 'x', undef, 'X-Groups: a, b'), 'a list');
refuses(post('/groups?channel=c', 'x', undef, 'X-Groups: a, b'), 'c',
    'a list: another channel');

# ---- EventStreamAllowChannel with templates ---------------------------------

allows(post('/wide/lobby?channel=lobby-7', 'x'), 'a pattern with a token');
refuses(post('/wide/lobby?channel=hall', 'x'), 'hall', 'it ends somewhere');
refuses(post('/wide/?channel=hall', 'x'), 'hall',
    'a token without value allows nothing');
allows(post('/wide/a?channel=user-ann/7', 'x', undef, 'X-User: ann'),
    'a pattern with an expression');
refuses(post('/wide/a?channel=user-/7', 'x'), 'user-/7',
    'an expression without value allows nothing');
refuses(post('/wide/a?channel=user-bob/7', 'x', undef, "X-User: $_"),
    'user-bob/7', "$_ is no wildcard") for '*', 'b*', 'bo?', '\\*';
refuses(post('/wide/%2A?channel=hall', 'x'), 'hall',
    'a star in the path is no wildcard');
allows(post('/wide/%2A?channel=*7', 'x'), 'it is itself');
refuses(post('/wide/%5C?channel=*', 'x'), '*',
    'a backslash in the path escapes nothing');
allows(post('/wide/%5C?channel=%5C*', 'x'), 'it is itself');
allows(post('/wide/inner?channel=news-{x}', 'x'),
    'a nearer section replaces the patterns; \\{ is a brace');
refuses(post('/wide/inner', 'x'), 'room-inner', 'it replaces all of them');

allows(post('/outer?channel=user-bob', 'x'), 'patterns of an outer section');
allows(post('/outer/mine?channel=user-ann', 'x', undef, 'X-User: ann'),
    'a section within it is confined to its own channels');
refuses(post('/outer/mine?channel=user-bob', 'x', undef, 'X-User: ann'),
    'user-bob', 'the patterns of the outer one open no others');
refuses(post('/outer/mine?channel=hall', 'x', undef, 'X-User: ann'), 'hall',
    'and restrict its own');

is subscribe($httpd, '/events/a?c=room-a')->status, 200,
    'a stream: a token of the path';
is subscribe($httpd, '/events/a?c=room-b')->status, 403,
    'a stream: another channel';
is subscribe($httpd, '/events/*?c=room-b')->status, 403,
    'a stream: a star is no wildcard';
is subscribe($httpd, '/events/a?c=user-ann',
    headers => ['X-User: ann'])->status, 200, 'a stream: an expression';
is subscribe($httpd, '/events/a?c=user-')->status, 403,
    'a stream: an expression without value';

$httpd->finish;

done_testing;
