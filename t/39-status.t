#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Our figures in mod_status: clients, hubs, and how often each limit was
# reached, over all children and restarts.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

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

# All of ours in ?auto, the beginning of the key taken off.
sub figures
{
    my $body = get($httpd, '/server-status?auto')->{body};
    return {$body =~ /^EventStream\.(\S+): (\d+)$/mg};
}

sub is_figure
{
    my ($key, $value, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $now;
    wait_for(sub { ($now = figures()->{$key}) == $value }, 5);
    return is $now, $value, $name;
}

my @limits = qw(MaxClients MaxClientsPerAddress OpenFiles MaxHeld MaxChannels
    MaxChannelsPerClient MaxEventSize MaxBody GripMaxWaiting);
my @hub = qw(Subscriptions Channels Retained Published JournalUsed
    JournalSize);
my $at_start = figures();
is_deeply [sort keys %$at_start],
    [sort 'Clients', map({ "Reached.$_" } @limits),
        map({ ("Hub.default.$_", "Hub.shop.$_") } @hub)],
    'the keys of ?auto';
is_deeply [grep { $at_start->{$_} } sort keys %$at_start],
    ['Hub.default.JournalSize', 'Hub.shop.JournalSize'], 'all is 0 at first';
is $at_start->{'Hub.shop.JournalSize'}, 256 * 1024, 'but the sizes';

# ---- Hubs ------------------------------------------------------------------

my $both = subscribe($httpd, '/events?c=a&c=b');
my $other = subscribe($httpd, '/shop?c=a');
is_figure('Clients', 2, 'clients');
is_figure('Hub.default.Subscriptions', 2, 'subscriptions of one hub');
is_figure('Hub.shop.Subscriptions', 1, '... and of the other');
is_figure('Hub.default.Channels', 2, 'channels of a hub');
publish($httpd, ['b', 'c'], 'x', json => 1);
publish($httpd, 'b', 'y', id => 'mine') for 1 .. 2;
publish($httpd, 'b', 'x' x 50, path => '/sell') for 1 .. 3;
my $now = figures();
is $now->{'Hub.default.Published'}, 2,
    'published: one for two channels, one twice with the same id';
is $now->{'Hub.default.Retained'}, 3, 'retained: in each of its channels';
is $now->{'Hub.default.Channels'}, 3, 'a channel without clients counts';
is $now->{'Hub.shop.Published'}, 3, 'published in the other hub';
is $now->{'Hub.shop.Retained'}, 3, '... and retained';
cmp_ok $now->{'Hub.shop.JournalUsed'}, '>', 150, '... which takes room';
publish($httpd, 'b', 'z' x 100, path => '/sell') for 1 .. 1500;
$now = figures();
is $now->{'Hub.shop.Published'}, 1503, 'more than the journal holds';
cmp_ok $now->{'Hub.shop.Retained'}, '<', 1503, '... is not all retained';
cmp_ok $now->{'Hub.shop.JournalUsed'}, '<=', 256 * 1024, '... in its size';

# ---- Limits ----------------------------------------------------------------

my %reached;

sub reach
{
    my ($limit, $count) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $reached{$limit} += $count;
    my $figures = figures();
    return is_deeply {map { ($_ => $figures->{"Reached.$_"}) } @limits},
        {map { ($_ => $reached{$_} || 0) } @limits}, "reached: $limit";
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
is_figure('Clients', 2, 'those that have gone are not counted');
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
publish($httpd, $_, 'x') for 'd' .. 'f';
reach('none', 0);
is publish($httpd, 'g', 'x')->{status}, 503, 'no more channels';
ends('/events?c=h', from => '127.0.0.2');
reach('MaxChannels', 2);

$both->close;
$other->close;
is_figure('Clients', 0, 'all have gone');

# ---- People, restarts ------------------------------------------------------

my $page = get($httpd, '/server-status')->{body};
like $page, qr{<h2>Event streams</h2>\n<p>0 clients</p>}, 'the page';
like $page, qr{<td>shop</td><td>0</td><td>1</td><td>\d+</td><td>1503</td>},
    '... has hubs';
like $page, qr{<td>EventStreamMaxBody</td><td>2</td>}, '... and limits';
ok $httpd->graceful, 'graceful';
is_figure('Hub.shop.Published', 1503, 'what was counted stays');
is_figure('Reached.MaxBody', 2, '... of limits, too');
ok $httpd->kill_child(($httpd->children)[0]), 'a child is killed';
is_figure('Hub.shop.Published', 1503, '... also then');

# ---- Clients that hold a worker --------------------------------------------

$httpd = EventStream::Httpd->start(
    modules => ['status'], ssl => 1, conf => status_conf() . <<'CONF');
EventStreamMaxHeld 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
CONF
# two children hold one each; httpd may start more of them under load
my @held = map { subscribe($httpd, '/events', tls => 1) } 1 .. 2;
cmp_ok figures()->{Clients}, '>=', 1, 'held clients are clients';
wait_for(sub {
    push @held, subscribe($httpd, '/events', tls => 1);
    return figures()->{'Reached.MaxHeld'} >= 1;
}, 10, 'reached: MaxHeld');
$_->close for @held;
is_figure('Clients', 0, 'they free their place');

my $plain = EventStream::Httpd->start(conf => '');
is get($plain, '/')->{status} > 0, 1, 'without mod_status httpd runs, too';
done_testing;
