#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# How many events a second does one broker take from the nodes of a cluster?
# Starts a broker of its own (with an append-only file, synced each second),
# sends it the script that nodes publish with, and reads the CPU time of its
# main thread, which runs all scripts. So other work of the machine matters
# little.
#
#   perl bench/cluster_broker.pl [SECONDS [BYTES]]
#
# A case takes so many seconds of the broker's CPU (preset: 3), with data of so
# many bytes (preset: 200). Cases: events in each publish, nodes that read all
# events, and whether events have publishers' ids. The last column is the
# broker's memory for each of the 100,000 events that it retains.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../t/lib";

use POSIX ();

use EventStream::Redis;
use EventStream::Source;

my ($seconds, $bytes) = ($ARGV[0] || 3, $ARGV[1] || 200);
my $in_flight = 16;
my $text = broker_script();
my @keys = map { "{eventstream:bench}:$_" } qw(events meta ids closed nodes);
my $data = 'x' x $bytes;

sub own_connection
{
    my ($redis) = @_;
    my $own = bless {%$redis, socket => undef}, ref $redis;
    $own->command('PING');
    return $own;
}

# As a node does: from the last entry on, at most 1,024 at once.
sub start_reader
{
    my ($redis) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $SIG{TERM} = sub { POSIX::_exit(0) };
    my $own = own_connection($redis);
    my $last = '$';
    while (1) {
        my $got = eval { $own->command('XREAD', 'COUNT', 1024, 'BLOCK', 1000,
            'STREAMS', $keys[0], $last) };
        $last = $got->[0][1][-1][0] if $got;
    }
}

sub cpu_of
{
    my ($redis) = @_;
    return $redis->info('used_cpu_user_main_thread')
        + $redis->info('used_cpu_sys_main_thread');
}

# of an event that is retained
sub memory_of
{
    my ($redis) = @_;
    my $bytes = 0;
    for my $key (@keys[0, 2]) {
        $bytes += $redis->command('MEMORY', 'USAGE', $key, 'SAMPLES', 0) || 0;
    }
    return $bytes / $redis->command('XLEN', $keys[0]);
}

sub measure
{
    my ($batch, $readers, $has_ids) = @_;
    my $redis = EventStream::Redis->start(
        conf => {appendonly => 'yes', appendfsync => 'everysec'});
    my $sha = $redis->command('SCRIPT', 'LOAD', $text);
    my ($epoch) = @{$redis->command('EVALSHA', $sha, 5, @keys, 'hello', 7,
        '0-0')};
    my @pids = map { start_reader($redis) } 1 .. $readers;
    my $own = own_connection($redis);
    my ($sent, $done, $next) = (0, 0, 0);
    my $one = sub {
        $own->send_words('EVALSHA', $sha, 5, @keys, 'publish', $epoch, '0-0',
            'primary', 'node', 100_000, $batch,
            map { ('channel', '', $has_ids ? 'order-' . ++$next : '', $data,
                -1) } 1 .. $batch);
        $sent++;
    };
    # fills the stream first, so that trimming is a part of it
    my ($from, $at) = (undef, 0);
    while (1) {
        $one->() while $sent - $done < $in_flight;
        my ($reply, $error) = $own->read_reply(time + 30);
        die "$error\n" if defined $error;
        $done++;
        if (!defined $from) {
            next if $done * $batch < 100_000;
            ($from, $at) = (cpu_of($redis), $done);
        } elsif ($done % 200 == 0) {
            my $cpu = cpu_of($redis) - $from;
            next if $cpu < $seconds;
            my $rate = ($done - $at) / $cpu;
            printf "%6d %6d %5s %12.0f %12.0f %10.1f %10.0f\n", $batch,
                $readers, $has_ids ? 'yes' : 'no', $rate, $rate * $batch,
                1e6 / $rate / $batch, memory_of($redis);
            last;
        }
    }
    kill 'TERM', @pids;
    waitpid $_, 0 for @pids;
    $redis->kill;
    return;
}

die "not installed: redis-server\n" if !EventStream::Redis->is_installed;
$| = 1;
print "for each second of the broker's CPU, with data of $bytes bytes:\n";
print " batch  nodes   ids    publishes       events    us each bytes each\n";
measure(@$_) for [1, 0, 0], [1, 2, 0], [1, 8, 0], [10, 2, 0], [100, 2, 0],
    [1000, 2, 0], [1, 2, 1], [100, 2, 1];
