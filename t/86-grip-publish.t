#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What is published goes to GRIP proxies, too: with which words, in which order,
# and what the publisher is told.

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
is $sse->next_event(5)->{event}, 'stream-open', 'a direct client';

# ---- One proxy -------------------------------------------------------------

my $answer = publish($httpd, 'a', {x => "\x{e9}\n"}, json => 1,
    event => 'order');
is $answer->{status}, 200, 'published';
is_deeply $answer->{json}{grip}, [{proxy => "$url/", ok => JSON::PP::true}],
    'the proxy took it';
my $event = $sse->next_event(5);
is $event->{event}, 'order', 'a direct client has it';

my ($request) = $proxy->requests;
is $request->{method}, 'POST', 'posted';
is $request->{path}, '/publish/', 'where Pushpin takes it';
is $request->{headers}{'content-type'}, 'application/json', 'as JSON';
is $request->{headers}{'content-length'}, length $request->{body},
    'with its length, not chunked';
like $request->{headers}{'user-agent'}, qr/^mod_eventstream/, 'who we are';
ok !exists $request->{headers}{authorization}, 'no authorization';
ok !exists $request->{headers}{expect}, 'and nothing to wait for';
like $request->{body}, qr/\A\{"items":\[\{"formats":\{"http-stream":
    \{"content":"event:\ order\\n.*"\}\},"channel":"events-a"\}\]\}\z/x,
    'the form of the library';
my ($item) = $proxy->items;
is $item->{formats}{'http-stream'}{content},
    "event: order\nid: $event->{id}\n"
    . "data: {\"x\":\"\x{e9}\\n\"}\n\n",
    'the bytes that direct clients get';
ok !exists $item->{id}, 'no id without reliable mode';

# ---- Several events and channels -------------------------------------------

$answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => '[{"channel": ["b", "a,b;\"c\" d/\u00e9"], "text": "one"},'
        . '{"channel": "b", "text": "two"}]');
is $answer->{status}, 200, 'a list with an event for two channels';
my @items = $proxy->items;
is scalar(($proxy->requests)), 2, 'in one post';
is_deeply [map { $_->{channel} } @items[1 .. 3]],
    ['events-b', 'events-a%2Cb%3B%22c%22%20d%2F%C3%A9', 'events-b'],
    'an item for each channel, its name percent-encoded';
is $items[1]{formats}{'http-stream'}{content},
    $items[2]{formats}{'http-stream'}{content}, 'of the same bytes';

# ---- Two proxies -----------------------------------------------------------

$answer = publish($httpd, 'a', 'hello', path => '/two');
is $answer->{status}, 200, 'published to two proxies';
is scalar @{$answer->{json}{grip}}, 2, 'both are told';
is_deeply [map { $_->{proxy} } @{$answer->{json}{grip}}],
    ["$url/base/", $other->url . '/'], 'without query and password';
is +($proxy->requests)[-1]{path}, '/base/publish/?x=1', 'path and query';
is +($other->items)[0]{channel}, 'p:a', 'the prefix of the hub';
is +($other->requests)[0]{headers}{authorization},
    'Basic ' . MIME::Base64::encode_base64('me:pass@word', ''),
    'user and password';
publish($httpd, 'a', $_, path => '/two') for 1 .. 6;
my %connections = map { $_->{connection} => 1 } $other->requests;
cmp_ok scalar keys %connections, '<=', 2,
    'kept connections are used again: one in each child at most';

# ---- Who publishes ---------------------------------------------------------

publish($httpd, 'a', $_, path => '/signed') for 1 .. 3;
my @signed = $jwt->requests;
my ($token) = $signed[0]{headers}{authorization} =~ /^Bearer (\S+)$/;
my ($head, $claims) = map {
    JSON::PP::decode_json(MIME::Base64::decode_base64url($_))
} (split /\./, $token)[0, 1];
is $head->{alg}, 'HS256', 'a token of the kind of the key';
is $claims->{iss}, 'site', 'tells who';
cmp_ok abs($claims->{exp} - time - 600), '<', 30, 'for ten minutes';

publish($httpd, 'a', 'x', path => '/ec');
($token) = ($jwt->requests)[-1]{headers}{authorization} =~ /^Bearer (\S+)$/;
$head = JSON::PP::decode_json(
    MIME::Base64::decode_base64url((split /\./, $token)[0]));
is $head->{alg}, 'ES256', 'an EC key signs, too';

publish($httpd, 'a', 'x', path => '/bearer');
is +($jwt->requests)[-1]{headers}{authorization}, 'Bearer token123',
    'a key alone goes as it is';

# ---- Reliable mode ---------------------------------------------------------

my @reliable = grep { $_->{id} } $jwt->items;
is scalar @reliable, 3, 'items have ids';
like $reliable[0]{'prev-id'}, qr/^\d+-\d+$/, 'the first follows something';
is $reliable[1]{'prev-id'}, $reliable[0]{id}, 'the second follows the first';
is $reliable[2]{'prev-id'}, $reliable[1]{id}, 'and so on';

# ---- The end of a channel --------------------------------------------------

$answer = request($httpd, 'DELETE', '/publish?channel=b');
is $answer->{status}, 200, 'a channel is closed';
is_deeply +($proxy->items)[-1], {
    channel => 'events-b',
    formats => {'http-stream' => {action => 'close', content => ''}}},
    'and proxies are told';
like $answer->{body}, qr/"grip": \[\{"proxy": "[^"]+", "ok": true\}\]/,
    'as the publisher is';

# ---- What goes wrong -------------------------------------------------------

sub fails
{
    my ($mode, $words, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $proxy->mode($mode);
    my $got = publish($httpd, 'a', $mode);
    is $got->{status}, 502, "$name: 502";
    is $got->{json}{published}, 1, "$name: stored";
    like $got->{json}{grip}[0]{error}, $words, "$name: why";
    like $got->{json}{error}, qr/not taken by \Q$url\E/, "$name: which";
    is $sse->next_event(5)->{data}, $mode, "$name: local clients have it";
    return;
}

fails('status 500', qr/^status 500$/, 'an error of the proxy');
fails('status 401', qr/^status 401$/, 'a wrong key');
fails('status 302', qr/^status 302$/, 'a redirect, which is not followed');
is scalar(grep { $_->{path} eq '/elsewhere' } $proxy->requests), 0,
    'not even to the same proxy';
fails('cut', qr/^the connection ended/, 'a connection that ends');
fails('deaf', qr/^the connection ended/, 'one that ends at once');

$answer = publish($httpd, 'a', 'x', path => '/quiet');
is $answer->{status}, 200, 'with EventStreamGripOnError ignore no error';
is $answer->{json}{grip}[0]{ok}, JSON::PP::false, 'but told';

$answer = publish($httpd, 'a', 'x', path => '/two');
is $answer->{status}, 502, 'one of two fails';
is_deeply [map { $_->{ok} ? 1 : 0 } @{$answer->{json}{grip}}], [0, 1],
    'the other took it';
is scalar(grep { /"data: x\\n\\n"/ } map { $_->{body} } $other->requests), 0,
    'sanity: bodies have ids';
like +($other->items)[-1]{formats}{'http-stream'}{content}, qr/data: x\n/,
    'and has it';

# ---- Once more with the same id --------------------------------------------

sub own_items
{
    my ($from, $id) = @_;
    return scalar grep {
        $_->{formats}{'http-stream'}{content} =~ /^id: $id$/m
    } $from->items;
}

my @own = ('a', 'own', path => '/two', id => 'p1');
$proxy->mode('status 500');
is publish($httpd, @own)->{status}, 502, 'one proxy does not take it';
is publish($httpd, @own)->{status}, 502, 'nor when it comes again';
$proxy->mode('ok');
is publish($httpd, @own)->{status}, 200, 'then it does';
is publish($httpd, @own)->{status}, 200, 'and is not asked again';
is own_items($proxy, 'p1'), 1, 'it has it once';
is own_items($other, 'p1'), 1, 'and so has the one that took it at once';

my $list = sub {
    return request($httpd, 'POST', '/two', body => JSON::PP::encode_json(
        [map { {channel => 'a', text => $_, id => $_} } qw(q1 poison q3)]),
        headers => ['Content-Type: application/json'])->{status};
};
$proxy->mode('picky poison');
is $list->(), 502, 'one of three events is not taken';
$proxy->mode('ok');
is $list->(), 200, 'the list comes again';
is_deeply [map { own_items($proxy, $_) } qw(q1 poison q3)], [1, 1, 1],
    'and only the one was sent again';
is_deeply [map { own_items($other, $_) } qw(q1 poison q3)], [1, 1, 1],
    'to the one proxy';

$proxy->stop;
$answer = publish($httpd, 'a', 'gone');
is $answer->{status}, 502, 'a proxy that is not there';
is $answer->{json}{grip}[0]{error}, 'cannot connect', 'cannot be connected to';
is $sse->next_event(5)->{data}, 'gone', 'local clients have it';
$proxy->mode('ok');
$proxy->start_again;
my $before = $proxy->items;
$answer = publish($httpd, 'a', 'back');
is $answer->{status}, 200, 'it is back';
@items = $proxy->items;
is scalar @items, $before + 1, 'what it has missed is not sent again';

$proxy->mode('large');
is publish($httpd, 'a', 'large')->{status}, 200,
    'a long answer is cut, and its status counts';

my $log = $httpd->error_log;
like $log, qr/ES0630: hub default: the GRIP proxy \Q$url\E\S* did not take/,
    'failures are logged';
like $log, qr/ES0631: hub default/, 'and their end';
unlike $log, qr/token123|changeme|pass.word/, 'without secrets';
is scalar(grep { /ES0630: hub default/ } split /\n/, $log) <= 4, 1,
    'and not each of them';

is $httpd->stop, 0, 'httpd ends well';
done_testing;
