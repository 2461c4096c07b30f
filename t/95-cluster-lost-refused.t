#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A server has to tell the broker what it has lost, and the broker takes no
# writes: another one has begun the epoch, and the replicas have gone since. The
# server says why it waits, does not read the stream entry by entry meanwhile,
# and goes on by itself.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Sending;
use EventStream::Source;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start(nodes => 1);
my ($node) = $cluster->nodes;
my $broker = $cluster->broker;
my ($lost, @keys) = map { "{eventstream:default}:$_" }
    qw(lost events meta ids closed nodes);
my $script = broker_script();

sub call { return $broker->command('EVAL', $script, 5, @keys, @_) }

sub pages
{
    my ($calls) = $broker->command('INFO', 'commandstats')
        =~ /^cmdstat_xrevrange:calls=(\d+)/m;
    return $calls || 0;
}

sub failures
{
    return scalar(() = $node->error_log =~ /ES0843: .*NOREPLICAS/g);
}

is publish($node, 'news', 'one', id => 'x')->{status}, 200, 'an event';
my $client = $cluster->client($node, 'news', id => 'x');
$cluster->wait_synced;

# ---- Another server begins, and the broker has no replicas then --------------

signal_all(STOP => $node);
$broker->command('FLUSHALL');
my $epoch = call('hello', 7, '0-0')->[0];
call('publish', $epoch, '0-0', 'primary', 'other', 100_000, 100,
    map { ('news', '', '', $_, -1) } 1 .. 100) for 1 .. 20;
$broker->set('min-replicas-to-write', 1);
my $before = pages();
signal_all(CONT => $node);
wait_for(sub { failures() >= 6 }, 60, 'it tells why it waits');
my $tries = failures() + 1;
cmp_ok pages() - $before, '<=', 5 * $tries,
    'each time it reads the stream in large pages';
is $broker->command('EXISTS', $lost), 0, 'nothing is told';

# ---- It has ------------------------------------------------------------------

$broker->set('min-replicas-to-write', 0);
wait_for(sub { defined $broker->command('ZSCORE', $lost, "news\nx") }, 30,
    'the broker is told as soon as it takes it');
is $cluster->event_of($client, 30)->{event}, 'stream-reset',
    'and clients go on with a reset';
$client->close;
is $node->stop, 0, 'httpd stops with exit status 0';
done_testing;
