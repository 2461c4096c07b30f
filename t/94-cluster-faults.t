#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Nodes of a cluster (the threads of src/cluster, without httpd) publish and
# read while their processes and the broker are killed, stopped, emptied and
# replaced. Nothing that was acknowledged is missing at a node unless its
# clients were told; nothing comes twice; the order is the same at all nodes.
#
# ES_ROUNDS=20 repeats each fault so often (preset: 1).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Clock;
use EventStream::Node;
use EventStream::Redis;
use EventStream::Source;

EventStream::Redis->or_skip;

my $rounds = $ENV{ES_ROUNDS} || 1;
my ($redis, @nodes);

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

sub count
{
    my ($kind) = @_;
    return scalar map { $_->lines($kind) } @nodes;
}

sub acknowledged { return EventStream::Node::acknowledged(@nodes) }

# The end of a test: all are in step, and nothing is wrong.
sub check
{
    my ($what, %opt) = @_;
    EventStream::Node::wait_until(sub { acknowledged() > 10 }, 60);
    rest();
    EventStream::Node::wait_until(sub { !grep { $_->is_busy } @nodes });
    ok EventStream::Node::in_step(@nodes), "$what: all nodes go on";
    $_->quit for @nodes;
    my @faults = EventStream::Node::faults(@nodes);
    splice @faults, 10 if @faults > 10;
    complain("$what: nothing is silently missing, twice, or out of order",
        @faults);
    cmp_ok scalar(acknowledged()), '>', 10, "$what: events were published";
    return;
}

# ---- No fault ----------------------------------------------------------------

$redis = EventStream::Redis->start(append => 1);
for my $case (['single events'], ['batches', batch => 100],
    ['batches above one XREAD', batch => 1024, workers => 1],
    ['streams of batches', batch => 20, lanes => 1],
    ['large events', batch => 4, size => 60000]) {
    my ($name, %opt) = @$case;
    start_nodes($redis->url, 3, timeout_ms => 60000, %opt);
    load();
    sleep 1.5;
    check($name);
    is scalar(grep { $_->resets } @nodes), 0, "$name: no reset";
    is count('failed'), 0, "$name: none failed";
    my @lists = map { join ' ', map { "$_->[2]=$_->[3]" } $_->lines('event') }
        @nodes;
    is scalar(grep { $_ ne $lists[0] } @lists), 0,
        "$name: all nodes have the same events";
}

# ---- Nodes and their processes -----------------------------------------------

# the child that reads: it is the one whose link the log has last
sub victim
{
    my ($node) = @_;
    my %pids = $node->pids;
    return (values %pids)[rand keys %pids];
}

start_nodes($redis->url, 3, children => 3, batch => 3);
load();
for (1 .. $rounds * 3) {
    kill 'KILL', victim($nodes[rand @nodes]);
    sleep 0.3;
}
check('children are killed');
is scalar(grep { $_->resets } @nodes), 0,
    'another child goes on where a killed one was';

start_nodes($redis->url, 2, children => 2, workers => 1, timeout_ms => 2000);
load();
for (1 .. $rounds) {
    my %pids = $nodes[0]->pids;
    for my $pid (values %pids) {
        kill 'STOP', $pid;
        sleep 3.6;    # the lease is 3 s: another child leads, then both
        kill 'CONT', $pid;
        sleep 0.5;
    }
}
check('leaders are stopped');
is scalar(grep { $_->resets } @nodes), 0,
    'two leaders at once do no harm';

start_nodes($redis->url, 3);
load();
for (1 .. $rounds) {
    my $gone = splice @nodes, 1, 1;
    $gone->kill_all;
    my $new = EventStream::Node->start($redis->url, workers => 2);
    push @nodes, $new;
    ok $new->wait_synced, 'a node joins';
    $new->load;
    sleep 0.3;
}
check('nodes are killed, and others join');
is scalar(grep { $_->resets } @nodes), 0, 'others notice nothing of it';

# ---- Clocks ------------------------------------------------------------------

my @clocks = map { EventStream::Clock->new } 1 .. 2;
$clocks[0]->step(3600);
$clocks[1]->step(-3600);
@nodes = map { EventStream::Node->start($redis->url, workers => 2,
    clock => $_) } @clocks;
$_->wait_synced or die "a node is not synced\n" for @nodes;
load();
sleep 0.7;
$clocks[0]->step(-7200);
sleep 0.7;
check('clocks are two hours apart, and one steps back');
is scalar(grep { $_->resets } @nodes), 0, 'ids are of the broker\'s clock';
my ($ms) = split /-/, (acknowledged())[-1][0];
cmp_ok abs($ms / 1000 - time), '<', 60, 'as is its time';

# ---- The broker --------------------------------------------------------------

start_nodes($redis->url, 3, batch => 5, timeout_ms => 1500);
load();
for (1 .. $rounds) {
    sleep 0.5;
    $redis->kill;
    sleep 0.3;
    $redis->run;
    EventStream::Node::in_step(@nodes);
}
check('the broker is killed, and has a log');

for my $seconds (0.5, 5) {
    start_nodes($redis->url, 3, timeout_ms => 1500);
    load();
    sleep 0.5;
    for (1 .. $rounds) {
        $redis->suspend;
        sleep $seconds;
        $redis->resume;
        EventStream::Node::in_step(@nodes);
    }
    check("the broker hangs for $seconds s");
    is scalar(grep { $_->resets } @nodes), 0, 'nothing is missing after it';
}

start_nodes($redis->url, 3, batch => 2);
load();
for my $command (map { ['FLUSHALL'], ['DEL', '{es:h}:events'],
    ['DEL', '{es:h}:meta'], ['XTRIM', '{es:h}:events', 'MAXLEN', 0],
    ['DEL', '{es:h}:ids'], ['SCRIPT', 'FLUSH'],
    ['XADD', '{es:h}:events', '*', 'some', 'thing'],
    ['CLIENT', 'KILL', 'TYPE', 'normal'],
    ['DEBUG', 'SLEEP', 0.3] } 1 .. $rounds) {
    sleep 0.3;
    my $is_told = grep { $_->resets } @nodes;
    $redis->error_of(@$command);
    EventStream::Node::in_step(@nodes);
}
check('keys are deleted, others write');

start_nodes($redis->url, 2, timeout_ms => 1500);
load();
for (1 .. $rounds) {
    sleep 0.3;
    $redis->set('maxmemory', 1);
    EventStream::Node::wait_until(sub {
        grep { "@$_" =~ /OOM/ } map { $_->lines('failed') } @nodes });
    sleep 0.2;
    $redis->set('maxmemory', 0);
    EventStream::Node::in_step(@nodes);
}
check('the broker is out of memory');
ok scalar(grep { $_->[3] == 0 } $nodes[0]->lines('failed')),
    'then publishers know that nothing was stored';
is scalar(grep { $_->resets } @nodes), 0, 'and streams go on';

# what is trimmed before a node has read it
start_nodes($redis->url, 2, batch => 50, maxlen => 20, workers => 4);
load();
sleep 1.5 * $rounds;
check('maxlen is less than a batch');

my $small = EventStream::Redis->start;
start_nodes($small->url, 2, timeout_ms => 1500);
load();
for (1 .. $rounds) {
    sleep 0.5;
    $small->kill;
    $small->run;
    EventStream::Node::in_step(@nodes);
}
check('the broker loses all that it had');
cmp_ok $nodes[0]->resets, '>=', $rounds, 'then clients are told each time';
undef $small;

done_testing;
