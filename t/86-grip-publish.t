#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What is published is sent to GRIP proxies, too: in which form and order, and
# what the publisher is answered.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $proxy = EventStream::FakeProxy->start;
my $other = EventStream::FakeProxy->start(keep => 1);
my $jwt = EventStream::FakeProxy->start;
my $url = $proxy->url;
my $dir = File::Temp->newdir;
system('openssl', 'genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt',
    'ec_paramgen_curve:prime256v1', '-out', "$dir/ec.pem") == 0
    or die 'openssl genpkey';

my $httpd = EventStream::Httpd->start(conf => <<"CONF");
EventStreamHub two size=4m
EventStreamHub signed size=4m
EventStreamHub bearer size=4m
EventStreamHub ec size=4m
EventStreamGrip hub=ec "@{[$jwt->url]}" iss=site key=file:$dir/ec.pem
EventStreamHub quiet size=4m
EventStreamGrip "$url"
EventStreamGrip hub=two "@{[$proxy->url]}/base/?x=1"
EventStreamGrip hub=two "http://me:pass%40word\@127.0.0.1:@{[$other->port]}"
EventStreamGripPrefix hub=two "p:"
EventStreamGrip hub=signed "@{[$jwt->url]}" iss=site key=changeme
EventStreamGripReliable hub=signed on
EventStreamGrip hub=bearer "@{[$jwt->url]}" key=token123
EventStreamGrip hub=quiet "@{[$proxy->url]}"
EventStreamGripOnError hub=quiet ignore
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/two">
    SetHandler eventstream-publish
    EventStreamUseHub two
</Location>
<Location "/signed">
    SetHandler eventstream-publish
    EventStreamUseHub signed
</Location>
<Location "/ec">
    SetHandler eventstream-publish
    EventStreamUseHub ec
</Location>
<Location "/bearer">
    SetHandler eventstream-publish
    EventStreamUseHub bearer
</Location>
<Location "/quiet">
    SetHandler eventstream-publish
    EventStreamUseHub quiet
</Location>
CONF

my $sse = subscribe($httpd, '/events?c=a');
is $sse->next_event(5)->{event}, 'stream-open', 'a direct client opens';

# ---- One proxy -------------------------------------------------------------

my $answer = publish($httpd, 'a', {x => "\x{e9}\n"}, json => 1,
    event => 'order');
is $answer->{status}, 200, 'publishing gets 200';
is_deeply $answer->{json}{grip}, [{proxy => "$url/", ok => JSON::PP::true}],
    'the answer lists the proxy as ok';
my $event = $sse->next_event(5);
is $event->{event}, 'order', 'a direct client receives the event';

my ($request) = $proxy->requests;
is $request->{method}, 'POST', 'the event is sent by POST';
is $request->{path}, '/publish/', 'to the path of Pushpin';
is $request->{headers}{'content-type'}, 'application/json',
    'with the type of JSON';
is $request->{headers}{'content-length'}, length $request->{body},
    'with a Content-Length';
like $request->{headers}{'user-agent'}, qr/^mod_eventstream/,
    'with our User-Agent';
ok !exists $request->{headers}{authorization}, 'without Authorization';
ok !exists $request->{headers}{expect}, 'without Expect';
like $request->{body}, qr/\A\{"items":\[\{"formats":\{"http-stream":
    \{"content":"event:\ order\\n.*"\}\},"channel":"events-a"\}\]\}\z/x,
    'the body has the form of the library';
my ($item) = $proxy->items;
is $item->{formats}{'http-stream'}{content},
    "event: order\nid: $event->{id}\n"
    . "data: {\"x\":\"\x{e9}\\n\"}\n\n",
    'the content has the bytes that direct clients receive';
ok !exists $item->{id}, 'the item has no id without reliable mode';

# ---- Several events and channels -------------------------------------------

$answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => '[{"channel": ["b", "a,b;\"c\" d/\u00e9"], "text": "one"},'
        . '{"channel": "b", "text": "two"}]');
is $answer->{status}, 200, 'a list with an event for two channels gets 200';
my @items = $proxy->items;
is scalar(($proxy->requests)), 2, 'it is sent in one post';
is_deeply [map { $_->{channel} } @items[1 .. 3]],
    ['events-b', 'events-a%2Cb%3B%22c%22%20d%2F%C3%A9', 'events-b'],
    'there is an item for each channel, with an encoded name';
is $items[1]{formats}{'http-stream'}{content},
    $items[2]{formats}{'http-stream'}{content},
    'the items of one event have the same content';

# ---- Two proxies -----------------------------------------------------------

$answer = publish($httpd, 'a', 'hello', path => '/two');
is $answer->{status}, 200, 'publishing to two proxies gets 200';
is scalar @{$answer->{json}{grip}}, 2, 'the answer lists both';
is_deeply [map { $_->{proxy} } @{$answer->{json}{grip}}],
    ["$url/base/", $other->url . '/'],
    'the answer has their URLs without query and password';
is +($proxy->requests)[-1]{path}, '/base/publish/?x=1',
    'the path and query of the URL are kept';
is +($other->items)[0]{channel}, 'p:a', 'the prefix is that of the hub';
is +($other->requests)[0]{headers}{authorization},
    'Basic ' . MIME::Base64::encode_base64('me:pass@word', ''),
    'user and password of the URL are sent';
publish($httpd, 'a', $_, path => '/two') for 1 .. 6;
my %connections = map { $_->{connection} => 1 } $other->requests;
cmp_ok scalar keys %connections, '<=', 2,
    'connections are used again: there is one of each child at most';

# ---- Authorization ---------------------------------------------------------

publish($httpd, 'a', $_, path => '/signed') for 1 .. 3;
my @signed = $jwt->requests;
my ($token) = $signed[0]{headers}{authorization} =~ /^Bearer (\S+)$/;
my ($head, $claims) = map {
    JSON::PP::decode_json(MIME::Base64::decode_base64url($_))
} (split /\./, $token)[0, 1];
is $head->{alg}, 'HS256', 'a key that is no file signs by HS256';
is $claims->{iss}, 'site', 'the token has the iss';
cmp_ok abs($claims->{exp} - time - 600), '<', 30,
    'the token expires in ten minutes';

publish($httpd, 'a', 'x', path => '/ec');
($token) = ($jwt->requests)[-1]{headers}{authorization} =~ /^Bearer (\S+)$/;
$head = JSON::PP::decode_json(
    MIME::Base64::decode_base64url((split /\./, $token)[0]));
is $head->{alg}, 'ES256', 'an EC key signs by ES256';

publish($httpd, 'a', 'x', path => '/bearer');
is +($jwt->requests)[-1]{headers}{authorization}, 'Bearer token123',
    'a key without iss is sent as it is';

# ---- Reliable mode ---------------------------------------------------------

my @reliable = grep { $_->{id} } $jwt->items;
is scalar @reliable, 3, 'items have ids in reliable mode';
like $reliable[0]{'prev-id'}, qr/^\d+-\d+$/, 'the first has a previous id';
is $reliable[1]{'prev-id'}, $reliable[0]{id},
    'the previous id of the second is the id of the first';
is $reliable[2]{'prev-id'}, $reliable[1]{id},
    'the previous id of the third is the id of the second';

# ---- The end of a channel --------------------------------------------------

$answer = request($httpd, 'DELETE', '/publish?channel=b');
is $answer->{status}, 200, 'a channel is closed';
is_deeply +($proxy->items)[-1], {
    channel => 'events-b',
    formats => {'http-stream' => {action => 'close', content => ''}}},
    'the proxy receives an item with the action close';
like $answer->{body}, qr/"grip": \[\{"proxy": "[^"]+", "ok": true\}\]/,
    'the answer lists the proxy as ok';

# ---- Failures --------------------------------------------------------------

sub fails
{
    my ($mode, $words, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $proxy->mode($mode);
    my $got = publish($httpd, 'a', $mode);
    is $got->{status}, 502, "$name: the answer is 502";
    is $got->{json}{published}, 1, "$name: the event is published";
    like $got->{json}{grip}[0]{error}, $words,
        "$name: the answer has the error";
    like $got->{json}{error}, qr/not taken by \Q$url\E/,
        "$name: the answer names the proxy";
    is $sse->next_event(5)->{data}, $mode,
        "$name: local clients receive the event";
    return;
}

fails('status 500', qr/^status 500$/, 'a proxy that answers 500');
fails('status 401', qr/^status 401$/, 'a proxy that answers 401');
fails('status 302', qr/^status 302$/, 'a proxy that redirects');
is scalar(grep { $_->{path} eq '/elsewhere' } $proxy->requests), 0,
    'a redirect is not followed';
fails('drop', qr/^the connection ended/, 'a proxy that closes the connection');
fails('refuse', qr/^the connection ended/, 'a proxy that closes at once');

$answer = publish($httpd, 'a', 'x', path => '/quiet');
is $answer->{status}, 200, 'EventStreamGripOnError ignore: the answer is 200';
is $answer->{json}{grip}[0]{ok}, JSON::PP::false,
    'EventStreamGripOnError ignore: the answer lists the failure';

$answer = publish($httpd, 'a', 'x', path => '/two');
is $answer->{status}, 502, 'a failure of one of two proxies is 502';
is_deeply [map { $_->{ok} ? 1 : 0 } @{$answer->{json}{grip}}], [0, 1],
    'the answer lists the other one as ok';
is scalar(grep { /"data: x\\n\\n"/ } map { $_->{body} } $other->requests), 0,
    'content starts with an id';
like +($other->items)[-1]{formats}{'http-stream'}{content}, qr/data: x\n/,
    'the other one has the event';

# ---- Published again under the same id -------------------------------------

sub own_items
{
    my ($from, $id) = @_;
    return scalar grep {
        $_->{formats}{'http-stream'}{content} =~ /^id: $id$/m
    } $from->items;
}

my @own = ('a', 'own', path => '/two', id => 'p1');
$proxy->mode('status 500');
is publish($httpd, @own)->{status}, 502, 'a proxy fails: the answer is 502';
is publish($httpd, @own)->{status}, 502, 'the same event again fails again';
$proxy->mode('ok');
is publish($httpd, @own)->{status}, 200,
    'the same event again gets 200 when the proxy takes it';
is publish($httpd, @own)->{status}, 200, 'the same event again is acknowledged';
is own_items($proxy, 'p1'), 1, 'that proxy has it once';
is own_items($other, 'p1'), 1, 'the other proxy has it once';

my $list = sub {
    return request($httpd, 'POST', '/two', body => JSON::PP::encode_json(
        [map { {channel => 'a', text => $_, id => $_} } qw(q1 bad q3)]),
        headers => ['Content-Type: application/json'])->{status};
};
$proxy->mode('reject bad');
is $list->(), 502, 'a proxy rejects one of three events: the answer is 502';
$proxy->mode('ok');
is $list->(), 200, 'the same list again gets 200';
is_deeply [map { own_items($proxy, $_) } qw(q1 bad q3)], [1, 1, 1],
    'only the event that was rejected is sent again';
is_deeply [map { own_items($other, $_) } qw(q1 bad q3)], [1, 1, 1],
    'nothing is sent again to the other proxy';

$proxy->stop;
$answer = publish($httpd, 'a', 'gone');
is $answer->{status}, 502, 'a proxy that is stopped is 502';
is $answer->{json}{grip}[0]{error}, 'cannot connect',
    'the answer has the error';
is $sse->next_event(5)->{data}, 'gone', 'local clients receive the event';
$proxy->mode('ok');
$proxy->restart;
my $before = $proxy->items;
$answer = publish($httpd, 'a', 'back');
is $answer->{status}, 200, 'the proxy runs again: the answer is 200';
@items = $proxy->items;
is scalar @items, $before + 1, 'events that it missed are not sent again';

$proxy->mode('large');
is publish($httpd, 'a', 'large')->{status}, 200,
    'a long answer of the proxy is cut, and its status counts';

my $log = $httpd->error_log;
like $log, qr/ES0630.*\bdefault\b.*\Q$url\E/,
    'a failure is logged with the proxy';
like $log, qr/ES0631.*\bdefault\b/, 'the end of failures is logged';
unlike $log, qr/token123|changeme|pass.word/, 'the error log has no secret';
is scalar(grep { /ES0630.*\bdefault\b/ } split /\n/, $log) <= 4, 1,
    'not each failure is logged';

is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
