#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The script that runs at the broker (src/cluster/script/), against a real
# one: ids, epochs, batches, publishers' ids, closing, trimming, counts; and
# what it does when the broker cannot do it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Redis;
use EventStream::Source;

EventStream::Redis->or_skip;

my $text = broker_script();
my %key = map { ($_ => "{es:h}:$_") } qw(events meta ids closed nodes);
my @keys = @key{qw(events meta ids closed nodes)};

# ---- Calls -------------------------------------------------------------------

my $redis = EventStream::Redis->start(append => 1);

sub call { return $_[0]->command('EVAL', $text, 5, @keys, @_[1 .. $#_]) }
sub fails { return $_[0]->error_of('EVAL', $text, 5, @keys, @_[1 .. $#_]) }

sub hello
{
    my ($broker, $last, $random) = @_;
    my %got;
    @got{qw(epoch last first now began)} = @{call($broker, 'hello',
        defined $random ? $random : int rand 1e6, $last || '0-0')};
    return \%got;
}

sub words
{
    my ($events, %opt) = @_;
    return ('publish', $opt{epoch}, $opt{floor} || '0-0',
        $opt{acks} || 'primary', 'node1', $opt{maxlen} || 1000,
        scalar @$events,
        map { ref $_->{ch} ? join("\n", @{$_->{ch}}) : $_->{ch} || 'a',
            $_->{ty} || '', $_->{id} || '', $_->{da} || '',
            defined $_->{re} ? $_->{re} : -1 } @$events);
}

sub publish
{
    my ($broker, $events, %opt) = @_;
    $opt{epoch} = hello($broker)->{epoch} if !$opt{epoch};
    return call($broker, words($events, %opt));
}

sub close_channel
{
    my ($broker, $channel, %opt) = @_;
    return call($broker, 'close', hello($broker)->{epoch}, '0-0', 'primary',
        'node1', $opt{maxlen} || 1000, $channel, 60);
}

# [id, {field => value}] of each entry
sub entries
{
    my ($broker) = @_;
    return map { [$_->[0], {@{$_->[1]}}] }
        @{$broker->command('XRANGE', $key{events}, '-', '+')};
}

sub ids_of { return map { $_->[0] } entries($_[0]) }
sub epoch_of { return int((split /-/, $_[0])[1] / 4096) }

sub is_above
{
    my ($a_ms, $a_n, $b_ms, $b_n) = map { split /-/ } @_;
    return $a_ms > $b_ms || ($a_ms == $b_ms && $a_n > $b_n);
}

# Is each entry above the one before, and does it name it?
sub is_chain
{
    my ($broker) = @_;
    my $before;
    for my $entry (entries($broker)) {
        my ($id, $fields) = @$entry;
        return 0 if defined $before
            && ($fields->{p} ne $before || !is_above($id, $before));
        $before = $id;
    }
    return 1;
}

sub crash
{
    my ($broker) = @_;
    $broker->kill;
    $broker->run;
    $broker->wait_for(sub { !$broker->error_of('DBSIZE') })
        or die "the broker does not load its data\n";
    return;
}

sub fresh { $_[0]->command('FLUSHALL'); return hello($_[0]) }

# ---- Epochs and ids ----------------------------------------------------------

my $hello = hello($redis, '0-0', 41);
is $hello->{epoch}, 42, 'the epoch is the random number and one';
is $hello->{began}, 'no stream', 'hello begins an epoch where there is none';
my ($marker) = entries($redis);
is_deeply $marker->[1], {op => 'epoch', p => '0-0', cont => 0, b => 0},
    'with a marker that vouches for nothing before it';
is $marker->[0], $hello->{last}, 'whose id is the last one';
cmp_ok abs($hello->{now} - time * 1000), '<', 3000, 'hello tells the time';
my $again = hello($redis, $hello->{last}, 1);
is "$again->{epoch} $again->{began}", '42 ', 'another hello changes nothing';

my $got = publish($redis, [{ch => ['a', 'b'], ty => 't', id => 'p1',
    da => "x\r\n\0y", re => 5}, {ch => 'c'}]);
my @all = entries($redis);
is_deeply $got, ['ok', $all[-1][0], 0, 0, $all[-1][0]],
    'publish returns the last id';
is epoch_of($all[-1][0]), 42, 'an id has the epoch';
is_deeply $all[-2][1], {p => $marker->[0], b => 1, n => 'node1',
    ch => "a\nb", ty => 't', id => 'p1', da => "x\r\n\0y", re => 5},
    'an entry has the fields of its event';
is_deeply $all[-1][1], {p => $all[-2][0], b => 0, n => 'node1', ch => 'c'},
    'and none for what is not set; b counts down to the end of the batch';

publish($redis, [map { {da => $_} } 1 .. 5000], maxlen => 10000);
ok is_chain($redis), 'ids rise, and each entry names the one before it';
is scalar(grep { epoch_of($_) != 42 } ids_of($redis)), 0,
    'also beyond 4096 in a millisecond';
my @bs = map { $_->[1]{b} } (entries($redis))[-5000 .. -1];
is_deeply \@bs, [reverse 0 .. 4999], 'b is right in a large batch';

like fails($redis, words([{}], epoch => 43)), qr/^ESEPOCH /,
    'an entry of another epoch is refused';
my $top = hello($redis)->{last};
my ($ms) = split /-/, $top;
like fails($redis, words([{}], epoch => 42, floor => ($ms + 9) . '-172032')),
    qr/^ESEPOCH /, 'and of a node that is ahead of the stream';
is hello($redis)->{last}, $top, 'nothing was added';
like fails($redis, 'nonsense'), qr/^ESOP /, 'other operations are refused';

# ---- What begins an epoch ----------------------------------------------------

fresh($redis);
publish($redis, [{id => 'known'}]);
$redis->command('DEL', $key{meta});
$hello = hello($redis);
is $hello->{began}, 'no meta data', 'an epoch begins without meta data';
is +(entries($redis))[-1][1]{p}, '0-0', 'of which nothing before is known';
is publish($redis, [{id => 'known'}])->[2], 0, 'nor publishers\' ids';

$redis->command('DEL', $key{events});
$hello = hello($redis, $hello->{last});
is $hello->{began}, 'no stream', 'an epoch begins without a stream';
like fails($redis, words([{}], epoch => $hello->{epoch} + 1)), qr/^ESEPOCH /,
    'which publish does not make';

# A replica that was promoted before it had got anything: the first primary may
# go on meanwhile.
fresh($redis);
publish($redis, [{}]);
my @gone = map { publish($redis, [{}])->[1] } 1 .. 3;
$redis->command('FLUSHALL');
is hello($redis, $gone[1])->{began}, 'no stream', 'an epoch begins once more';
is hello($redis, $gone[1])->{began}, '', 'once for all who had the same';
is hello($redis, $gone[0])->{began}, '', 'or less';
$hello = hello($redis, $gone[2]);
is $hello->{began}, 'lost', 'who had more tells of a loss';
ok is_above($hello->{last}, $gone[2]), 'the new ids are above those lost';
is hello($redis, $gone[2])->{began}, '', 'once';

fresh($redis);
publish($redis, [{}]);
my $before = hello($redis);
crash($redis);
$hello = hello($redis, $before->{last});
is $hello->{began}, 'another run', 'an epoch begins after a restart';
isnt $hello->{epoch}, $before->{epoch}, 'with another number';
my $last = (entries($redis))[-1];
is "$last->[1]{p} $last->[1]{cont}", "$before->{last} 0",
    'its marker names the last entry, but does not vouch for it';
like fails($redis, words([{}], epoch => $before->{epoch})), qr/^ESEPOCH /,
    'who does not know the new one cannot publish';

$hello = fresh($redis);
$got = publish($redis, [{}, {}], acks => 'replica');
crash($redis);
hello($redis, $got->[1]);
is +(entries($redis))[-1][1]{cont}, 0,
    'a restart is not vouched for, even if replicas had confirmed';

# ---- Failover ----------------------------------------------------------------

# A primary with a replica that has all; then the replica is promoted.
sub promoted
{
    my (%opt) = @_;
    my $primary = EventStream::Redis->start;
    my $replica = EventStream::Redis->start(replica_of => $primary);
    my $begun = hello($primary);
    $replica->wait_for(sub { $replica->info('uptime_in_seconds') >= 3 });
    my $first = publish($primary, [{id => 'p1'}], acks => $opt{acks});
    $primary->wait_for_replicas(1);
    # what only the primary has
    if ($opt{lost}) {
        $replica->command('REPLICAOF', '127.0.0.1', 1);
        $opt{lost} = [map { publish($primary, [{}], acks => $opt{acks})->[1] }
            1 .. $opt{lost}];
    }
    if ($opt{check}) {
        like fails($replica, words([{}], epoch => $begun->{epoch})),
            qr/^READONLY /, 'a replica refuses entries';
        like fails($replica, 'hello', 1, $first->[1]), qr/^READONLY /,
            'and hello, which has to begin an epoch';
    }
    $replica->command(qw(REPLICAOF NO ONE));
    return ($primary, $replica, $first->[1], $begun, @{$opt{lost} || []});
}

my ($primary, $replica, $id) = promoted(acks => 'replica', check => 1);
$hello = hello($replica, $id);
is $hello->{began}, 'another run', 'a promoted replica begins an epoch';
is +(entries($replica))[-1][1]{cont}, 1,
    'and vouches for what replicas had confirmed';
is publish($replica, [{id => 'p1'}])->[2], 1,
    'publishers\' ids are known after a failover';

($primary, $replica, $id) = promoted(acks => 'primary');
hello($replica, $id);
is +(entries($replica))[-1][1]{cont}, 0,
    'it does not vouch where the primary alone had acknowledged';

($primary, $replica, $id, undef, my @lost) =
    promoted(acks => 'replica', lost => 3);
$hello = hello($replica, $lost[1]);
is $hello->{began}, 'lost', 'a node that is ahead of the stream says so';
$last = (entries($replica))[-1];
is "$last->[1]{p} $last->[1]{cont}", "$id 0", 'then all nodes are reset';
ok is_above($hello->{last}, $lost[1]), 'the new ids are above those lost';
is hello($replica, $lost[0])->{began}, '',
    'a second node that had less of what is lost changes nothing';
is hello($replica, $id)->{began}, '', 'nor does one that had none of it';
is hello($replica, $lost[2])->{began}, 'lost', 'but one that had more';
is hello($replica, $lost[2])->{began}, '', 'once';
is hello($replica, '9999999999999-7')->{began}, '',
    'an id of another stream changes nothing';

($primary, $replica, $id, undef, @lost) =
    promoted(acks => 'replica', lost => 1);
$hello = hello($replica, $id);
is +(entries($replica))[-1][1]{cont}, 1, 'who had none of it sees no loss';
$got = publish($replica, [{}], epoch => $hello->{epoch})->[1];
is hello($replica, $lost[0])->{began}, 'lost',
    'until another node comes that had it';
is +(entries($replica))[-1][1]{cont}, 0, 'which resets all';

# demoted and promoted again, while no node looked: the same run
($primary, $replica, $id, undef, @lost) =
    promoted(acks => 'replica', lost => 2);
$primary->command('REPLICAOF', '127.0.0.1', $replica->port);
$replica->wait_for_replicas(1);
$primary->command(qw(REPLICAOF NO ONE));
is hello($primary, $id)->{began}, 'another run',
    'a server that was a replica meanwhile is another run';

# the same epoch, and other entries in place of those that a node has
$hello = fresh($redis);
my @had = map { publish($redis, [{}])->[1] } 1 .. 3;
$redis->command('XDEL', $key{events}, $had[1]);
is hello($redis, $had[2])->{began}, '', 'the last entry is in the stream';
is hello($redis, $had[1])->{began}, 'lost', 'one that is gone was lost';
fresh($redis);
@had = map { publish($redis, [{}], maxlen => 2)->[1] } 1 .. 9;
is hello($redis, $had[1])->{began}, '', 'one that was trimmed was not lost';
$_->kill for $primary, $replica;

# ---- Publishers' ids ---------------------------------------------------------

fresh($redis);
$got = publish($redis, [{ch => ['a', 'b'], id => 'x', da => '1'}]);
my $length = scalar entries($redis);
is_deeply publish($redis, [{ch => ['b', 'a'], id => 'x', da => '1'}]),
    ['ok', $got->[1], 1, 0, $got->[1]], 'the same event is known, with its id';
$last = publish($redis, [{ch => 'y'}])->[1];
is_deeply publish($redis, [{ch => ['b', 'a'], id => 'x', da => '1'}]),
    ['ok', $got->[1], 1, 0, $last], 'and with the last id of the stream';
$length = scalar entries($redis);
is_deeply publish($redis, [{ch => 'c', id => 'x', da => '2'},
    {ch => ['c', 'b'], id => 'x', da => '1'}]), ['clash', 1, 0],
    'another with its id in the batch clashes';
is_deeply publish($redis, [{ch => 'c'}, {ch => ['d', 'b'], id => 'x',
    da => '1'}]), ['clash', 1, 1], 'as one that is in the stream';
is_deeply publish($redis, [{ch => ['a', 'b'], id => 'x', da => '1',
    ty => 't'}]), ['clash', 0, 0], 'other fields clash, too';
is scalar entries($redis), $length, 'then nothing of the batch is stored';
is +(publish($redis, [{ch => 'c', id => 'x'}, {ch => 'c', id => 'x'}]))->[2],
    1, 'an event that the batch has twice is stored once';
is scalar entries($redis), $length + 1, 'indeed';
is publish($redis, [{ch => 'e', id => "x", da => "a\0b"},
    {ch => 'f', id => "x", da => "a"}])->[2], 0,
    'an id belongs to its channel';

close_channel($redis, 'a');
is publish($redis, [{ch => ['a', 'b'], id => 'x', da => '1'}])->[2], 1,
    'an event of two channels is known while one is not closed';
close_channel($redis, 'b');
is publish($redis, [{ch => ['a', 'b'], id => 'x', da => '1'}])->[2], 0,
    'after a close of all it is new';
is publish($redis, [{ch => ['a', 'b'], id => 'x', da => '1'}])->[2], 1,
    'once';
$last = (grep { $_->[1]{op} && $_->[1]{op} eq 'close' } entries($redis))[-1];
is_deeply [@{$last->[1]}{qw(op ch for b n)}], ['close', 'b', 60, 0, 'node1'],
    'a close is an entry';
ok is_chain($redis), 'of the chain';

# ---- Trimming ----------------------------------------------------------------

fresh($redis);
publish($redis, [map { {id => "t$_", ch => ['a', 'b']} } 1 .. 20]);
close_channel($redis, 'z');
publish($redis, [{}], maxlen => 12);
is $redis->command('XLEN', $key{events}), 12, 'maxlen is exact';
is_deeply [sort @{$redis->command('HKEYS', $key{ids})}],
    [sort map { ("a\nt$_", "b\nt$_") } 11 .. 20],
    'publishers\' ids go with their entries';
is publish($redis, [{id => 't5', ch => ['a', 'b']}], maxlen => 12)->[2], 0,
    'and are new then';
publish($redis, [map { {} } 1 .. 30], maxlen => 12);
is $redis->command('XLEN', $key{events}), 30,
    'a batch is not trimmed by itself';
is $redis->command('EXISTS', $key{ids}, $key{closed}), 0,
    'nothing is left of what was trimmed';
publish($redis, [{}], maxlen => 12);
is $redis->command('XLEN', $key{events}), 12, 'but by the next one';
publish($redis, [map { {id => "m$_"} } 1 .. 2000], maxlen => 5000);
publish($redis, [{}], maxlen => 100);
is $redis->command('XLEN', $key{events}), 2013 - 102,
    'a stream that is much too long is trimmed in parts';
publish($redis, [{}], maxlen => 100) for 1 .. 19;
is $redis->command('XLEN', $key{events}), 100, 'until it is as long as wanted';
is $redis->command('HLEN', $key{ids}), 80, 'its ids, too';
$redis->command('XDEL', $key{events}, (ids_of($redis))[0]);
publish($redis, [{}], maxlen => 10) for 1 .. 2;
is $redis->command('XLEN', $key{events}), 10, 'also if entries were deleted';
$redis->command('XTRIM', $key{events}, 'MAXLEN', 0);
$hello = hello($redis, hello($redis)->{last});
is $hello->{began}, '', 'an emptied stream goes on';
publish($redis, [{}]);
is +(entries($redis))[0][1]{p}, $hello->{last}, 'with its last id';

# ---- Others write into the stream --------------------------------------------

$hello = fresh($redis);
my $foreign = $redis->command('XADD', $key{events}, '*', 'some', 'thing');
$got = publish($redis, [{}])->[1];
ok is_above($got, $foreign), 'an entry of another program does not matter';
is +(entries($redis))[-1][1]{p}, $hello->{last}, 'the chain is without it';
($ms) = split /-/, $got;
$redis->command('XADD', $key{events}, ($ms + 1e7) . '-5', 'some', 'thing');
my $two = publish($redis, [{}, {}])->[1];
ok is_above($two, ($ms + 1e7) . '-5'), 'even if it is of tomorrow';
is_deeply [map { $_->[1]{p} } (entries($redis))[-2, -1]],
    [$got, (ids_of($redis))[-2]], 'the chain goes on';
is epoch_of($two), $hello->{epoch}, 'in the same epoch';
$redis->command('XADD', $key{events}, '18446744073709551615-1', 'a', 'b');
like fails($redis, words([{}], epoch => $hello->{epoch})), qr/^ESIDS /,
    'if it took the last of all ids, the broker has to be mended';
$redis->command('DEL', $key{events});
$redis->command('SET', $key{events}, 'x');
like fails($redis, 'hello', 1, '0-0'), qr/^WRONGTYPE /,
    'another kind of key is refused';
$redis->command('DEL', $key{events});
ok publish($redis, [{}]), 'and all is well without it';

# ---- A broker that refuses ---------------------------------------------------

$hello = fresh($redis);
publish($redis, [{}]);
my @state = (scalar entries($redis), hello($redis)->{last});
$redis->set('maxmemory', 1);
like fails($redis, words([{id => 1}, {}], epoch => $hello->{epoch})),
    qr/^OOM /, 'without memory it refuses entries';
is_deeply [scalar entries($redis), hello($redis)->{last}], \@state,
    'nothing of them is stored, and hello works';
is $redis->command('EXISTS', $key{ids}), 0, 'no id is known';
is_deeply call($redis, 'clients', 'a'), [0], 'questions are answered';
$redis->set('maxmemory', 0);
$redis->set('min-replicas-to-write', 1);
like fails($redis, words([{id => 1}], epoch => $hello->{epoch})),
    qr/^NOREPLICAS /, 'without enough replicas it refuses them';
is_deeply [scalar entries($redis), hello($redis)->{last}], \@state,
    'nothing is stored either';
$redis->set('min-replicas-to-write', 0);
is publish($redis, [{id => 1}])->[2], 0, 'then all goes on';

# ---- Counts ------------------------------------------------------------------

fresh($redis);
is call($redis, 'counts', 'n1', 60000, 0, 'a', 3), 0,
    'counts of a node that is not known: it has to begin';
is call($redis, 'counts', 'n1', 60000, 1, 'a', 3, 'b', 4), 1, 'it begins';
is call($redis, 'counts', 'n2', 60000, 1, 'a', 5), 1, 'another node';
is_deeply call($redis, 'clients', 'a', 'b', 'c'), [8, 4, 0],
    'subscriptions are summed up over all nodes';
is publish($redis, [{ch => ['a', 'c']}, {ch => 'a'}, {ch => 'b'}])->[3], 12,
    'publish counts each channel of a batch once';
is call($redis, 'counts', 'n1', 60000, 0, 'a', 1, 'b', 0), 1, 'some change';
is_deeply call($redis, 'clients', 'a', 'b'), [6, 0], 'others stay';
is call($redis, 'counts', 'n1', 60000, 0), 1, 'a node that has no news';
is call($redis, 'counts', 'n2', 60000, 1, 'b', 7), 1, 'a node begins anew';
is_deeply call($redis, 'clients', 'a', 'b'), [1, 7], 'without what it had';
is close_channel($redis, 'b')->[3], 7, 'close counts, too';
call($redis, 'counts', 'n2', 50, 0);
ok $redis->wait_for(sub { "@{call($redis, 'clients', 'a', 'b')}" eq '1 0' }),
    'a node that tells nothing for its time does not count';
is call($redis, 'counts', 'n2', 60000, 0, 'a', 1), 0, 'and has to begin';
call($redis, 'counts', 'n1', 60000, 0);
is_deeply $redis->command('ZRANGE', $key{nodes}, 0, -1), ['n1'],
    'it is forgotten';
my @many = map { "channel$_" } 1 .. 9000;
call($redis, 'counts', 'n1', 60000, 0, map { ($_, 1) } @many[0 .. 4999]);
is publish($redis, [map { {ch => $_} } @many])->[3], 5000,
    'a batch of many channels is counted';

# ---- Who sends to GRIP proxies -----------------------------------------------

sub grip
{
    my ($node, $ttl, @pairs) = @_;
    return call($redis, 'grip', $node, $ttl, "seal of $node", @pairs);
}

my $gripped = '{es:h}:grip';
$hello = fresh($redis);
my $at = $hello->{last};
is_deeply grip('n1', 3000, 'p', '', 'q', ''), [1, 'seal of n1', $at, $at],
    'the first node that asks sends, from the present event on';
is_deeply grip('n2', 3000, 'p', '', 'r', ''), [0, 'seal of n1', $at, ''],
    'another one does not, and is told the seal and how far it has come';
my @ids = map { publish($redis, [{ch => 'a'}])->[1] } 1 .. 4;
is_deeply grip('n1', 3000, 'p', $ids[1], 'q', $ids[0]),
    [1, 'seal of n1', @ids[1, 0]], 'it sends on, and tells how far it has come';
is_deeply grip('n1', 3000, 'p', $ids[0], 'q', ''),
    [1, 'seal of n1', @ids[1, 0]], 'that never goes back';
is_deeply grip('n2', 3000, 'p', $ids[3], 'q', ''),
    [0, 'seal of n1', @ids[1, 0]], 'what another node tells does not count';
is_deeply grip('n1', 3000, 'p', $ids[1], 'q', $ids[0], 'r', ''),
    [1, 'seal of n1', @ids[1, 0, 3]], 'a proxy that is new begins now';
my %before = @{$redis->command('HGETALL', $gripped)};
grip('n2', 3000, 'p', $ids[3]);
is_deeply {@{$redis->command('HGETALL', $gripped)}}, \%before,
    'one that does not send writes nothing';

grip('n1', 100, 'p', $ids[1], 'q', $ids[0]);
ok $redis->wait_for(sub { grip('n2', 3000, 'p', '', 'q', $ids[2])->[0] == 1 }),
    'another node sends when its time is over';
is_deeply grip('n2', 3000, 'p', '', 'q', ''), [1, 'seal of n1', @ids[1, 2]],
    'and knows how far both have come';
is_deeply grip('n1', 3000, 'p', '', 'q', ''), [0, 'seal of n1', @ids[1, 2]],
    'the first one does not any more';
is grip('n2', 0, 'p', $ids[2], 'q', '')->[0], 0, 'it gives up';
is_deeply grip('n1', 3000, 'p', '', 'q', ''), [1, 'seal of n1', @ids[2, 2]],
    'another one sends at once, from there';
is grip('n2', 0, 'p', $ids[3], 'q', '')->[0], 0,
    'one that has lost it cannot give it up once more';
is_deeply grip('n1', 3000, 'p', '', 'q', ''), [1, 'seal of n1', @ids[2, 2]],
    'and changes nothing';
is_deeply grip('n1', 3000, 'q', ''), [1, 'seal of n1', $ids[2]],
    'a proxy that is no longer configured';
is_deeply grip('n1', 3000, 'p', '', 'q', ''), [1, 'seal of n1', @ids[3, 2]],
    'is as new when it is again';
%before = @{$redis->command('HGETALL', $gripped)};
is_deeply grip($_, '', 'p', $ids[0], 'q', '', 's', ''),
    [0, 'seal of n1', @ids[3, 2], ''], 'a node that only asks is told'
    for 'n1', 'n2';
is_deeply {@{$redis->command('HGETALL', $gripped)}}, \%before,
    'and changes nothing, be it the one that sends or another';
$redis->command('HSET', $gripped, 'until', '9' x 13);
is grip('n2', 3000, 'p', '')->[0], 1,
    'a time that no node can have got (the clock was set back) does not count';

my $lost = (split /-/, $ids[3])[0] + 9e6;
is_deeply grip('n2', 3000, 'p', "$lost-1", 'q', ''),
    [1, 'seal of n1', $ids[3], $ids[3]],
    'an id that the stream has lost is replaced by the last one that it has';
$redis->command('DEL', $gripped);
is_deeply grip('n1', 3000, 'p', $ids[2], 'q', ''),
    [1, 'seal of n1', @ids[2, 3]],
    'when all is lost, what the node knows that sends then counts';
$redis->command('FLUSHALL');
is_deeply grip('n1', 3000, 'p', '', 'q', $ids[2]),
    [1, 'seal of n1', '', $ids[2]], 'without a stream no id is invented';
$redis->set('maxmemory', 1);
like fails($redis, 'grip', 'n1', 3000, 's', 'p', ''), qr/^OOM/,
    'a broker without memory refuses';
$redis->set('maxmemory', 0);

# ---- Whole batches, whatever happens -----------------------------------------

# A broker that is killed while it writes leaves a part of a transaction in its
# file. Redis 7.0 passes over it at the next start, but may execute it at the
# one after that: nodes skip such entries, as no other names them, and begin an
# epoch at each start. A round looks at one start, so it gets a new file.
sub rewrite_file
{
    my ($broker) = @_;
    $broker->command('BGREWRITEAOF');
    return $broker->wait_for(sub {
        return !$broker->info('aof_rewrite_in_progress')
            && !$broker->info('aof_rewrite_scheduled');
    }, 60);
}

$hello = fresh($redis);
my $killed = 0;
for my $round (1 .. 5) {
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        my $other = bless {%$redis, socket => undef}, ref $redis;
        eval {
            my $epoch = hello($other)->{epoch};
            publish($other, [map { {id => "$round-$_-" . rand} } 1 .. 300],
                epoch => $epoch, maxlen => 700) for 1 .. 1000;
        };
        require POSIX;
        POSIX::_exit(0);
    }
    $redis->wait_for(sub {
        my $last = $redis->command('XREVRANGE', $key{events}, '+', '-',
            'COUNT', 1)->[0];
        return $last && "@{$last->[1]}" =~ /\bid $round-/;
    }, 60);
    select undef, undef, undef, rand 0.2;
    crash($redis);
    waitpid $pid, 0;
    my @kept = entries($redis);
    $killed++ if @kept > 300 && (!defined $kept[-1][1]{b}
        || $kept[-1][1]{b} == 0);
    $hello = hello($redis, $kept[-1][0]);
    rewrite_file($redis);
}
is $killed, 5, 'a broker that was killed has whole batches';
ok is_chain($redis), 'in a chain';
my %known = @{$redis->command('HGETALL', $key{ids})};
is_deeply [sort values %known ? map { (split / /)[0] } sort values %known : ()],
    [sort map { $_->[1]{id} ? $_->[0] : () } entries($redis)],
    'and the publishers\' ids of exactly these';

done_testing;
