#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The metrics: what they say is what clients have received, also after children
# were killed or replaced and a hub was resized. Prometheus's own promtool reads
# them.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();
use Time::HiRes ();

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Redis;
use EventStream::Source;
use EventStream::Tls;

my $big = 'size=1m';
my $conf = <<'CONF';
EventStreamHub shop SHOPSIZE
EventStreamMaxChannels 1000
<Location "/metrics">
    SetHandler eventstream-metrics
    EventStreamMetricsChannels news "a \"b\" \\c" never
    Require local
</Location>
<Location "/closed">
    SetHandler eventstream-metrics
</Location>
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/filtered">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    SetOutputFilter SUBSTITUTE
    Substitute "s/never/ever/n"
</Location>
<Location "/shop">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub shop
</Location>
<LocationMatch "^/(publish|sell)$">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/sell">
    EventStreamUseHub shop
</Location>
CONF

sub conf_with { my ($size) = @_; return $conf =~ s/SHOPSIZE/$size/r }

my $httpd = EventStream::Httpd->start(
    modules => ['filter', 'substitute'], conf => conf_with('size=256k'));

my $open_metrics = 'application/openmetrics-text; version=1.0.0';

sub text { return get($httpd, '/metrics')->{body} }

# {name{labels} => value}
sub metrics
{
    my ($body) = @_;
    $body //= text();
    return {$body =~ /^([a-z_]+(?:\{.*\})?) (\S+)$/mg};
}

sub is_metric
{
    my ($key, $value, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $now;
    wait_for(sub { ($now = metrics()->{$key} // -1) eq $value }, 10);
    return is $now, $value, $name;
}

my $has_promtool = system('promtool --version >/dev/null 2>&1') == 0;

# What promtool says of a text; '' = it is as it should be.
sub promtool
{
    my ($body) = @_;
    my $file = File::Temp->new;
    binmode $file;
    print $file $body;
    close $file;
    return `promtool check metrics <$file 2>&1`;
}

# ---- Who may, and in which form ----------------------------------------------

my $answer = get($httpd, '/metrics');
is $answer->{status}, 200, 'a section with Require is open to whom it admits';
is $answer->{headers}{'content-type'},
    'text/plain; version=0.0.4; charset=utf-8', 'the text format is preset';
is $answer->{headers}{'cache-control'}, 'no-store', 'no cache keeps it';
unlike $answer->{body}, qr/^# EOF/m, 'its end is not marked';
$answer = get($httpd, '/metrics', "Accept: $open_metrics,text/plain;q=0.5");
like $answer->{headers}{'content-type'},
    qr{^application/openmetrics-text; version=1\.0\.0}, 'OpenMetrics on demand';
like $answer->{body}, qr/\n# EOF\n\z/, 'its end is marked';
like $answer->{body}, qr/^# TYPE eventstream_published_events counter$/m,
    'its families of counters have no _total';
like $answer->{body}, qr/^eventstream_published_events_total\{/m,
    'their samples have it';
is get($httpd, '/closed')->{status}, 403, 'a section without Require is closed';
is request($httpd, 'POST', '/metrics', body => 'x')->{status}, 405,
    'POST is refused';
$answer = request($httpd, 'HEAD', '/metrics');
is_deeply [@$answer{qw(status body)}], [200, ''], 'HEAD has no body';
is get($httpd, '/metrics', 'Range: bytes=0-9')->{status}, 200,
    'ranges are ignored';

# ---- What clients have received ----------------------------------------------

my $name = 'a "b" \\c';
my $url = '/events?c=a%20%22b%22%20%5Cc';
my @clients = (map({ subscribe($httpd, '/events?c=news') } 1 .. 3),
    subscribe($httpd, '/events?c=news&c=other'), subscribe($httpd, $url));
my $held = subscribe($httpd, '/filtered?c=news');
my $shop = subscribe($httpd, '/shop?c=news');
my %received; # by hub

sub receive
{
    my ($hub, $client, $count) = @_;
    my @events = grep { $_->{event} eq 'message' } map {
        $client->skip_to('message', 10) // () } 1 .. $count;
    $received{$hub} += @events;
    return scalar @events;
}

my $kind = over_tls() ? 'detached_tls' : 'detached';
is_metric(qq{eventstream_clients{kind="$kind"}}, 6,
    'clients are counted by how they are served');
is_metric('eventstream_clients{kind="held"}', 1, 'a held one, too');
is_metric('eventstream_hub_clients{hub="default"}', 6,
    'and by their hub: one with two channels is one');
is_metric('eventstream_hub_clients{hub="shop"}', 1, 'also of another hub');
publish($httpd, 'news', "event $_") for 1 .. 20;
publish($httpd, ['news', 'other'], 'both', json => 1);
publish($httpd, $name, 'x') for 1 .. 5;
publish($httpd, 'news', 'x', path => '/sell') for 1 .. 7;
receive('default', $_, 21) for @clients[0 .. 3], $held;
receive('default', $clients[4], 5);
receive('shop', $shop, 7);
is $received{default}, 5 * 21 + 5, 'the clients have received all';
for my $hub (qw(default shop)) {
    is_metric(qq{eventstream_delivered_events_total{hub="$hub"}},
        $received{$hub}, "as many events as the metrics count: $hub");
}
is_metric('eventstream_published_events_total{hub="default"}', 26,
    'published events are counted once');
is_metric('eventstream_streams_total{hub="default"}', 6,
    'streams are counted');
my $bytes = 0;
$bytes += length $_->bytes for @clients;
wait_for(sub {
    return metrics()->{'eventstream_sent_bytes_total{hub="default"}'} >= $bytes;
}, 10, 'all bytes that clients got are counted');
is_metric('eventstream_channel_subscriptions{hub="default",channel="news"}', 5,
    'subscribers of a named channel');
is_metric('eventstream_channel_retained_events{hub="default",channel="news"}',
    21, 'its retained events');
is_metric('eventstream_channel_subscriptions{hub="default",'
        . 'channel="a \\"b\\" \\\\c"}', 1, 'names of channels are escaped');
is_metric('eventstream_channel_subscriptions{hub="default",channel="never"}',
    0, 'a named channel that is not known has nobody');
unlike text(), qr/channel="other"/, 'a channel that is not named is not told';

# ---- Times -------------------------------------------------------------------

my $now = metrics();
is $now->{'eventstream_publish_seconds_count{hub="default"}'}, 26,
    'each batch is timed';
is $now->{'eventstream_publish_seconds_count{hub="shop"}'}, 7,
    'for its hub alone';
cmp_ok $now->{'eventstream_publish_seconds_sum{hub="default"}'}, '<', 26,
    'in seconds';
for my $hub (qw(default shop)) {
    my $lag = 'eventstream_delivery_lag_seconds';
    my $count = $now->{qq{${lag}_count{hub="$hub"}}};
    my $sum = $now->{qq{${lag}_sum{hub="$hub"}}};
    cmp_ok $count, '>', 0, "rounds are timed: $hub";
    cmp_ok $sum, '>', 0, 'their lag is not 0';
    cmp_ok $sum / $count, '<', 5, 'and is a time of this test';
    is $now->{qq{${lag}_bucket{hub="$hub",le="+Inf"}}}, $count,
        'buckets add up';
}
cmp_ok $now->{'eventstream_delivery_lag_seconds_count{hub="shop"}'}, '<=', 7,
    'a hub has its own rounds only';
my $held_lag = 'eventstream_held_lag_seconds';
my $writes = $now->{qq{${held_lag}_count{hub="default"}}};
ok $writes > 0 && $writes <= 21, 'writes to a held client are timed'
    or diag $writes;
cmp_ok $now->{qq{${held_lag}_sum{hub="default"}}}, '<', 5 * $writes,
    'in seconds, too';
is $now->{qq{${held_lag}_count{hub="shop"}}}, 0, 'where there is one';
my $last = 0;
my @falling = grep { my $is = $_ < $last; $last = $_; $is } text() =~
    /^eventstream_publish_seconds_bucket\{hub="default",.*\} (\d+)/mg;
is_deeply \@falling, [], 'buckets are cumulative';
my $back = subscribe($httpd, '/events?c=news',
    headers => ['Last-Event-ID: ' . $clients[0]->last_id]);
receive('default', $back, 0);
is_metric('eventstream_replay_events_bucket{hub="default",le="0.0"}', 1,
    'a client that has missed nothing is a replay of 0 events');
$back->close;
my $first_id = ($clients[1]->bytes =~ /^id: (\S+)\ndata: event 1$/m)[0];
$back = subscribe($httpd, '/events?c=news',
    headers => ["Last-Event-ID: $first_id"]);
is receive('default', $back, 20), 20, 'a client gets what it has missed';
is_metric('eventstream_replay_events_sum{hub="default"}', 20,
    'the length of replays');
is_metric('eventstream_replay_events_count{hub="default"}', 2,
    'and their number');
$back->close;
$back = subscribe($httpd, '/events?c=news', headers => ['Last-Event-ID: 1-1']);
ok $back->skip_to('stream-reset', 5), 'a client with an unknown id is reset';
is_metric('eventstream_resets_total{hub="default",reason="resume"}', 1,
    'it is counted');
$back->close;

# What is counted as late is late: a child is stopped for more than a second,
# and an event is published by another one meanwhile.
sub late
{
    my ($family) = @_;
    my $now = metrics();
    return $now->{qq{${family}_count{hub="default"}}}
        - $now->{qq{${family}_bucket{hub="default",le="1.0"}}};
}

# Each of its threads; a signal takes its time.
sub is_stopped
{
    my ($pid) = @_;
    return !grep { EventStream::Httpd::slurp($_) !~ /\) T / }
        glob "/proc/$pid/task/*/stat";
}

for (['eventstream_delivery_lag_seconds', '/events?c=late'],
    ['eventstream_held_lag_seconds', '/filtered?c=late']) {
    my ($family, $path) = @$_;
    my $client = subscribe($httpd, $path);
    my $was = late($family);
    my $was_late = 0;
    for my $child ($httpd->children) {
        kill STOP => $child;
        wait_for(sub { is_stopped($child) }, 10);
        my $began = Time::HiRes::time();
        publish($httpd, 'late', 'x');
        my $event = $client->skip_to('message', 1.2);
        my $left = 1.2 - (Time::HiRes::time() - $began);
        Time::HiRes::sleep($left) if !$event && $left > 0;
        kill CONT => $child;
        next if $event;
        $was_late++;
        ok $client->skip_to('message', 20), 'the client gets it at last';
    }
    $received{default} += $httpd->children;
    is $was_late, 1, "one of the children has the client: $path";
    ok wait_for(sub { late($family) - $was == 1 }, 10),
        "its event is counted as late in $family" or diag late($family) - $was;
    $client->close;
}

# ---- A client that verifies --------------------------------------------------

# bench/load checks each event of each client, and counts them.
sub load
{
    my (@options) = @_;
    open my $in, '-|', builddir() . '/bench/load',
        '--servers', '127.0.0.1:' . $httpd->port,
        '--subscribe', '/events?c=load{}', '--channel', 'load{}',
        '--seconds', 60, @options
        or die "bench/load: $!";
    return {do { local $/; <$in> } =~ /^(\w+) +(\S+)$/mg};
}

SKIP: {
    skip 'bench/load would publish over TLS', 4 if over_tls();
    for (['one channel', qw(--clients 40 --channels 1 --events 300)],
        ['many channels', qw(--clients 60 --channels 20 --events 600)]) {
        my ($what, @options) = @$_;
        my $delivered = 'eventstream_delivered_events_total{hub="default"}';
        my $was = metrics()->{$delivered};
        my $load = load(@options);
        is $load->{result}, 'ok', "a verifying client has got all: $what";
        is_metric($delivered, $was + $load->{deliveries},
            "the metrics count as many: $what");
        $received{default} += $load->{deliveries};
    }
}

# ---- promtool ----------------------------------------------------------------

SKIP: {
    skip 'needs promtool of the package prometheus', 1 if !$has_promtool;
    is promtool(text()), '', 'promtool finds no fault';
}

# ---- Children that die, and new ones -----------------------------------------

# Those of a child are told only while there is one with its number.
sub totals
{
    my $all = metrics();
    return {map { ($_ => $all->{$_}) }
        grep { /_total\b|_count\b|_bucket\b/ && !/^eventstream_child_/ }
        keys %$all};
}

sub fallen
{
    my ($before, $after) = @_;
    return [grep { ($after->{$_} // -1) < $before->{$_} } sort keys %$before];
}

my $before = totals();
$_->close for @clients, $held, $shop;
wait_for(sub { metrics()->{qq{eventstream_clients{kind="$kind"}}} == 0 }, 10);
is_metric('eventstream_hub_clients{hub="default"}', 0,
    'clients that are gone have gone from their hub');
@clients = map { subscribe($httpd, '/events?c=news') } 1 .. 3;
$held = subscribe($httpd, '/filtered?c=news');
is_metric('eventstream_hub_clients{hub="default"}', 4, 'others have come');
$httpd->kill_child($_) for $httpd->children;
is_deeply fallen($before, totals()), [],
    'no total falls when all children are killed';
is_metric('eventstream_hub_clients{hub="default"}', 0,
    'the clients of killed children are not counted');
@clients = map { subscribe($httpd, '/events?c=news') } 1 .. 4;
publish($httpd, 'news', 'again') for 1 .. 10;
receive('default', $_, 10) for @clients;
is_metric('eventstream_delivered_events_total{hub="default"}',
    $received{default}, 'the count goes on where it was');
my ($victim) = $httpd->children;
$httpd->kill_child($victim);
is_metric('eventstream_children{state="stopping"}', 0,
    'a child that was killed is gone');
my %of_child = text() =~ /^eventstream_child_clients\{child="(\d+)"\} (\d+)/mg;
my $sum = 0;
$sum += $_ for values %of_child;
cmp_ok $sum, '<=', 4, 'so are its clients';
$_->close for @clients;

@clients = map { subscribe($httpd, '/events?c=news') } 1 .. 4;
$before = totals();
ok $httpd->graceful, 'graceful';
publish($httpd, 'news', 'later') for 1 .. 5;
is receive('default', $_, 5), 5, 'clients go on' for @clients;
is_deeply fallen($before, totals()), [], 'no total falls at a graceful restart';
is_metric('eventstream_delivered_events_total{hub="default"}',
    $received{default}, 'clients that were handed over are counted once');
is_metric('eventstream_hub_clients{hub="default"}', 4, 'in their hub, too');
is_metric('eventstream_configuration_generation', 1,
    'the configuration is the second one');

# ---- A hub of another size ---------------------------------------------------

is_metric('eventstream_journal_size_bytes{hub="shop"}', 256 * 1024,
    'the size of a hub');
$before = totals();
$httpd->rewrite_conf(conf_with($big));
ok $httpd->restart, 'restart with a larger hub';
is_metric('eventstream_journal_size_bytes{hub="shop"}', 1024 * 1024,
    'its size is the new one');
is_deeply fallen($before, totals()), [], 'no total falls';
$shop = subscribe($httpd, '/shop?c=news');
publish($httpd, 'news', 'x', path => '/sell') for 1 .. 3;
receive('shop', $shop, 3);
is_metric('eventstream_delivered_events_total{hub="shop"}', $received{shop},
    'and the count goes on');

# ---- Measured in the ticker --------------------------------------------------

wait_for(sub {
    my @cpu = text() =~ /^eventstream_child_cpu_seconds_total\{.*\} (\S+)/mg;
    return @cpu >= 2;
}, 10, 'each child measures its CPU time, whoever answers');
my @files = text() =~ /^eventstream_child_open_files\{.*\} (\d+)/mg;
is_deeply [grep { $_ < 5 || $_ > 10000 } @files], [],
    'and counts its open files';
is $httpd->faults // '', '', 'the shared memory is sound';

# ---- Brokers and GRIP proxies ------------------------------------------------

my $seeing = <<'CONF';
# nobody listens at @PORT:nobody@
EventStreamGrip http://127.0.0.1:@PORT:nobody@/?key=secret
<Location "/metrics">
    SetHandler eventstream-metrics
    Require local
</Location>
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
CONF

# What the JSON of the status page says, and what the metrics say.
sub seen
{
    my ($node) = @_;
    return (JSON::PP::decode_json(get($node, '/status?json')->{body}),
        metrics(get($node, '/metrics')->{body}));
}

SKIP: {
    skip 'no broker', 1 if !EventStream::Redis->is_installed;
    my $cluster = EventStream::Cluster->start(nodes => 1, conf => $seeing);
    my ($node) = $cluster->nodes;
    $cluster->wait_synced;
    my $answer = publish($node, 'news', 'x');
    is $answer->{status}, 502, 'a GRIP proxy that does not answer';
    my ($json, $told);
    ok wait_for(sub {
        ($json, $told) = seen($node);
        return $json->{proxies}[0] && !$json->{proxies}[0]{up};
    }, 20), 'is down in the JSON of the status page';
    my $proxy = $json->{proxies}[0];
    is $proxy->{hub}, 'default', 'with its hub';
    is $proxy->{name}, 'http://127.0.0.1:' . $node->port_of('nobody') . '/',
        'its address, without the key';
    cmp_ok $proxy->{failures}, '>', 0, 'how often it has failed';
    like $proxy->{error}, qr/connect|refused/i, 'and why';
    my $of_proxy = qq({hub="default",proxy="$proxy->{name}"});
    is $told->{"eventstream_proxy_up$of_proxy"}, 0, 'it is down in the metrics';
    cmp_ok $told->{"eventstream_proxy_failures_total$of_proxy"}, '>', 0,
        'with its failures';
    ok exists $told->{"eventstream_proxy_queued_bytes$of_proxy"},
        'and what waits for it';
    my $link = $json->{hubs}[0]{cluster};
    is_deeply [@$link{qw(up synced error)}],
        [JSON::PP::true, JSON::PP::true, undef],
        'the link to the broker is up';
    is $told->{'eventstream_cluster_up{hub="default"}'}, 1,
        'in the metrics, too';
    is $told->{'eventstream_cluster_published_events_total{hub="default"}'}, 1,
        'what was published there is counted';
    is promtool(get($node, '/metrics')->{body}), '',
        'promtool finds no fault in any of it' if $has_promtool;
    $cluster->broker->kill;
    ok wait_for(sub {
        ($json, $told) = seen($node);
        return $told->{'eventstream_cluster_up{hub="default"}'} == 0
            && !$json->{hubs}[0]{cluster}{up};
    }, 30), 'a broker that was killed is down, in the JSON, too';
    ok $json->{hubs}[0]{cluster}{error}, 'with the reason';
}

done_testing;
