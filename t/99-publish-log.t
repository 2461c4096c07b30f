#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPublishLog: each way to publish and to close has a line, with what
# was asked for and what became of it, refused or not; never the data. The line
# of a publish is there before its answer.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Redis;

my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user)], log => 'info',
    files => {'users' => "ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n",
        'denied.html' => "denied\n"},
    conf => <<'CONF');
CustomLog "@ROOT@/logs/referer_log" "%{Referer}i"
EventStreamHub orders size=1m
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<LocationMatch "^/(publish|closed|login|none|rooms|quiet|named)$">
    SetHandler eventstream-publish
    EventStreamPublishLog on
</LocationMatch>
<Location "/publish">
    EventStreamMaxEventSize 100
    EventStreamMaxBody 16k
    LimitRequestBody 0
</Location>
<Location "/closed">
    EventStreamPublishFrom 192.0.2.1
</Location>
<Location "/login">
    EventStreamUseHub orders
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
<Location "/none">
    Require all denied
    ErrorDocument 403 /denied.html
</Location>
<Location "/rooms">
    EventStreamAllowChannel "room-*"
</Location>
<Location "/named">
    Require eventstream-channel "room-*"
</Location>
<Location "/quiet">
    LogLevel warn
</Location>
<Location "/off">
    SetHandler eventstream-publish
</Location>
CONF

my $seen = 0;
my $secret = 'not-for-the-log';

# The lines since the last call, each as a hash reference.
sub lines
{
    my ($from) = @_;
    my $log = ($from || $httpd)->error_log;
    my $new = substr $log, $from ? 0 : $seen;
    $seen = length $log if !$from;
    my @lines;
    while ($new =~ /:info\].*? ES0524: audit: (\w+) (.*)/g) {
        push @lines, {method => $1,
            map { split /=/, $_, 2 } split / /, $2};
    }
    return @lines;
}

# The one line of the request that has just been answered.
sub logged
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    my @lines = lines();
    is scalar @lines, 1, "$name: it has one line, before its answer";
    return $lines[0] || {};
}

sub has_fields
{
    my ($line, $name, %want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_deeply {map { ($_ => $line->{$_}) } keys %want}, \%want,
        "$name: the line has its fields";
}

sub check
{
    my ($name, $answer, %want) = @_;
    my $line = logged($name);
    is $line->{status}, $answer->{status}, "$name: the line has the status";
    has_fields($line, $name, %want);
    return $line;
}

sub post
{
    my ($path, $type, $body, @headers) = @_;
    my $answer = request($httpd, 'POST', $path, body => $body,
        headers => [$type ? "Content-Type: $type" : (), @headers]);
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) } || {};
    return $answer;
}

# ---- Ways to publish ---------------------------------------------------------

my $sse = subscribe($httpd, '/events?c=a&c=room-1');
is $sse->next_event(5)->{event}, 'stream-open', 'a stream opens';

my $answer = post('/publish', 'application/json',
    qq([{"channel": ["a", "b"], "data": "$secret", "event": "$secret"},
        {"channel": "a", "text": "x", "id": "order 7"}]));
check('a JSON list', $answer,
    method => 'POST', user => '-', address => '127.0.0.1', hub => 'default',
    channels => 'a,b', events => 2, bytes => length("\"$secret\"") + 1,
    ids => 'order%207', published => 2, id => $answer->{json}{id},
    clients => $answer->{json}{clients});
$answer = post('/publish', 'application/json',
    '{"channel": "a", "text": "x", "id": "order 7"}');
check('an event that is stored already', $answer, events => 1, published => 1,
    id => $answer->{json}{id});
$answer = post('/publish', 'application/json',
    '{"channel": "a", "text": "y", "id": "order 7"}');
is $answer->{status}, 409, 'another event with its id gets 409';
check('a clash', $answer, events => 1, published => 0, id => '-');
$answer = post('/publish', 'application/x-www-form-urlencoded',
    "channel=room-1&data=$secret");
check('a form', $answer, channels => 'room-1', events => 1,
    bytes => length $secret, published => 1, clients => 1);
$answer = request($httpd, 'PUT', '/publish?channel=a', body => $secret);
check('any body by PUT', $answer, method => 'PUT', channels => 'a',
    bytes => length $secret, published => 1);
$answer = post('/publish', 'application/json', JSON::PP::encode_json({items => [
    {channel => 'a', id => 'x', formats => {'http-stream' =>
        {content => "data: $secret\n\ndata: 2\n\n"}}},
    {channel => 'gone', formats => {'http-stream' => {action => 'close'}}}]}));
is $answer->{body}, "Published\n", 'GRIP items are published';
my $line = check('GRIP items', $answer, channels => 'a,gone', events => 2,
    published => 2, closed => 1);
like $line->{id}, qr/^\d+-\d+$/, 'GRIP items: there is an id';
$answer = request($httpd, 'DELETE', '/publish?channel=gone&channel=b&for=1');
check('a close', $answer, method => 'DELETE', channels => 'gone,b',
    closed => 2, events => 0, id => $answer->{json}{id} ||
        JSON::PP::decode_json($answer->{body})->{id});

# ---- Refusals ----------------------------------------------------------------

check('a bad body', post('/publish', 'application/json', '{'),
    channels => '-', events => 0, published => 0);
check('another type', post('/publish', 'image/png; charset=x', 'x'),
    published => 0);
check('an event that is too large',
    post('/publish?channel=a', 'text/plain', 'x' x 101), channels => 'a',
    bytes => 101, published => 0);
check('a body that is too large',
    post('/publish?channel=a', 'text/plain', 'x' x 20000), events => 0);
check('a channel that Require does not admit',
    post('/named', 'application/json', '{"channel": "other", "data": 1}'),
    channels => 'other', published => 0);
check('a channel that it admits',
    post('/named', 'application/json', '{"channel": "room-2", "data": 1}'),
    channels => 'room-2', published => 1);
check('a channel that is not allowed',
    post('/rooms', 'application/json', '{"channel": "other", "data": 1}'),
    channels => 'other', events => 1, published => 0);
$answer = post('/closed?channel=a', 'text/plain', 'x');
is $answer->{status}, 403, 'EventStreamPublishFrom refuses with 403';
check('a publisher from elsewhere', $answer, channels => '-');
check('a close from elsewhere',
    request($httpd, 'DELETE', '/closed?channel=a'), method => 'DELETE');

my $login = 'Authorization: Basic ' . encode_base64('ann:test', '');
$answer = post('/login?channel=a', 'text/plain', 'x', $login);
is $answer->{status}, 200, 'a user may publish';
check('a user', $answer, user => 'ann', hub => 'orders', channels => 'a');
$answer = post('/login?channel=a', 'text/plain', 'x',
    'Authorization: Basic ' . encode_base64("x y=z\"\\:test", ''));
is $answer->{status}, 401, 'another user may not';
my @lines;
wait_for(sub { return @lines = lines() }, 5, 'a refusal of httpd has a line');
has_fields($lines[0], 'a name that nobody has checked', status => 401,
    user => 'x%20y=z%22%5C', channels => '-', published => 0);
is $#lines, 0, 'it is one line';
$answer = post('/none?channel=a', 'text/plain', 'x');
is $answer->{body}, "denied\n", 'ErrorDocument has the answer';
wait_for(sub { return @lines = lines() }, 5, 'that refusal has a line');
has_fields($lines[0], 'Require', status => 403, user => '-');
is $#lines, 0, 'the page of the error has none';

get($httpd, '/publish?channel=a');
request($httpd, 'OPTIONS', '/publish');
request($httpd, 'PATCH', '/publish');
post('/off?channel=a', 'text/plain', 'x');
get($httpd, '/denied.html');
is scalar(lines()), 0,
    'statistics, other methods and other sections have no lines';

# ---- Names -------------------------------------------------------------------

my $odd = "a\x{20}status=200,\"\\\x{e9}\x{1f600}";
$answer = post('/publish', 'application/json',
    JSON::PP->new->ascii->encode({channel => $odd, data => 1}));
is $answer->{status}, 200, 'a channel may have an odd name';
check('an odd name', $answer,
    channels => 'a%20status=200%2C%22%5C%C3%A9%F0%9F%98%80');
$answer = post('/publish?channel=a', 'text/plain', 'x',
    'Referer: http://x/ user=mallory channels=b');
check('a Referer', $answer, user => '-', channels => 'a');
unlike $httpd->error_log, qr/mallory/, 'is not appended to the line';
wait_for(sub {
    return EventStream::Httpd::slurp($httpd->root . '/logs/referer_log') =~
        m{^http://x/ user=mallory channels=b$}m;
}, 5, 'other logs have it');
$answer = post('/publish', 'application/json', JSON::PP::encode_json(
    {channel => [map { "c$_" } 1 .. 64], data => 1}));
$line = check('64 channels', $answer);
is scalar(my @all = split /,/, $line->{channels}), 64, 'all are in the line';
$answer = post('/publish', 'application/json', JSON::PP::encode_json(
    {channel => [map { sprintf '%03d%s', $_, 'x' x 200 } 1 .. 40],
        data => 1}));
$line = check('long names', $answer);
like $line->{channels}, qr/\A001x+,.*x,\.\.\.\z/,
    'there are as many as fit, and a sign that there are more';
cmp_ok length $line->{channels}, '<', 2100, 'which is bounded';

# ---- An endless body ---------------------------------------------------------

sub chunk { return sprintf("%x\r\n", length $_[0]) . "$_[0]\r\n" }

my $body = EventStream::Client->connect($httpd->port);
$body->{method} = 'POST';
$body->send("POST /publish HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/x-ndjson\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n");
my $began = time;
my $sent = 0;
@lines = ();
wait_for(sub {
    $body->send(chunk(qq({"channel": "a", "text": "$secret"}\n)));
    $sent++;
    $sse->next_event(5);
    @lines = lines();
    return scalar @lines;
}, 40, 'a body that goes on gets a line');
cmp_ok time - $began, '>', 9, 'about ten seconds after its begin';
has_fields($lines[0], 'a body that goes on', status => '-', channels => 'a',
    events => $lines[0]{published},
    bytes => $lines[0]{events} * length $secret);
$body->send(chunk(qq({"channel": "room-1", "text": "x"}\n)));
$body->send(chunk("bad\n"));
$body->read_head(10);
is $body->status, 400, 'a bad line ends it';
push @lines, lines();
my $last = $lines[-1];
my %sum;
for my $field (qw(events published)) {
    $sum{$field} += $_->{$field} for @lines;
}
is $sum{events}, $sent + 1, 'the lines together have all events';
is $sum{published}, $sent + 1, 'all are published';
is $last->{status}, 400, 'the last line has the status';
like $last->{channels}, qr/(?:\A|,)room-1\z/, 'and the channels since';

# ---- Levels ------------------------------------------------------------------

is post('/quiet?channel=a', 'text/plain', 'x')->{status}, 200,
    'where LogLevel is warn, events are published';
post('/quiet?channel=a', 'text/plain', 'x') for 1 .. 3;
is scalar(lines()), 0, 'they have no lines';
my $warnings = () = $httpd->error_log =~ /:warn\].* ES0525:/g;
ok $warnings >= 1 && $warnings <= $httpd->children,
    'each child tells once that lines are missing';
unlike $httpd->error_log, qr/\Q$secret\E/, 'no data is in the log';

# ---- A clustered hub ---------------------------------------------------------

SKIP: {
    skip 'no broker', 1 if !EventStream::Redis->is_installed;
    my $cluster = EventStream::Cluster->start(nodes => 1, conf => <<'CONF');
<Location "/publish">
    EventStreamPublishLog on
    LimitRequestBody 0
</Location>
LogLevel eventstream:info
CONF
    my ($node) = $cluster->nodes;
    $cluster->wait_synced;
    my $answer = publish($node, 'a', $secret);
    my ($line) = lines($node);
    has_fields($line, 'a clustered hub', status => 200, channels => 'a',
        events => 1, published => 1, id => $answer->{json}{id});
    $answer = request($node, 'POST', '/publish', body =>
        join('', map { qq({"channel": "n$_", "text": "1"}\n) } 1 .. 5),
        headers => ['Content-Type: application/x-ndjson']);
    is $answer->{status}, 200, 'NDJSON is published through the broker';
    $line = (lines($node))[-1];
    has_fields($line, 'NDJSON through the broker', events => 5, bytes => 5,
        channels => 'n1,n2,n3,n4,n5', published => 5,
        id => JSON::PP::decode_json($answer->{body})->{id});
    request($node, 'DELETE', '/publish?channel=a');
    has_fields((lines($node))[-1], 'a close through the broker',
        method => 'DELETE', closed => 1);
    $cluster->broker->suspend;
    $answer = publish($node, 'a', $secret);
    is $answer->{status}, 503, 'without the broker a publisher gets 503';
    $line = (lines($node))[-1];
    has_fields($line, 'without the broker', status => 503, events => 1,
        published => 0, id => '-');
    $cluster->broker->resume;
}

done_testing;
