#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Three nodes of a cluster (the threads of src/cluster, without httpd) and their
# broker, each on a host of its own, publish and read while packets between them
# are lost: those of one node, in one direction or in both, those of all, and
# some of them. See t/94-cluster-faults.t for what must never be.
#
# ES_ROUNDS=20 repeats each fault so often (preset: 1).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Network;
use EventStream::Node;
use EventStream::Redis;
use EventStream::Source;

EventStream::Redis->or_skip;

my $rounds = $ENV{ES_ROUNDS} || 1;
my $net = EventStream::Network->new(qw(a b c broker));
my $redis = EventStream::Redis->start(at => $net->host('broker'));
my @nodes;

# ---- What the tests share ----------------------------------------------------

sub start_nodes
{
    my (%opt) = @_;
    @nodes = map {
        EventStream::Node->start($redis->url, at => $net->host($_),
            workers => 2, timeout_ms => 1500, pause_us => 5000, %opt)
    } qw(a b c);
    $_->wait_synced(30) or die "a node is not synced\n" for @nodes;
    $_->load for @nodes;
    return;
}

sub is_up
{
    my ($node) = @_;
    my $state = $node->state;
    return $state->{up} && $state->{synced};
}

# The end of a test: all are in step, and nothing is wrong.
sub check
{
    my ($what) = @_;
    ok $_->publishes(3), "$what: each node publishes again" for @nodes;
    $_->tell('rest') for @nodes;
    EventStream::Node::wait_until(sub { !grep { $_->is_busy } @nodes }, 60);
    ok EventStream::Node::in_step(@nodes), "$what: all nodes go on";
    $_->quit for @nodes;
    my @faults = EventStream::Node::faults(@nodes);
    splice @faults, 10 if @faults > 10;
    complain("$what: nothing is silently missing, twice, or out of order",
        @faults);
    is scalar(grep { $_->resets } @nodes), 0, "$what: no reset is needed";
    return;
}

# ---- One node is cut off -----------------------------------------------------

my %cut = (
    'a node is cut off' => sub { $net->part(['a'], ['broker']) },
    'what a node sends is lost' => sub { $net->cut('a', 'broker') },
    'what a node should receive is lost' => sub { $net->cut('broker', 'a') });
for my $what (sort keys %cut) {
    start_nodes();
    for (1 .. $rounds) {
        $cut{$what}->();
        ok $nodes[0]->fails, "$what: its publishers get errors";
        ok $_->publishes(10), "$what: others publish" for @nodes[1, 2];
        ok EventStream::Node::wait_until(sub { !is_up($nodes[0]) }, 60),
            "$what: it knows";
        ok is_up($_), "$what: others are up" for @nodes[1, 2];
        $net->heal;
        ok EventStream::Node::in_step(@nodes), "$what: then it gets all of it";
    }
    check($what);
}

# Shorter than any deadline: the kernels send again what was lost.
start_nodes(timeout_ms => 30000);
for (1 .. 5 * $rounds) {
    my ($name) = (qw(a b c))[int rand 3];
    $net->part([$name], ['broker']);
    sleep 0.3;
    $net->heal;
    sleep 0.3;
}
check('nodes are cut off for moments');

# ---- All nodes are -----------------------------------------------------------

start_nodes();
for (1 .. $rounds) {
    $net->part(['broker'], [qw(a b c)]);
    ok $_->fails, 'no node reaches the broker: publishers get errors'
        for @nodes;
    $net->heal;
    ok EventStream::Node::in_step(@nodes),
        'no node reaches the broker: then all go on';
}
check('no node reaches the broker');

# ---- Some packets are lost ---------------------------------------------------

SKIP: {
    my $why = $net->lose('a', 1);
    skip "packets cannot be dropped at random: $why", 10 if defined $why;
    for my $case (['a', 10], ['broker', 5]) {
        my ($name, $percent) = @$case;
        my $what = "$percent % of all packets of $name are lost";
        start_nodes(timeout_ms => 60000, pause_us => 20000);
        for (1 .. $rounds) {
            $net->lose($name, $percent);
            ok $_->publishes(20, 90), "$what: nodes publish" for @nodes;
            $net->heal;
        }
        check($what);
    }
}
done_testing;
