#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A clustered hub with GRIP proxies, whose broker is found by Sentinels. The
# primary dies, or is replaced by another one, alone or with the server that
# sends, while events are published or not: one server sends, from where the
# last one was, and no event is left out.
#
# ES_ROUNDS=10 repeats the second half ten times and says how long it took.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use JSON::PP ();

use EventStream::Background;
use EventStream::Client;
use EventStream::Cluster;
use EventStream::FakeProxy;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Sending;
use EventStream::Sentinels;

EventStream::Redis->or_skip;

my @proxies = map { EventStream::FakeProxy->start } 1, 2;
my $primary = EventStream::Redis->start;
my $replica = EventStream::Redis->start(replica_of => $primary);
$primary->wait_for_replicas(1);
my $sentinels = EventStream::Sentinels->start($primary, replicas => 1);
my $cluster = EventStream::Cluster->start(
    nodes => 2, broker => $primary, url => $sentinels->url,
    words => 'acks=replica timeout=2s',
    conf => join('', map { 'EventStreamGrip "' . $_->url
            . "\" verify-key=changeme\n" } @proxies)
        . "EventStreamGripReliable on\nEventStreamGripTimeout 5\n");
my @nodes = $cluster->nodes;

# ---- Helpers -----------------------------------------------------------------

sub other_than { return (grep { $_ != $_[0] } @nodes)[0] }

sub grip_of
{
    my ($broker) = @_;
    my $list = $broker->command('HGETALL', '{eventstream:default}:grip');
    return {@$list};
}

# The replica has taken over: it gets a replica of its own, without which
# acks=replica acknowledges nothing.
sub has_moved
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $sentinels->wait_for_primary($replica, 60),
        "$name: the replica takes over";
    $primary = $replica;
    $replica = EventStream::Redis->start(replica_of => $primary);
    $primary->wait_for_replicas(1);
    return;
}

# Sentinels do not promote one that they do not know yet.
sub wait_until_known
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_for(
        sub {
            for my $sentinel ($sentinels->living) {
                my $list = $sentinel->command(qw(SENTINEL REPLICAS es));
                my @up = grep {
                    my %is = @$_;
                    $is{port} == $replica->port && $is{flags} eq 'slave'
                        && $is{'master-link-status'} eq 'ok'
                } @$list;
                return 0 if !@up;
            }
            return 1;
        }, 60, "$name: the Sentinels know the new replica");
    return;
}

sub publish_on
{
    my ($node, $data, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(
        sub {
            my $got = publish($node, 'news', $data, id => "id-$data",
                timeout => 20);
            return $got->{status} == 200 && $got;
        }, 60, $name);
}

sub clear { $_->clear for @proxies }

# ---- Nothing is published meanwhile ------------------------------------------

my $sender = sender('one of two servers sends', @nodes);
my $answer = publish_on($sender, 'a1', 'it takes an event');
is_deeply [map { $_->{ok} } @{$answer->{json}{grip}}],
    [JSON::PP::true, JSON::PP::true], 'the proxies have it by then';
publish_on(other_than($sender), 'a2', 'the other server takes one');
check_all($_, [qw(a1 a2)], 'before') for @proxies;
my ($last) = $primary->command('HGET', '{eventstream:default}:meta', 'last');
# A broker tells since when it runs in whole seconds, and what it got in the
# first of them is not vouched for.
wait_for(sub { my $known = grip_of($replica)->{sent} || '';
    2 == (() = $known =~ / \Q$last\E/g)
        && $replica->info('uptime_in_seconds') >= 2 }, 15,
    'the replica knows up to where both were sent');
my $seal = grip_of($primary)->{seal};
clear();
$primary->kill;
has_moved('quiet');
# until the new primary was asked, a server may only believe that it sends
my $until = grip_of($primary)->{until} || 0;
wait_for(sub { (grip_of($primary)->{until} || 0) > $until }, 30,
    'the new primary says who sends');
$sender = sender_within('one server sends again', 30, @nodes);
$answer = publish_on($sender, 'a3', 'it takes an event');
is_deeply [map { $_->{ok} } @{$answer->{json}{grip}}],
    [JSON::PP::true, JSON::PP::true], 'the proxies have it by then';
publish_on(other_than($sender), 'a4', 'the other server takes one');
is check_all($_, [qw(a3 a4)], 'quiet'), 0, 'quiet: each is sent once'
    for @proxies;
is scalar(grep { /^a[12]$/ } data_of($_)), 0,
    'quiet: what was sent before the failover is not sent again' for @proxies;
is grip_of($primary)->{seal}, $seal, 'links of before are valid';

# ---- While events are published ----------------------------------------------

# What happens, and which servers there are afterwards.
my %fault = (
    'the primary dies' => sub {
        $primary->kill;
        has_moved('it dies');
        return @nodes;
    },
    'the primary is replaced' => sub {
        my $old = $primary;
        # a Sentinel may be busy with the last one, or give up
        wait_for(
            sub {
                eval { $sentinels->failover };
                return $sentinels->wait_for_primary($replica, 8);
            }, 60, 'the Sentinels are asked to replace it');
        has_moved('it is replaced');
        $old->kill;
        return @nodes;
    },
    'the primary and the server that sends die' => sub {
        my ($old) = @_;
        my $next = other_than($old);
        signal_all(KILL => $old);
        $primary->kill;
        has_moved('both die');
        $old->stop;
        my $started = $cluster->start_node;
        @nodes = ($next, $started);
        return @nodes;
    },
);

my $times = 0;

sub try_fault
{
    my ($name) = @_;
    wait_until_known($name);
    my $sending = sender_within("$name: one server sends", 30, @nodes);
    clear();
    my $stop = publish_until_stopped('f' . ++$times . 'x', 0.02,
        other_than($sending));
    sleep 0.5;
    my $from = time;
    sender_within("$name: one server sends again", 30,
        $fault{$name}->($sending));
    my $took = time - $from;
    sleep 0.5;
    my @all = $stop->();
    my $more = 0;
    $more += check_all($_, \@all, $name) for @proxies;
    is grip_of($primary)->{seal}, $seal, "$name: links of before are valid";
    return ($took, scalar @all, $more / @proxies);
}

for my $name (sort keys %fault) {
    my (@took, @twice, $events);
    for (1 .. $ENV{ES_ROUNDS} || 1) {
        my ($seconds, $count, $more) = try_fault($name);
        push @took, sprintf '%.1f', $seconds;
        push @twice, $more;
        $events += $count;
    }
    diag "$name: $events events; sends again after @took s; twice: @twice"
        if $ENV{ES_ROUNDS};
}

for my $node (@nodes) {
    is $node->stop, 0, 'httpd stops with exit status 0';
    unlike $node->error_log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'its error log has no error';
}
done_testing;
