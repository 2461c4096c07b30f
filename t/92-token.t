#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamToken and Require eventstream-token: a token admits a request to
# exactly its channels, whatever it does with them, and beside other rules.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Token;

my $dir = File::Temp->newdir;
chmod 0755, "$dir";

sub key_file
{
    my ($name, $text, $mode) = @_;
    EventStream::Httpd::spew("$dir/$name", $text);
    chmod $mode // 0600, "$dir/$name";
    return "file:$dir/$name";
}

my ($secret, $other) = map { "$_-0123456789abcdef0123456789abcdef" }
    qw(secret other);
my $key = key_file('secret', "$secret\n");
EventStream::Httpd::spew("$dir/users", "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
    . "bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");

my @modules = qw(auth_basic authn_core authn_file authz_user remoteip);
my $httpd = EventStream::Httpd->start(modules => \@modules,
    conf => <<"CONF");
LogLevel eventstream:debug
<LocationMatch "^/(stream|short|user|both|also|all|iss)\\b">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamToken key=$key cookie=stream
    Require eventstream-token
</LocationMatch>
<Location "/user">
    EventStreamChannel "user-%{REMOTE_USER}"
    Require user ann
    AuthMerging And
</Location>
<LocationMatch "^/(both|also|all)\\b">
    AuthType Basic
    AuthName x
    AuthUserFile "$dir/users"
</LocationMatch>
<Location "/both">
    <RequireAny>
        Require eventstream-token
        Require user ann
    </RequireAny>
</Location>
<Location "/also">
    EventStreamChannel "user-%{REMOTE_USER}"
    <RequireAny>
        Require eventstream-token
        Require valid-user
    </RequireAny>
</Location>
<Location "/all">
    <RequireAll>
        Require eventstream-token
        Require user bob
    </RequireAll>
</Location>
<Location "/iss">
    EventStreamToken key=$key iss=https://login.example aud=streams leeway=0
</Location>
<LocationMatch "^/(publish|closed|login|control)\\b">
    SetHandler eventstream-publish
    EventStreamToken key=$key
    Require eventstream-token
</LocationMatch>
<Location "/closed">
    EventStreamPublishFrom none
</Location>
<Location "/control">
    EventStreamControlFrom none
</Location>
<Location "/login">
    AuthType Basic
    AuthName x
    AuthUserFile "$dir/users"
    EventStreamPublishFrom user
    <RequireAny>
        Require eventstream-token
        Require user ann
    </RequireAny>
</Location>
<Location "/mixed">
    SetHandler eventstream-publish
    EventStreamToken key=$key cookie=stream
    AuthType Basic
    AuthName x
    AuthUserFile "$dir/users"
    <RequireAny>
        Require eventstream-token
        Require valid-user
    </RequireAny>
</Location>
<Location "/page">
    EventStreamToken key=$key
    Require eventstream-token
</Location>
CONF

# Requests come through a proxy, so that no rule for this host admits them.
my @far = ('X-Forwarded-For: 192.0.2.1');
my %login = map {
    ($_ => 'Authorization: Basic ' . encode_base64("$_:secret", ''))
} qw(ann bob);

sub status_of
{
    my ($path, @headers) = @_;
    my $client = subscribe($httpd, $path, headers => [@far, @headers]);
    return wantarray ? ($client->status, $client) : $client->status;
}

sub answer_of
{
    my ($method, $path, $body, @headers) = @_;
    return request($httpd, $method, $path, body => $body,
        headers => [@far, @headers]);
}

sub json { return JSON::PP::encode_json($_[0]) }
sub grants { return token($secret, {eventstream => {@_}}) }
sub challenge { return $_[0]->{headers}{'www-authenticate'} // '' }

# ---- Subscribing -------------------------------------------------------------

my $news = grants(subscribe => ['news', 'room-*']);
is status_of('/stream?c=news', bearer($news)), 200, 'a channel of the token';
is status_of('/stream?c=room-1', bearer($news)), 200, 'one of a pattern';
is status_of('/stream?c=news&c=room-1', bearer($news)), 200, 'several';
is status_of('/stream?c=other', bearer($news)), 403, 'another one gets 403';
is status_of('/stream?c=news&c=other', bearer($news)), 403, 'all have to match';
is status_of('/stream?c=news', "Cookie: a=b; stream=$news; c=d"), 200,
    'the token as a cookie';
is status_of('/stream?c=news', "Cookie: stream=$news", bearer($news)), 200,
    'a header beside it wins';
is status_of('/stream?c=news', "Cookie: stream=", bearer($news)), 200,
    'an empty cookie is none';
is status_of('/stream?c=news', "Cookie: astream=$news"), 401,
    'another cookie is none';
my $answer = answer_of(GET => '/stream?c=news', '');
is $answer->{status}, 401, 'no token gets 401';
is challenge($answer), 'Bearer realm="eventstream"',
    'with the challenge, and no error';
$answer = answer_of(GET => '/stream?c=news', '', bearer(token($other,
    {eventstream => {subscribe => ['*']}})));
is $answer->{status}, 401, 'a token that another key has signed gets 401';
like challenge($answer), qr/^Bearer\ realm="eventstream",
    \ error="invalid_token",\ error_description="signature:[^"\\]+"$/x,
    'with the reason';
$answer = answer_of(GET => '/stream?c=x', '', bearer($news));
is $answer->{status}, 403, 'a channel that it does not grant gets 403';
like challenge($answer), qr/error="insufficient_scope"/, 'with the reason';
is status_of('/stream?c=news', bearer(grants(publish => ['*']))), 403,
    'the right to publish is none to subscribe';
is answer_of(HEAD => '/stream?c=x', undef, bearer($news))->{status}, 403,
    'HEAD is refused as well';
is status_of('/stream?c=a', bearer(grants(subscribe => ['*']))), 200,
    'a * grants all';
is answer_of(GET => '/page', '', bearer($news))->{status}, 403,
    'a page that has no channels gets 403';

# Mercure
my $mercure = token($secret, {mercure => {subscribe =>
    ['https://x.example/shops/{id}', 'exact'], publish => ['*']}});
is status_of('/stream?c=https%3A%2F%2Fx.example%2Fshops%2F7', bearer($mercure)),
    200, 'a topic selector of Mercure';
is status_of('/stream?c=https%3A%2F%2Fx.example%2Fshops%2F7%2Fx',
    bearer($mercure)), 403, 'which does not span a slash';
is status_of('/stream?c=exact', bearer($mercure)), 200, 'and one without names';

# ---- The user ----------------------------------------------------------------

sub user { return token($secret, {sub => $_[0], eventstream => {subscribe =>
    ["user-$_[0]"]}}) }
is status_of('/user', bearer(user('ann'))), 200, 'the sub is the user';
is status_of('/user', bearer(user('bob'))), 403,
    'a rule for users is about it';
is status_of('/user'), 401, 'no token is no user';
is status_of('/user', bearer(token($secret, {eventstream => {subscribe =>
    ['*']}}))), 401, 'nor is a token without sub';

# ---- Beside another login ----------------------------------------------------

is status_of('/both?c=news', bearer($news)), 200, 'a token instead of a login';
is status_of('/both?c=news', $login{ann}), 200, 'a login instead of a token';
is status_of('/both?c=other', bearer(token($secret, {sub => 'ann',
    eventstream => {subscribe => ['news']}}))), 401,
    'the user of a token is not the one of the login';
is status_of('/both?c=news', $login{bob}), 401, 'another user gets 401';
$answer = answer_of(GET => '/both?c=news', '');
is $answer->{status}, 401, 'neither of them gets 401';
my @challenges = sort map { /^WWW-Authenticate: (.*?)\r?$/i ? $1 : () }
    split /\n/, $answer->{head} // '';
@challenges = sort split /, (?=Bearer|Basic)/, challenge($answer)
    if !@challenges;
is_deeply \@challenges, ['Basic realm="x"', 'Bearer realm="eventstream"'],
    'and both challenges' or diag explain $answer;
is status_of('/all?c=news', bearer($news)), 401,
    'where both are needed, a token alone gets 401';
is status_of('/all?c=news', $login{bob}), 401, 'so does a login alone';
is status_of('/all?c=news', $login{bob}, "Cookie: stream=$news"), 200,
    'both together';
is status_of('/all?c=news', $login{ann}, "Cookie: stream=$news"), 401,
    'the user is that of the login';
is status_of('/also', bearer(user('ann'))), 200,
    'a token that admits without a login names the user';
is status_of('/also', bearer(token($secret, {sub => 'ann', eventstream =>
    {subscribe => ['user-bob']}}))), 401, 'whose channels it must grant';

# ---- iss, aud, time ----------------------------------------------------------

my %claims = (iss => 'https://login.example', aud => ['x', 'streams'],
    eventstream => {subscribe => ['*']});
sub iss { return status_of('/iss?c=a', bearer(token($secret, {%claims, @_}))) }
is iss(), 200, 'the iss and aud of the directive';
is iss(aud => 'streams'), 200, 'an aud that is a text';
is iss(aud => 'x'), 401, 'another aud';
is iss(aud => []), 401, 'no aud';
is iss(aud => {streams => 1}), 401, 'an aud that is an object';
is iss(iss => 'https://login.example/'), 401, 'another iss';
is iss(iss => undef), 401, 'an iss that is null';
is status_of('/stream?c=a', bearer(token($secret, {aud => 'x', eventstream =>
    {subscribe => ['*']}}))), 401, 'an aud where none is configured';
my $now = time;
is iss(exp => $now + 60), 200, 'exp in the future';
is iss(exp => $now - 1), 401, 'exp in the past';
is iss(nbf => $now + 60), 401, 'nbf in the future';
is iss(nbf => $now - 1), 200, 'nbf in the past';
is iss(iat => $now + 60), 401, 'iat in the future';
is iss(iat => $now - 1), 200, 'iat in the past';
my $size = $httpd->log_size;
is iss(exp => $now - 60), 401, 'a token that has expired';
like $httpd->error_log($size), qr/exp: the token has expired/,
    'the error log names the claim';
unlike $httpd->error_log(0), qr/eyJ/, 'and never shows a token';

# ---- Publishing --------------------------------------------------------------

my $listener = subscribe($httpd, '/stream?c=a&c=b-1&c=other',
    headers => [bearer(grants(subscribe => ['*']))]);
is $listener->next_event(20)->{event}, 'stream-open', 'a client';
sub receives
{
    my ($data, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $event = $listener->skip_to('message', 20);
    return is $event && $event->{data}, $data, $name;
}
sub post
{
    my ($path, $token, @events) = @_;
    return answer_of(POST => $path,
        json(@events == 1 ? $events[0] : \@events),
        'Content-Type: application/json', $token ? bearer($token) : ());
}
my $publisher = grants(publish => ['a', 'b-*']);
is post('/publish', $publisher, {channel => 'a', text => 'one'})->{status}, 200,
    'a token is enough to publish from anywhere';
receives('one', 'which is received');
$answer = post('/publish', $publisher, {channel => 'a', text => 'two'},
    {channel => 'other', text => 'x'});
is $answer->{status}, 403, 'a channel in the body that it does not grant';
like $answer->{body}, qr/Channel not allowed: other\./, 'is named';
like challenge($answer), qr/insufficient_scope/, 'with the challenge';
is post('/publish', $publisher, {channel => 'b-1', text => 'two'})->{status},
    200, 'nothing of it was published';
receives('two', 'and the next one is received');
is post('/publish', undef, {channel => 'a', text => 'x'})->{status}, 401,
    'no token gets 401';
is post('/publish', grants(subscribe => ['*']), {channel => 'a', text => 'x'})
    ->{status}, 403, 'a token that may only subscribe gets 403';
is post('/publish?channel=other', $publisher, {text => 'x'})->{status}, 403,
    'a channel in the query';
is post('/closed', $publisher, {channel => 'a', text => 'x'})->{status}, 403,
    'EventStreamPublishFrom none closes to tokens, too';
my $lines = join '', map { json({channel => $_, text => $_}) . "\n" }
    qw(a b-1 other a);
$answer = answer_of(POST => '/publish', $lines,
    'Content-Type: application/x-ndjson', bearer($publisher));
is $answer->{status}, 403, 'a stream ends at a channel that is not granted';
receives($_, 'the lines before it are published') for qw(a b-1);
is answer_of(POST => '/publish', json({channel => 'a', text => 'x'}),
    'Content-Type: application/json', bearer($publisher),
    'Origin: https://evil.example')->{status}, 403,
    'a page of another site does not publish by a token either';

# Beside a login: what the token does not grant is a matter of the login.
my $guest = token($secret, {sub => 'ann', eventstream => {publish => ['a']}});
is post('/login', $guest, {channel => 'a', text => 'guest'})->{status}, 200,
    'a token beside a login';
receives('guest', 'publishes');
is post('/login', $guest, {channel => 'b-1', text => 'x'})->{status}, 401,
    'its user is no user of the login';
is answer_of(POST => '/login', json({channel => 'b-1', text => 'login'}),
    'Content-Type: application/json', $login{ann})->{status}, 200,
    'the login publishes, too';
receives('login', 'anything');

# A login that may not publish from here does not by a token for other channels.
sub mixed
{
    my ($channel, @headers) = @_;
    return answer_of(POST => '/mixed', json({channel => $channel, text =>
        "mixed $channel"}), 'Content-Type: application/json', @headers)
        ->{status};
}
my $cookie = 'Cookie: stream=' . grants(publish => ['a']);
is mixed('a', $login{ann}), 403, 'EventStreamPublishFrom refuses a login';
is mixed('a', $login{ann}, $cookie), 200, 'beside a token it publishes';
receives('mixed a', 'what the token grants');
is mixed('b-1', $login{ann}, $cookie), 403, 'and nothing else';

# ---- Control -----------------------------------------------------------------

my $boss = grants(publish => ['a', 'b-*'], control => JSON::PP::true);
for my $path ('/publish?channel=a', '/publish?list=', '/publish?who=a') {
    is answer_of(GET => $path, '', bearer($boss))->{status}, 200,
        "GET $path with control";
    is answer_of(GET => $path, '', bearer($publisher))->{status}, 403,
        'and without';
}
is answer_of(GET => '/publish?channel=other', '', bearer($boss))->{status}, 403,
    'not of another channel';
my $list = answer_of(GET => '/publish?list=', '', bearer($boss))->{body};
is_deeply [sort map { $_->{channel} }
    @{JSON::PP::decode_json($list)->{channels}}], ['a', 'b-1'],
    'a list has the channels of the token';
is answer_of(DELETE => '/publish?channel=other', '', bearer($boss))
    ->{status}, 403, 'another channel cannot be closed';
is answer_of(DELETE => '/publish?channel=b-1', '', bearer($publisher))
    ->{status}, 403, 'nor one without control';
is answer_of(DELETE => '/control?channel=b-1', '', bearer($boss))->{status},
    403, 'nor where EventStreamControlFrom none closes the section';
is answer_of(DELETE => '/publish?channel=b-1', '', bearer($boss))->{status},
    200, 'one of the token can, with control';

# ---- The configuration -------------------------------------------------------

key_file('short', "short\n");
key_file('read', "$secret\n", 0644);
key_file('written', "$secret\n", 0660);
key_file('set', '{"keys":[]}');
for my $case (
    ['', qr/needs key=file/],
    ["key=$secret", qr/takes a file with keys/],
    ["key=file:$dir/none", qr/cannot be read from \S*none/],
    ["key=file:$dir/short", qr/less than 32 bytes/],
    ["key=file:$dir/read", qr/readable by all users/],
    ["key=file:$dir/written", qr/writable by others/],
    ["jwks=$key", qr/is not JSON/],
    ["jwks=file:$dir/set", qr/has no key/],
    ["key=$key alg=HS512", qr/alg= takes/],
    ["key=$key alg=ES256", qr/alg= does not name/],
    ["key=$key key=$key", qr/second file/],
    ["key=$key leeway=soon", qr/leeway= takes/],
    ["key=$key cookie=a;b", qr/cookie= takes/],
    ["key=$key aud=", qr/aud= takes/],
    ["key=$key nonsense=1", qr/EventStreamToken takes/],
    ["key=$key cookie=a\nEventStreamToken key=$key cookie=b",
        qr/another name/],
) {
    my ($ok, $output) = EventStream::Httpd->config_test(
        "<Location \"/x\">\nSetHandler eventstream\nEventStreamChannel x\n"
        . "EventStreamToken $case->[0]\n</Location>\n");
    ok !$ok, "EventStreamToken $case->[0] is refused";
    like $output, $case->[1], 'with the reason' or diag $output;
    unlike $output, qr/0123456789abcdef/, 'and no key';
}
for my $rule ('not eventstream-token', 'eventstream-token news') {
    my ($ok, $output) = EventStream::Httpd->config_test(
        "<Location \"/x\">\nSetHandler eventstream\nEventStreamChannel x\n"
        . "EventStreamToken key=$key\nRequire $rule\n</Location>\n");
    ok !$ok, "Require $rule is refused";
}
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
