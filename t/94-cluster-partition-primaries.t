#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A primary and its replica, three sentinels and three nodes of a cluster (the
# threads of src/cluster, without httpd), on hosts that are parted: so that
# there are two primaries at once, of which one loses what it has taken, and so
# that the replica that takes over has not got what was acknowledged. See
# t/94-cluster-faults.t for what must never be.
#
#     p  primary, sentinel
#     r  replica, sentinel
#     s  sentinel
#     a, b, c  nodes
#
# ES_ROUNDS=20 repeats each so often (preset: 1).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Network;
use EventStream::Node;
use EventStream::Redis;
use EventStream::Sentinels;
use EventStream::Source;

EventStream::Redis->or_skip;

my $net = EventStream::Network->new(qw(p r s a b c));
my ($primary, $replica, $sentinels, @nodes);

# ---- What the tests share ----------------------------------------------------

sub start_all
{
    my (%opt) = @_;
    my $conf = delete $opt{conf};
    $primary = EventStream::Redis->start(at => $net->host('p'), conf => $conf);
    $replica = EventStream::Redis->start(at => $net->host('r'), conf => $conf,
        replica_of => $primary);
    $sentinels = EventStream::Sentinels->start($primary, replicas => 1,
        at => [map { $net->host($_) } qw(p r s)]);
    @nodes = map {
        EventStream::Node->start($sentinels->url, at => $net->host($_),
            workers => 2, timeout_ms => 2000, pause_us => 5000, %opt)
    } qw(a b c);
    $_->wait_synced(60) or die "a node is not synced\n" for @nodes;
    $_->load for @nodes;
    return;
}

sub wait_for { return EventStream::Node::wait_until(@_) }

sub role_of
{
    my ($broker) = @_;
    return (eval { $broker->command('ROLE') } || [''])->[0];
}

sub is_replica
{
    my ($broker) = @_;
    return wait_for(sub {
        return (eval { $broker->info('master_link_status') } || '') eq 'up';
    }, 90);
}

# Of what was acknowledged, that which this broker has not got.
sub lost_at
{
    my ($broker) = @_;
    my $all = $broker->command('XRANGE', '{es:h}:events', '-', '+');
    my %has = map { $_->[0] => 1 } @$all;
    return grep { !$has{$_->[0]} } EventStream::Node::acknowledged(@nodes);
}

# The end of a test: all are in step, and nothing is wrong.
sub check
{
    my ($what) = @_;
    $_->tell('rest') for @nodes;
    wait_for(sub { !grep { $_->is_busy } @nodes }, 60);
    ok EventStream::Node::in_step(@nodes), "$what: all nodes go on";
    $_->quit for @nodes;
    my @faults = EventStream::Node::faults(@nodes);
    splice @faults, 10 if @faults > 10;
    complain("$what: nothing is silently missing, twice, or out of order",
        @faults);
    return;
}

sub end_all
{
    undef @nodes;
    undef $_ for $sentinels, $replica, $primary;
    return;
}

# The primary and the node a are cut off from all others until these have a
# primary of their own.
sub part
{
    my ($what) = @_;
    $net->part([qw(p a)], [qw(r s b c)]);
    ok wait_for(sub { role_of($replica) eq 'master' }, 60),
        "$what: the replica is promoted";
    is role_of($primary), 'master', "$what: there are two primaries";
    return;
}

sub unite
{
    my ($what) = @_;
    $net->heal;
    ok is_replica($primary), "$what: then the first one is a replica";
    ok $_->publishes(3), "$what: each node publishes again" for @nodes;
    return;
}

for my $round (1 .. $ENV{ES_ROUNDS} || 1) {

    # ---- Two primaries that both acknowledge ---------------------------------

    my $what = 'acks=primary';
    start_all();
    ok $_->publishes(5), "$what: all nodes publish" for @nodes;
    part($what);
    ok $_->publishes(5), "$what: both primaries acknowledge" for @nodes;
    unite($what);
    check($what);
    cmp_ok scalar(lost_at($replica)), '>', 0,
        "$what: what one has acknowledged is lost";
    cmp_ok $_->resets, '>', 0, "$what: clients are told at each node"
        for @nodes;
    end_all();

    # ---- A replica has to confirm --------------------------------------------

    $what = 'acks=replica';
    start_all(acks => 1);
    ok $_->publishes(5), "$what: all nodes publish" for @nodes;
    part($what);
    ok $_->fails(qr/no replica has confirmed/),
        "$what: none of the two acknowledges" for @nodes;
    unite($what);
    check($what);
    is scalar(lost_at($replica)), 0,
        "$what: nothing that was acknowledged is lost";
    end_all();

    # ---- A primary that wants a replica --------------------------------------

    $what = 'min-replicas-to-write';
    start_all(conf => {'min-replicas-to-write' => 1,
        'min-replicas-max-lag' => 2});
    ok $_->publishes(5), "$what: all nodes publish" for @nodes;
    part($what);
    ok $_->fails(qr/NOREPLICAS/), "$what: none of the two takes more"
        for @nodes;
    unite($what);
    check($what);
    end_all();

    # ---- A replica that has not got what was acknowledged --------------------

    $what = 'a replica that is behind takes over';
    start_all();
    ok $_->publishes(5), "$what: all nodes publish" for @nodes;
    $net->cut('p', 'r');
    ok $_->publishes(5), "$what: they do while it gets nothing" for @nodes;
    $primary->kill;
    ok wait_for(sub { role_of($replica) eq 'master' }, 60),
        "$what: it is promoted";
    $net->heal;
    ok $_->publishes(3), "$what: each node publishes again" for @nodes;
    check($what);
    cmp_ok scalar(lost_at($replica)), '>', 0,
        "$what: what was acknowledged is lost";
    cmp_ok $_->resets, '>', 0, "$what: clients are told at each node"
        for @nodes;
    end_all();
}
done_testing;
