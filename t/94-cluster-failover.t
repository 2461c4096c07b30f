#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Nodes of a cluster (the threads of src/cluster, without httpd) publish and
# read while sentinels replace the primary that was killed, and the other way
# round. See t/94-cluster-faults.t for what must never be.
#
# ES_ROUNDS=20 for so many failovers each (preset: 1).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Node;
use EventStream::Redis;
use EventStream::Sentinels;
use EventStream::Source;

EventStream::Redis->or_skip;

my $rounds = $ENV{ES_ROUNDS} || 1;
my @nodes;

# ---- What the tests share ----------------------------------------------------

sub start_nodes
{
    my ($url, $count, %opt) = @_;
    @nodes = map { EventStream::Node->start($url, workers => 2, %opt) }
        1 .. $count;
    $_->wait_synced or die "a node is not synced\n" for @nodes;
    return;
}

sub load { $_->load for @nodes; return }
sub rest { $_->tell('rest') for @nodes; return }

# The end of a test: all are in step, and nothing is wrong.
sub check
{
    my ($what, %opt) = @_;
    rest();
    EventStream::Node::wait_until(sub { !grep { $_->is_busy } @nodes });
    ok EventStream::Node::in_step(@nodes), "$what: all nodes go on";
    $_->quit for @nodes;
    my @faults = EventStream::Node::faults(@nodes);
    splice @faults, 10 if @faults > 10;
    complain("$what: nothing is silently missing, twice, or out of order",
        @faults);
    my @acknowledged = EventStream::Node::acknowledged(@nodes);
    cmp_ok scalar @acknowledged, '>', 10, "$what: events were published";
    return;
}

# ---- Failovers ---------------------------------------------------------------

for my $acks (0, 1) {
    my $name = $acks ? 'acks=replica' : 'acks=primary';
    my $primary = EventStream::Redis->start;
    my $replica = EventStream::Redis->start(replica_of => $primary);
    my $sentinels = EventStream::Sentinels->start($primary, replicas => 1);
    my @set = ($primary, $replica);
    start_nodes($sentinels->url, 3, acks => $acks, timeout_ms => 2000);
    load();
    for (1 .. $rounds) {
        ok EventStream::Node::in_step(@nodes),
            "$name: all nodes publish and read";
        # it must have run when the last entry came
        $set[1]->wait_for(sub {
            (eval { $set[1]->info('uptime_in_seconds') } || 0) >= 3 });
        sleep 0.5;
        if ($acks) {
            # a node that has what no replica had would have to be reset
            rest();
            EventStream::Node::wait_until(sub {
                !grep { $_->is_busy } @nodes });
            EventStream::Node::in_step(@nodes);
        }
        $set[0]->kill;
        ok $sentinels->wait_for_primary($set[1], 60), "$name: a failover";
        if ($acks) {
            my @words;
            EventStream::Node::wait_until(sub {
                @words = $nodes[0]->ask('publish alone' . int(rand 1e9),
                    'ok|failed', 90);
                return $words[4];
            }, 60);
            is "@words[1, 4]", 'failed 1',
                "$name: nothing is acknowledged without a replica";
        } else {
            ok EventStream::Node::in_step(@nodes), "$name: all nodes go on";
        }
        $set[0]->run;
        # sentinels do so, too, but not while brokers are slow to answer
        $set[0]->command('REPLICAOF', '127.0.0.1', $set[1]->port);
        ok $set[0]->wait_for(sub {
            (eval { $set[0]->info('master_link_status') } || '') eq 'up'
        }, 60), "$name: the old primary is a replica";
        load() if $acks;
        @set = reverse @set;
        # a sentinel leaves a primary alone for twice its failover-timeout
        sleep 7 if $rounds > 1;
    }
    check("$name, the primary is killed");
    is scalar(grep { $_->resets } @nodes), 0, "$name: no reset is needed"
        if $acks;
    cmp_ok $nodes[0]->resets, '>=', $rounds, "$name: clients are told"
        if !$acks;
    $_->kill for @set;
}

done_testing;
