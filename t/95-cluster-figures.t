#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a server says of its link to the broker: mod_status, the metrics and the
# status page agree, and tell when the link fails, why, and that it is back.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start(
    words => 'timeout=1s', broker => {append => 1}, conf => <<'CONF');
<Location "/metrics">
    SetHandler eventstream-metrics
    Require local
</Location>
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
CONF
my ($a, $b) = $cluster->nodes;

# name => value, of the hub
sub metrics
{
    my ($node) = @_;
    my $body = get($node, '/metrics')->{body};
    return {$body =~ /^eventstream_cluster_(\w+)\{hub="default"\} (\S+)$/mg};
}

sub page
{
    my ($node) = @_;
    my $got = JSON::PP::decode_json(
        get($node, '/status?json')->{body});
    my ($hub) = grep { $_->{name} eq 'default' } @{$got->{hubs}};
    return $hub->{cluster} || {};
}

# The three, read at the same time: once more if an entry has come in between.
sub figures
{
    my ($node) = @_;
    my ($status, $metrics, $page);
    for (1 .. 20) {
        $status = $cluster->status($node);
        ($metrics, $page) = (metrics($node), page($node));
        my $again = $cluster->status($node);
        last if !grep { $status->{$_} ne $again->{$_} } keys %$status;
    }
    return ($status, $metrics, $page);
}

# Name in mod_status, in the metrics, in the status page.
my @counts = (['Reconnects', 'connects_again_total', 'reconnects'],
    ['Entries', 'entries_total', 'entries'], ['Fills', 'fills_total', 'fills'],
    ['Published', 'published_events_total', 'published'],
    ['Unavailable', 'unavailable_events_total', 'unavailable']);

sub agree
{
    my ($node, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $metrics, $page) = figures($node);
    my (@expected, @of_metrics, @of_page);
    for my $count (@counts) {
        push @expected, "$count->[0] $status->{$count->[0]}";
        push @of_metrics, "$count->[0] $metrics->{$count->[1]}";
        push @of_page, "$count->[0] $page->{$count->[2]}";
    }
    is "@of_metrics", "@expected", "$name: the metrics are those of mod_status";
    is "@of_page", "@expected", "$name: so is the status page";
    is "$metrics->{up} $metrics->{synced}", "$status->{Up} $status->{Synced}",
        "$name: also whether the link is up";
    is $page->{up} ? 1 : 0, $status->{Up}, "$name: in the status page, too";
    return ($status, $metrics, $page);
}

# ---- It is up ----------------------------------------------------------------

my ($before) = agree($a, 'at first');
publish($a, 'news', "own $_") for 1 .. 3;
publish($b, 'news', "other $_") for 1 .. 4;
wait_for(sub { $cluster->status($a)->{Entries} == $before->{Entries} + 7 }, 15,
    'entries of all servers are counted when they are read');
my ($status, $metrics, $page) = agree($a, 'seven events later');
is $status->{Published}, $before->{Published} + 3,
    'published are those of this server';
is $page->{address}, $cluster->broker->address,
    'the status page has the address of the broker';
ok grep({ $_ == $page->{leader_pid} } $a->children), 'and the child that reads';
cmp_ok $page->{lag_ms}, '>=', 0, 'a lag';
cmp_ok abs($metrics->{lag_seconds} - $page->{lag_ms} / 1000), '<', 60,
    'that is the one of the metrics';
is $page->{error} // '', '', 'and no error';

# ---- It fails ----------------------------------------------------------------

$cluster->broker->kill;
wait_for(sub { !$cluster->status($a)->{Up} }, 20, 'the broker dies');
is publish($a, 'news', 'lost', timeout => 20)->{status}, 503,
    'a publisher is refused';
($status, $metrics, $page) = agree($a, 'without a broker');
is "$status->{Up} $status->{Synced}", '0 0', 'the link is down';
like $page->{error}, qr/connect|closed/, 'the status page says why';
is $status->{Unavailable}, $before->{Unavailable} + 1,
    'an event was not taken';
$cluster->broker->run;
$cluster->wait_synced($a);
($status) = agree($a, 'with the broker');
cmp_ok $status->{Reconnects}, '>', $before->{Reconnects},
    'it has connected again';
cmp_ok $status->{Fills}, '>', $before->{Fills},
    'and has read the history again';
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
done_testing;
