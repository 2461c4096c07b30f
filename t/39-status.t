#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What mod_status shows of us: clients, hubs, and how often each limit was
# reached, over all children and restarts.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Tls;

plan skip_all => 'needs mod_status'
    if !EventStream::Httpd->has_module('status');

my $httpd = EventStream::Httpd->start(
    modules => ['status'], conf => status_conf() . <<'CONF');
EventStreamHub shop size=256k
EventStreamMaxClients 4
EventStreamMaxClientsPerAddress 2
EventStreamMaxChannels 6
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamMaxChannelsPerClient 2
</Location>
<Location "/shop">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub shop
</Location>
<LocationMatch "^/(publish|sell)$">
    SetHandler eventstream-publish
    EventStreamMaxEventSize 100
    EventStreamMaxBody 1000
</LocationMatch>
<Location "/sell">
    EventStreamUseHub shop
</Location>
CONF

# Our lines of ?auto, without the start of each key.
sub stats
{
    my $body = get($httpd, '/server-status?auto')->{body};
    return {$body =~ /^EventStream\.(\S+): (\d+)$/mg};
}

sub is_stat
{
    my ($key, $value, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $now;
    wait_for(sub { ($now = stats()->{$key}) == $value }, 5);
    return is $now, $value, $name;
}

my @limits = qw(MaxClients MaxClientsPerAddress OpenFiles MaxHeld MaxChannels
    MaxChannelsPerClient MaxEventSize MaxBody GripMaxWaiting
    MaxChannelsPerAddress Http2 MaxPresence PublishRate
    MaxClientsPerUser);
my @tls = EventStream::Httpd->build('detaches_tls') ne 'yes' ? ()
    : qw(SwitchedOff UnknownTls OldVersion OtherCipher NotTested Compression
        ShortRecords NotSettled InputLeft NotCounted Padded);
my @path = qw(Http2 OtherTls Filter Kept);
my @hub = qw(Clients Subscriptions Channels Retained Published JournalUsed
    JournalSize);
my $at_start = stats();
is_deeply [sort keys %$at_start],
    [sort 'Clients', 'Detached.Plain', 'Detached.Tls', 'Held',
        map({ "NotDetached.$_" } @path, @tls), map({ "Reached.$_" } @limits),
        map({ "Revoked.$_" } qw(Holding Refused Streams Times)),
        map({ ("Hub.default.$_", "Hub.shop.$_") } @hub)],
    'the keys of ?auto are as documented';
is_deeply [grep { $at_start->{$_} } sort keys %$at_start],
    ['Hub.default.JournalSize', 'Hub.shop.JournalSize'],
    'all statistics but sizes start at 0';
is $at_start->{'Hub.shop.JournalSize'}, 256 * 1024,
    'the size of a journal is that of the directive';

# ---- Hubs ------------------------------------------------------------------

my $kind = over_tls() ? 'Detached.Tls' : 'Detached.Plain';
my $both = subscribe($httpd, '/events?c=a&c=b');
my $other = subscribe($httpd, '/shop?c=a');
is_stat('Clients', 2, 'clients are counted over all hubs');
is_stat($kind, 2, 'they are detached');
is_stat('Hub.default.Clients', 1,
    'a client counts once in its hub');
is_stat('Hub.shop.Clients', 1, 'and not in another');
is_stat('Hub.default.Subscriptions', 2,
    'subscriptions are counted in their hub');
is_stat('Hub.shop.Subscriptions', 1,
    'subscriptions of another hub are counted apart');
is_stat('Hub.default.Channels', 2, 'channels of a hub are counted');
publish($httpd, ['b', 'c'], 'x', json => 1);
publish($httpd, 'b', 'y', id => 'mine') for 1 .. 2;
publish($httpd, 'b', 'x' x 50, path => '/sell') for 1 .. 3;
my $now = stats();
is $now->{'Hub.default.Published'}, 2,
    'an event of two channels counts once, an event under a known id does not';
is $now->{'Hub.default.Retained'}, 3,
    'a retained event counts in each of its channels';
is $now->{'Hub.default.Channels'}, 3, 'a channel without clients is counted';
is $now->{'Hub.shop.Published'}, 3, 'events of another hub are counted apart';
is $now->{'Hub.shop.Retained'}, 3,
    'retained events of another hub are counted apart';
cmp_ok $now->{'Hub.shop.JournalUsed'}, '>', 150,
    'retained events use the journal';
publish($httpd, 'b', 'z' x 100, path => '/sell') for 1 .. 1500;
$now = stats();
is $now->{'Hub.shop.Published'}, 1503,
    'events that were evicted still count as published';
cmp_ok $now->{'Hub.shop.Retained'}, '<', 1503,
    'events that were evicted do not count as retained';
cmp_ok $now->{'Hub.shop.JournalUsed'}, '<=', 256 * 1024,
    'the journal uses no more than its size';

# ---- Limits ----------------------------------------------------------------

my %reached;

sub reach
{
    my ($limit, $count) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $reached{$limit} += $count;
    my $stats = stats();
    return is_deeply {map { ($_ => $stats->{"Reached.$_"}) } @limits},
        {map { ($_ => $reached{$_} || 0) } @limits},
        "a reached limit is counted, and no other: $limit";
}

sub ends
{
    my ($path, %opt) = @_;
    return subscribe($httpd, $path, %opt)->is_ended(5);
}

reach('none', 0);
ends('/events?c=a');
reach('MaxClientsPerAddress', 1);
my @more = map { subscribe($httpd, '/events?c=a', host => '127.0.0.1',
    from => "127.0.0.$_") } 2, 3;
ends('/events?c=a', from => '127.0.0.4');
reach('MaxClients', 1);
$_->close for @more;
is_stat('Clients', 2, 'clients that have closed are not counted');
get($httpd, '/events?c=a&c=b&c=c');
reach('MaxChannelsPerClient', 1);
publish($httpd, 'a', 'x' x 101);
publish($httpd, 'a', 'x' x 101, json => 1);
request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => JSON::PP::encode_json({items => [{channel => 'a', formats =>
        {'http-stream' => {content => 'data: ' . 'x' x 101 . "\n\n"}}}]}));
reach('MaxEventSize', 3);
publish($httpd, 'a', 'x' x 1001);
request($httpd, 'POST', '/publish', body => 'x' x 1001 . "\n",
    headers => ['Content-Type: application/x-ndjson']);
reach('MaxBody', 2);
request($httpd, 'DELETE', "/publish?channel=$_&for=600") for 'c' .. 'f';
reach('none', 0);
is publish($httpd, 'g', 'x')->{status}, 503, 'one channel more gets 503';
ends('/events?c=h', from => '127.0.0.2');
reach('MaxChannels', 2);

$both->close;
$other->close;
is_stat('Clients', 0, 'no client is counted when all have closed');
is_stat($kind, 0, 'nor is a detached one');

# ---- The page, restarts ----------------------------------------------------

my $page = get($httpd, '/server-status')->{body};
like $page, qr{<h2>Event\ streams</h2>\n
    <p>0\ clients:\ 0\ detached,\ 0\ detached\ over\ TLS,\ 0\ held</p>}x,
    'the page of mod_status shows the clients';
like $page, qr{<td>shop</td><td>0</td><td>0</td><td>1</td><td>\d+</td>
    <td>1503</td>}x,
    'the page shows hubs';
like $page, qr{<td>EventStreamMaxBody</td><td>2</td>}, 'the page shows limits';
ok $httpd->graceful, 'graceful succeeds';
is_stat('Hub.shop.Published', 1503,
    'counters of events are kept over graceful');
is_stat('Reached.MaxBody', 2, 'counters of limits are kept over graceful');
ok $httpd->kill_child(($httpd->children)[0]), 'a killed child is replaced';
is_stat('Hub.shop.Published', 1503, 'counters are kept over a killed child');

# ---- Clients that hold a worker --------------------------------------------

$httpd = EventStream::Httpd->start(
    modules => ['status'], ssl => 1, conf => status_conf() . <<'CONF');
EventStreamDetachTLS off
EventStreamMaxHeld 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
CONF
# two children hold one client each; httpd may start more children under load
my @held = map { subscribe($httpd, '/events', tls => 1) } 1 .. 2;
cmp_ok stats()->{Clients}, '>=', 1, 'held clients are counted';
wait_for(sub { ($now = stats())->{Held} >= 1 }, 15, 'they are counted as held');
is $now->{'Detached.Tls'}, 0, 'they are not detached';
if (@tls) {
    # a client may have its first bytes before its worker counts the reason
    wait_for(sub { ($now = stats())->{'NotDetached.SwitchedOff'} >= 2 }, 15,
        'the reason is counted');
    is scalar(grep { $now->{"NotDetached.$_"} } @path, @tls), 1,
        'and no other';
}
wait_for(sub {
    push @held, subscribe($httpd, '/events', tls => 1);
    return stats()->{'Reached.MaxHeld'} >= 1;
}, 10, 'MaxHeld is counted when it is reached');
$_->close for @held;
is_stat('Clients', 0, 'held clients that have closed are not counted');
is_stat('Held', 0, 'nor are they counted as held');

# ---- Clients over TLS ------------------------------------------------------

if (@tls) {
    $httpd = EventStream::Httpd->start(
        modules => ['status'], ssl => 1, conf => status_conf() . <<'CONF');
SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA
EventStreamMaxHeld 4
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
CONF
    my $one = subscribe($httpd, '/events');    # plain, if this test is
    my ($plain, $sealed) = over_tls() ? (0, 4) : (1, 3);
    my @detached = map { subscribe($httpd, '/events', tls => 1) } 1 .. 3;
    my @old = map { subscribe($httpd, '/events', tls => 1, curl => ['--tls-max',
        '1.2', '--ciphers', 'ECDHE-RSA-AES128-SHA']) } 1 .. 2;
    is_stat('Detached.Tls', $sealed, 'detached clients over TLS are counted');
    is_stat('Detached.Plain', $plain, 'and plain ones');
    is_stat('Held', 2, 'and those whose cipher is an old one');
    is_stat('NotDetached.OtherCipher', 2,
        'each of these is counted once for its reason');
    like get($httpd, '/server-status')->{body},
        qr{<td>the cipher is not AES-GCM or ChaCha20-Poly1305</td><td>2</td>},
        'the page has the reason';
    ok $httpd->graceful, 'graceful succeeds with them';
    is_stat('Held', 0, 'the held ones end');
    is_stat('Detached.Tls', $sealed,
        'those over TLS that are handed over stay so');
    is_stat('Detached.Plain', $plain, 'plain ones likewise');
    is_stat('Clients', 4, 'all have a kind');
    is stats()->{'NotDetached.OtherCipher'}, 2,
        'counters of reasons are kept over graceful';
    ok $httpd->kill_child($_), 'a killed child is replaced'
        for $httpd->children;
    is_stat($_, 0, "what a killed child had is not counted: $_")
        for 'Detached.Tls', 'Detached.Plain';
}

# ---- HTTP/2, and filters -----------------------------------------------------

SKIP: {
    skip 'needs mod_http2', 4 if !EventStream::Httpd->has_module('http2');
    $httpd = EventStream::Httpd->start(
        modules => ['status', 'substitute'], h2 => 1,
        conf => status_conf() . <<'CONF');
<LocationMatch "^/(events|filtered)$">
    SetHandler eventstream
    EventStreamChannel a
</LocationMatch>
<Location "/filtered">
    SetOutputFilter SUBSTITUTE
    Substitute "s/a word that no event has/x/n"
</Location>
CONF
    my @clients = (subscribe($httpd, '/events', http2 => 1),
        map { subscribe($httpd, '/filtered') } 1 .. 2);
    is_stat('NotDetached.Http2', 1, 'a client over HTTP/2 is counted');
    is_stat('NotDetached.Filter', 2, 'and those behind a filter');
    is scalar(grep { stats()->{"NotDetached.$_"} } @path, @tls), 2,
        'and nothing else';
    like get($httpd, '/server-status')->{body},
        qr{<td>over HTTP/2 a stream ends with its worker</td><td>1</td>},
        'the page has it';
}

my $plain = EventStream::Httpd->start(conf => '');
is get($plain, '/')->{status} > 0, 1, 'httpd runs without mod_status, too';
done_testing;
