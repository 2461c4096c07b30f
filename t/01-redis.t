#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The test library's brokers and sentinels: they start, fail and end as a test
# wants.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;
use EventStream::Redis;
use EventStream::Sentinels;

EventStream::Redis->or_skip;

# ---- One broker ------------------------------------------------------------

my $redis = EventStream::Redis->start(
    password => 's@c:r t', append => 1, conf => {'maxmemory' => '64mb'});
is $redis->command('PING'), 'PONG', 'a started broker answers';
is $redis->url(2), 'redis://:s%40c%3Ar%20t@' . $redis->address . '/2',
    'the URL has the password, encoded';
is $redis->command('SET', 'a', "x\r\ny"), 'OK', 'a status is a string';
is $redis->command('GET', 'a'), "x\r\ny", 'a string may have any bytes';
is $redis->command('GET', 'none'), undef, 'nil is undef';
is $redis->command('INCR', 'n'), 1, 'a number is a number';
is_deeply $redis->command('EVAL', 'return {1, {"b"}, false}', 0),
    [1, ['b'], undef], 'a list is a list, and may have lists';
like $redis->error_of('INCR', 'a'), qr/^ERR /, 'error_of returns the error';
is $redis->error_of('GET', 'a'), '', 'or an empty text';
ok !eval { $redis->command('INCR', 'a'); 1 }, 'command dies of an error';
is $redis->info('maxmemory'), 64 << 20, 'conf sets what it names';
$redis->set('maxmemory', 0);
is $redis->info('maxmemory'), 0, 'set changes it';

my $run = $redis->info('run_id');
$redis->kill;
ok !$redis->is_alive, 'a killed broker is not alive';
ok !eval { $redis->command('PING'); 1 }, 'nor does it answer';
$redis->run;
is $redis->command('GET', 'a'), "x\r\ny",
    'with append it has its data when it runs again';
isnt $redis->info('run_id'), $run, 'and another run_id';
$redis->restart;
is $redis->command('GET', 'a'), "x\r\ny", 'restart keeps them, too';

my $other = EventStream::Redis->start(user => 'app', password => 'p');
is $other->command('ACL', 'WHOAMI'), 'app', 'a user logs in';
$other->command('SET', 'a', 1);
$other->kill;
$other->run;
is $other->command('GET', 'a'), undef, 'without append the data are lost';

$other->suspend;
my $pid = fork;
if ($pid == 0) {
    sleep 1;
    kill 'CONT', $other->pid;
    require POSIX;
    POSIX::_exit(0);
}
is $other->command('PING'), 'PONG', 'a suspended broker answers once resumed';
waitpid $pid, 0;

# ---- A failover ------------------------------------------------------------

my $replica = EventStream::Redis->start(replica_of => $redis);
$redis->wait_for_replicas(1);
is $replica->command('GET', 'a'), "x\r\ny", 'a replica has the data';
like $replica->error_of('SET', 'a', 1), qr/^READONLY/, 'and takes none';

my $sentinels = EventStream::Sentinels->start($redis, replicas => 1);
is $sentinels->primary_port, $redis->port, 'sentinels name the primary';
like $sentinels->url, qr{^redis\+sentinel://:[^@]+@(?:[\d.]+:\d+,?){3}/es$},
    'their URL has all of them';
$redis->kill;
ok $sentinels->wait_for_primary($replica), 'a failover makes another primary';
is $replica->error_of('SET', 'a', 1), '', 'which takes data';
$redis->run;
ok $redis->wait_for(
    sub { (eval { $redis->info('role') } || '') eq 'slave' }, 30),
    'the old primary comes back as a replica';

# ---- Ends ------------------------------------------------------------------

my $root = $other->root;
my $gone = $other->pid;
undef $other;
ok !kill(0, $gone), 'a broker ends with its object';
ok !-e $root, 'so does its folder';

SKIP: {
    skip 'not installed: setpriv', 1 if !grep { -x "$_/setpriv" }
        split /:/, $ENV{PATH};
    pipe my $from, my $to or die "pipe: $!";
    my $test = fork;
    if ($test == 0) {
        my $mine = EventStream::Redis->start;
        syswrite $to, $mine->pid . ' ' . $mine->root . "\n";
        sleep 60;
    }
    my ($lost, $folder) = split ' ', <$from>;
    kill 'KILL', $test;
    waitpid $test, 0;
    # a zombie has ended, too: its new parent may be slow to look
    ok $redis->wait_for(sub { !EventStream::Httpd::parent_of($lost) }),
        'a broker ends with its test, even if that was killed';
    system 'rm', '-rf', $folder;
}

done_testing;
