#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What the script at the broker (src/cluster/script/) keeps of events with
# publishers' ids that were lost, and how it marks those that are published
# again; against a real one.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Redis;
use EventStream::Source;

EventStream::Redis->or_skip;

my $text = broker_script();
my %key = map { ($_ => "{es:h}:$_") } qw(events meta ids closed nodes lost);
my @keys = @key{qw(events meta ids closed nodes)};
my $redis = EventStream::Redis->start;

sub call { return $redis->command('EVAL', $text, 5, @keys, @_) }
sub fails { return $redis->error_of('EVAL', $text, 5, @keys, @_) }
sub hello { return call('hello', int rand 1e6, $_[0] || '0-0') }
sub list { return [sort @{$redis->command('ZRANGE', $key{lost}, 0, -1)}] }
sub lost { return call('lost', map { join "\n", @$_ } @_) }

# Each event is [CHANNELS, ID, DATA]. Returns the id and how many are known.
sub publish
{
    my $got = call('publish', hello()->[0], '0-0', 'primary', 'node1', 1000,
        scalar @_, map { ($_->[0], '', $_->[1], $_->[2] || '', -1) } @_);
    return @{$got}[1, 2];
}

# The events that are in the stream, "id" or "id!" if it is marked.
sub stream
{
    my @entries = map { {@{$_->[1]}} }
        @{$redis->command('XRANGE', $key{events}, '-', '+')};
    return join ' ', map { ($_->{id} || '-')
        . (!defined $_->{ag} ? '' : $_->{ag} eq '1' ? '!' : '?') }
        grep { !$_->{op} } @entries;
}

# ---- The list ----------------------------------------------------------------

hello();
publish(['a', 'x', 1], ["a\nb", 'y', 1], ['a', '', 1]);
is stream(), 'x y -', 'events of a new stream have no mark';
is $redis->command('HGET', $key{meta}, 'again'), 0,
    'nothing was lost before it';
is lost(['a', 'x'], ['b', 'y']), 0, 'what the stream has is not lost';
is $redis->command('EXISTS', $key{lost}), 0, 'and not kept';
is lost(['a', 'gone'], ['b', 'x'], ['a', 'x']), 2, 'the rest is';
is_deeply list(), ["a\ngone", "b\nx"], 'by channel and id';
is lost(['a', 'gone']), 1, 'another node may tell the same';
is_deeply list(), ["a\ngone", "b\nx"], 'which changes nothing';
my ($at, $known) = publish(['a', 'gone', 2]);
is_deeply [publish(['a', 'gone', 2])], [$at, 1], 'published again it is known';
publish(['a', 'new', 2], ["b\na", 'gone2', 2], ["c\nb", 'x', 3], ['c', '', 1]);
is stream(), 'x y - gone! new gone2 x! -',
    'only what was lost in one of its channels is marked';
is lost(['a', 'gone']), 0, 'it is in the stream again';
call('close', hello()->[0], '0-0', 'primary', 'node1', 1000, 'a', 60);
publish(['a', 'gone', 3]);
like stream(), qr/ gone!$/, 'and may be lost once more: it stays in the list';

# ---- Its bounds --------------------------------------------------------------

my $week = 7 * 24 * 3600 * 1000;
my ($s, $us) = @{$redis->command('TIME')};
my $now = $s * 1000;
$redis->command('DEL', $key{lost});
$redis->command('ZADD', $key{lost}, $now - $week - 5000, "a\nold",
    $now - $week + 60000, "a\nyoung");
lost(['a', 'told']);
is_deeply list(), ["a\ntold", "a\nyoung"], 'what is older than a week goes';
cmp_ok abs($redis->command('PTTL', $key{lost}) - $week), '<', 60000,
    'and the list, if nothing more is told';
my @told = map { "a\nid$_" } 1 .. 100_001;
for (my $i = 0; $i < @told; $i += 5000) {
    my $end = $i + 4999 < $#told ? $i + 4999 : $#told;
    call('lost', @told[$i .. $end]);
}
is $redis->command('ZCARD', $key{lost}), 100_000, 'there are 100,000 at most';
is $redis->command('ZSCORE', $key{lost}, "a\nyoung"), undef, 'the oldest go';
ok defined $redis->command('ZSCORE', $key{lost}, $told[-1]),
    'the new ones stay';

# ---- A broker that refuses ---------------------------------------------------

$redis->command('DEL', $key{lost});
$redis->set('maxmemory', 1);
like fails('lost', "a\nz"), qr/^OOM /, 'without memory it takes none';
is call('lost', "b\ngone2"), 0, 'but answers where there is none';
$redis->set('maxmemory', 0);
$redis->set('min-replicas-to-write', 1);
like fails('lost', "a\nz"), qr/^NOREPLICAS /, 'nor without enough replicas';
$redis->set('min-replicas-to-write', 0);
is $redis->command('EXISTS', $key{lost}), 0, 'nothing was kept';

# ---- The first minute --------------------------------------------------------

# Nodes have not told yet what is lost, so each event may have been.
my $last = hello()->[1];
$redis->command('FLUSHALL');
hello($last);
publish(['a', 'early', 1], ['a', '', 1]);
is stream(), 'early! -', 'after a loss all with an id are marked at first';
publish(['a', 'early', 1]);
is stream(), 'early! -', 'and known as ever';
my $again = $redis->command('HGET', $key{meta}, 'again');
($s) = @{$redis->command('TIME')};
cmp_ok abs($again - $s * 1000 - 60000), '<', 10000, 'for a minute';
$redis->command('HSET', $key{meta}, 'again', $s * 1000 - 1);
publish(['a', 'late', 1]);
is stream(), 'early! - late', 'then no more';
lost(['a', 'x']);
publish(['a', 'x', 1], ['b', 'x', 1]);
is stream(), 'early! - late x! x', 'but those that nodes have told';

# of the ids, too: the broker's clock may have been set back
$redis->command('HSET', $key{meta}, 'again', $s * 1000 + 30000);
$redis->command('XADD', $key{events}, ($s * 1000 + 40000) . '-1', 'some',
    'thing');
publish(['a', '', 1]);
publish(['a', 'ahead', 1]);
like stream(), qr/ ahead$/, 'a minute of the ids is enough';

# a marker that vouches for what is before it ends no minute, and begins none
$redis->command('HSET', $key{meta}, 'again', 7, 'run', 'another', 'weak', 0,
    'at', $s * 1000 + 1e6);
is hello()->[4], 'another run', 'an epoch that is vouched for';
is $redis->command('HGET', $key{meta}, 'again'), 7, 'changes nothing';
$redis->command('HSET', $key{meta}, 'run', 'another', 'weak', 1);
is hello()->[4], 'another run', 'one that is not';
cmp_ok $redis->command('HGET', $key{meta}, 'again'), '>', $s * 1000,
    'begins another minute';

done_testing;
