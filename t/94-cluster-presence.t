#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The operations presence and who of the script that runs at the broker
# (src/cluster/script/), against a real one: a name joins with the first node
# and leaves with the last, whatever becomes of nodes and calls.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use EventStream::Redis;
use EventStream::Source;

EventStream::Redis->or_skip;

my $text = broker_script();
my @keys = map { "{es:h}:$_" } qw(events meta ids closed nodes);
my $redis = EventStream::Redis->start(append => 1);
my ($epoch, $seen, %serial);

sub call { return $redis->command('EVAL', $text, 5, @keys, @_) }

sub hello { return $epoch = call('hello', int rand 1e6, '0-0')->[0] }

sub fresh
{
    $redis->command('FLUSHALL');
    %serial = ();
    $seen = 0;
    return hello();
}

# Tells names as '+NAME' or '-NAME', of a channel as '+CHANNEL/NAME'; with a
# serial as '+NAME@SERIAL'. Returns 0, or 1 and how many events were added.
sub words
{
    my ($node, $begin, @names) = @_;
    my @words;
    for (@names) {
        my ($sign, $channel, $name, $serial) =
            m{^([+-])(?:(\w+)/)?(.*?)(?:@(\d+))?$}s or die $_;
        $serial{$node} = $serial || ($serial{$node} || 0) + 1;
        push @words, $sign eq '+' ? 'join' : 'leave', $channel || 'a', $name,
            $sign eq '+' ? 1 : 0, $serial{$node};
    }
    return ('presence', $epoch, '0-0', 'primary', $node, 100000,
        $main::ttl || 60000, $begin, $main::fence || 0, @words);
}

our ($ttl, $fence);

sub presence { return call(words($_[0], 0, @_[1 .. $#_]))->[3] }
sub begin { return call(words($_[0], 1, @_[1 .. $#_]))->[3] }

sub lives
{
    my ($node, $ms, @names) = @_;
    local $ttl = $ms;
    return presence($node, @names);
}

# The events that were added since the last call.
sub told
{
    my @told;
    for my $entry (@{$redis->command('XRANGE', $keys[0], '-', '+')}) {
        my %field = @{$entry->[1]};
        next if ($field{ty} || '') !~ /^(join|leave)$/;
        my $data = JSON::PP::decode_json($field{da});
        die "$field{ch} $field{da}"
            if $field{ch} ne "presence-$data->{channel}";
        push @told, ($1 eq 'join' ? '+' : '-')
            . ($data->{channel} eq 'a' ? '' : "$data->{channel}/")
            . $data->{name};
    }
    splice @told, 0, $seen;
    $seen += @told;
    return "@told";
}

sub who
{
    my ($channel, $after, $limit) = @_;
    my @list = @{call('who', $channel || 'a', $after // '', $limit || 100)};
    my @names;
    push @names, join '=', splice @list, 0, 2 while @list;
    return "@names";
}

# ---- One node, and two -------------------------------------------------------

fresh();
is presence('n1', '+ada'), 0, 'a node that is not known has to begin';
is told() . who(), '', 'what it told was not done';
is begin('n1'), 1, 'it begins';
is presence('n1', '+ada'), 2, 'and tells a name';
is told(), '+ada', 'which joins';
my $last = $redis->command('XREVRANGE', $keys[0], '+', '-', 'COUNT', 1)->[0];
my %field = @{$last->[1]};
delete @field{qw(p)};
is_deeply \%field, {b => 0, n => 'n1', ch => 'presence-a', ty => 'join',
    da => '{"channel":"a","name":"ada","clients":1}'}, 'the event';
is presence('n1', '+ada@2'), 1, 'told again it is no event';
is begin('n1', '+ada@2'), 1, 'nor if the node begins again, being known';
begin('n2');
is presence('n2', '+ada', '+bob'), 2, 'another node has it, too';
is told(), '+bob', 'it joins once';
is who(), 'ada=2 bob=1', 'who is there, and on how many nodes';
is presence('n1', '-ada'), 1, 'the first has it no more';
is who(), 'ada=1 bob=1', 'it is on one node now';
is told(), '', 'it does not leave';
is presence('n2', '-ada'), 2, 'until the last one has it no more';
is presence('n2', '-ada@3'), 1, 'told again it is no event';
is told(), '-ada', 'it leaves once';
is who(), 'bob=1', 'and is not there';
presence('n1', '-bob');
is told() . who(), 'bob=1', 'a node takes away its own alone';

presence('n1', '+cyd@50');
presence('n1', '-cyd@40');
is told(), '+cyd', 'a leave that comes late does not count';
presence('n1', '+cyd@60', '-cyd@61', '+cyd@62');
is told(), '-cyd +cyd', 'one call may tell a name more than once';

# A call of which the node does not know whether it was done is made again with
# a higher fence. What arrives after that is late.
{
    local $fence = 7;
    begin('n3');
    presence('n3', '+dan@70');
    presence('n3', '-dan@71');
    is told(), '+dan -dan', 'a name joins, and leaves';
    $fence = 6;
    is presence('n3', '+dan@70'), -1, 'a call with a lower fence is late';
    is presence('n3'), -1, 'also one that tells nothing';
    is begin('n3'), -1, 'or begins';
    is told() . who(), 'bob=1 cyd=1', 'it changes nothing';
    is presence('n2', '+dan'), 2, 'other nodes have fences of their own';
    presence('n2', '-dan');
    $fence = 7;
    is presence('n3', '+dan@72'), 2, 'one with the same fence is not late';
    presence('n3', '-dan@73');
    is told(), '+dan -dan +dan -dan', 'it is done';
}

# ---- Names -------------------------------------------------------------------

my $odd = "a/\\/\"\n\0\x{c3}\x{a9}";
presence('n1', "+b/$odd");
$last = $redis->command('XREVRANGE', $keys[0], '+', '-', 'COUNT', 1)->[0];
%field = @{$last->[1]};
is +JSON::PP::decode_json($field{da})->{name}, "a/\\/\"\n\0\x{e9}",
    'any name is told as it is';
unlike $field{da}, qr{/\\/\\}, 'without escapes of the slash';
is who('b'), "$odd=1", 'and listed';
$seen++;
presence('n1', '+b/x', '+c/x');
is told(), '+b/x +c/x', 'a name in two channels';
presence('n1', '-b/x');
is told(), '-b/x', 'leaves one of them';
is who('c'), 'x=1', 'and stays in the other';

presence('n1', map { sprintf '+p/n%03d', $_ } 1 .. 250);
my ($after, @all) = ('');
while ((my @page = split / /, who('p', $after, 100)) > 0) {
    push @all, @page;
    ($after) = $page[-1] =~ /^(.*)=/;
}
is "@all", join(' ', map { sprintf 'n%03d=1', $_ } 1 .. 250), 'pages';

# ---- Nodes that end ----------------------------------------------------------

fresh();
begin('n1');
begin('n2');
presence('n1', '+ada', '+bob');
presence('n2', '+bob');
told();
lives('n1', 100);
select undef, undef, undef, 0.2;
presence('n2');
is told(), '-ada', 'the names of a node that has ended leave';
is who(), 'bob=1', 'but for those of others';
is presence('n1', '+ada'), 0, 'and it has to begin';
begin('n1');
presence('n1', '+ada');
is told(), '+ada', 'as a new one';

lives('n1', 100, '+ada@1');
select undef, undef, undef, 0.2;
is lives('n1', 60000), 1, 'one that was late, and nobody has noticed, goes on';
is told() . who(), 'ada=1 bob=1', 'with its names';
lives('n2', 100);
select undef, undef, undef, 0.2;
presence('n1');
is told(), '',
    'as the broker may have been away, it waits for others for the same time';
$redis->command('ZADD', '{es:h}:here', 1, '');
presence('n1');
is told(), '-bob', 'then their names leave';

fresh();
begin($_) for 'n1', 'n2';
presence('n1', map { "+x$_" } 1 .. 1500);
told();
lives('n1', 50);
$redis->command('ZADD', '{es:h}:here', 1, '');
select undef, undef, undef, 0.2;
is presence('n2'), 1001, 'a thousand names at once are taken away';
is presence('n1', '+x1'), 0, 'the node is not known meanwhile';
is begin('n1'), 501, 'if it begins, it gets rid of the rest first';
is $redis->command('ZCARD', '{es:h}:fences'), 2, 'a fence for each node';
is who(), '', 'nobody is left';
presence('n1', '+x1');
is who(), 'x1=1', 'then it tells its names';
is scalar(my @events = split / /, told()), 1501, 'all has been told';

# ---- The broker --------------------------------------------------------------

fresh();
begin('n1');
presence('n1', '+ada');
told();
$redis->set('maxmemory', 1);
like $redis->error_of('EVAL', $text, 5, @keys, words('n1', 0, '+bob')),
    qr/^OOM /, 'a broker without memory refuses a join';
like $redis->error_of('EVAL', $text, 5, @keys, words('n1', 0, '-ada')),
    qr/^OOM /, 'and a leave';
is who(), 'ada=1', 'then nothing is done';
$redis->set('maxmemory', 0);
presence('n1', '-ada');
is told(), '-ada', 'when it has memory, it is told';
presence('n1', '+ada');
$redis->kill;
$redis->run;
$redis->wait_for(sub { !$redis->error_of('DBSIZE') });
my $before = $epoch;
isnt hello(), $before, 'after a restart another epoch begins';
like $redis->error_of('EVAL', $text, 5, @keys,
    map { $_ eq $epoch ? $before : $_ } words('n1', 0, '+bob')),
    qr/^ESEPOCH /, 'in the old one nothing is told';
presence('n1', '+ada@3', '+bob');
is told(), '+ada +bob', 'then all goes on with what the broker has saved';
fresh();
is presence('n1', '+ada@3'), 0, 'a broker that was emptied knows no node';
done_testing;
