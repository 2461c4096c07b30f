#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The link of src/cluster to real brokers and sentinels: it logs in, tells why
# it cannot, and keeps its deadlines when they hang, die, load or fail over.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Time::HiRes qw(sleep time);

use EventStream::BrokerLink;
use EventStream::Redis;
use EventStream::Sentinels;

EventStream::BrokerLink->or_skip;
EventStream::Redis->or_skip;

my $link = EventStream::BrokerLink->new;

# ---- The login -------------------------------------------------------------

my $redis = EventStream::Redis->start(
    user => 'app', password => 's@cr:t/1', tls => 1, append => 1);
my $run = $redis->info('run_id');
my $address = $redis->address;
is $link->order('open', 10000, $redis->url(3)), "ok $run $address",
    'a link knows the run and the address of its broker';
is $link->order('call', 5000, 'SET', 'key', 'in3'), 'text OK',
    'a command is answered';
$redis->command('SELECT', 3);
is $redis->command('GET', 'key'), 'in3', 'the database is that of the URL';
$redis->command('SELECT', 0);
like $redis->command('CLIENT', 'LIST'), qr/name=mod_eventstream/,
    'an administrator sees what the connection is';
is $link->order('open', 10000, $redis->unix_url(3)), "ok $run "
    . $redis->root . '/socket', 'a link may go to a Unix socket';
is $link->order('call', 5000, 'GET', 'key'), 'text in3', 'and is the same';

my $plain = "redis://$address";
is $link->order('open', 10000, $plain),
    "eacces $address: it wants a password (NOAUTH)",
    'a password that is missing is told';
is $link->order('open', 10000, "redis://app:no\@$address"),
    "eacces $address: the user or the password is refused (WRONGPASS)",
    'a wrong one, too';
like $link->order('open', 10000, "redis://app\@$address", 'password=s@cr:t/1'),
    qr/^ok /, 'the password may come from elsewhere';
like $link->order('open', 10000, $redis->url(1000)),
    qr/^egeneral \S+: the database cannot be selected: ERR /,
    'so is a database that is not there';
$redis->command('ACL', 'SETUSER', 'less', 'on', '>less-pw', '~*', '&*', '+@all',
    '-client', '-role');
like $link->order('open', 10000, "redis://less:less-pw\@$address"),
    qr/^eacces \S+: its user may do too little: NOPERM /,
    'a user that may not ask for the role is told';
$redis->command('ACL', 'SETUSER', 'less', '+role');
like $link->order('open', 10000, "redis://less:less-pw\@$address"), qr/^ok /,
    'one that may not set a name gets on without';

# ---- TLS -------------------------------------------------------------------

my $ca = 'ca=' . $redis->ca_file;
like $link->order('open', 10000, $redis->tls_url(3), $ca), qr/^ok \Q$run\E /,
    'a link over TLS';
is $link->order('call', 5000, 'GET', 'key'), 'text in3', 'is the same';
is $link->order('many', 30000, 10000, 'ECHO', 'x' x 1000), 'ok 10000',
    'also with 10,000 commands in flight';
like $link->order('open', 10000, $redis->tls_url),
    qr/^egeneral \S+: its certificate is refused: self-signed/,
    'a certificate that no one knows is refused';
like $link->order('open', 10000, $redis->tls_url, 'verify=0'), qr/^ok /,
    'unless it is not to be checked';
(my $other_name = $redis->tls_url) =~ s/localhost/127.0.0.2/;
like $link->order('open', 10000, $other_name, $ca),
    qr/^(?:error|egeneral) /, 'one for another name is refused';
like $link->order('open', 1000, $redis->url =~ s/redis:/rediss:/r, $ca),
    qr/^timeup \S+: no TLS handshake in time/,
    'a port without TLS does not keep a link that wants it';
like $link->order('open', 3000, $redis->tls_url =~ s/rediss:/redis:/r),
    qr/^(?:egeneral|eof|timeup) /, 'nor does one with TLS keep one without it';
like $link->order('open', 10000, $redis->tls_url, 'ca=/nowhere'),
    qr/^egeneral \S+: cannot load the CA certificates: /,
    'certificates that cannot be read are told';

# ---- Large replies, many commands ------------------------------------------

$link->order('open', 10000, $redis->url);
is $link->order('call', 30000, 'SETRANGE', 'large', 50_000_000, 'x'),
    'number 50000001', 'a broker takes 50 MB';
is $link->order('call', 30000, 'GET', 'large'), 'long 50000001',
    'and sends them';
is $link->order('many', 30000, 10000, 'INCR', 'n'), 'ok 10000',
    '10,000 commands are pipelined';
is $redis->command('GET', 'n'), 10000, 'and none is lost';
like $link->order('open', 10000, $redis->url, 'reply_max=1000000'), qr/^ok /,
    'a link with a limit';
like $link->order('call', 30000, 'GET', 'large'),
    qr/^enospc \S+: a reply is too large$/, 'refuses a larger reply';
like $link->order('get', 1000), qr/^enospc/, 'and is of no use any more';

# ---- A broker that hangs, dies, loads --------------------------------------

$link->order('open', 10000, $redis->url);
$redis->suspend;
like $link->order('call', 500, 'PING'), qr/^timeup/,
    'a stopped broker is waited for';
cmp_ok $link->took, '>=', 0.5, 'until the deadline';
$redis->resume;
is $link->order('get', 10000), 'text PONG', 'its reply comes when it goes on';
$redis->suspend;
my $second = EventStream::BrokerLink->new;
like $second->order('open', 700, $redis->url), qr/^timeup \S+: no answer/,
    'a new link waits until the deadline, too';
$redis->resume;

$redis->set('timeout', 1);
like $link->order('get', 30000), qr/^eof \S+: closed by the broker/,
    'an idle link that the broker closes is seen';
$link->order('open', 10000, $redis->url);
$redis->kill;
like $link->order('call', 10000, 'PING'), qr/^eof /, 'so is its death';
like $link->order('open', 10000, $redis->url),
    qr/^error \S+: cannot connect: Connection refused/, 'there is none then';
$redis->run;
like $link->order('open', 10000, $redis->url),
    qr/^ok (?!\Q$run\E)[0-9a-f]{40} /, 'a restart is another run';

my $slow = EventStream::Redis->start(conf => {
    'key-load-delay' => 20000,
    'loading-process-events-interval-bytes' => 1024});
$slow->command('MSET', map { ("key$_" => 'x' x 200) } 1 .. 400);
$slow->command('SAVE');
$slow->kill;
$slow->run(may_load => 1);
like $link->order('open', 10000, $slow->url),
    qr/^ebusy \S+: it does not serve now: LOADING /,
    'a broker that loads its data is no broker yet';
$slow->set('key-load-delay', 0);
ok $slow->wait_for(sub { $link->order('open', 10000, $slow->url) =~ /^ok / }),
    'but soon';

# ---- Replicas and sentinels ------------------------------------------------

my $primary = EventStream::Redis->start(password => 'pw');
my $replica = EventStream::Redis->start(replica_of => $primary);
$primary->wait_for_replicas(1);
is $link->order('open', 10000, $replica->url),
    'emismatch ' . $replica->address . ': it is not a primary',
    'a replica is not taken';

my $sentinels = EventStream::Sentinels->start($primary, replicas => 1,
    password => 'pw');
like $link->order('open', 10000, $sentinels->url),
    qr/^ok \S+ \Q@{[$primary->address]}\E$/, 'sentinels name the primary';
my ($first, @others) = $sentinels->list;
$first->suspend;
$others[0]->kill;
like $link->order('open', 10000, $sentinels->url),
    qr/^ok \S+ \Q@{[$primary->address]}\E$/,
    'also if one of them hangs and one is dead';
$first->resume;
$others[0]->run;
$primary->kill;
ok $replica->wait_for(sub {
    $link->order('open', 10000, $sentinels->url)
        =~ /^ok \S+ \Q@{[$replica->address]}\E$/;
}, 40), 'after a failover it is the other one';
is $link->order('call', 10000, 'SET', 'a', 1), 'text OK', 'which takes data';
$primary->run;
ok $replica->wait_for(
    sub { (eval { $primary->info('role') } || '') eq 'slave' }, 40),
    'the old one comes back as a replica';
like $link->order('open', 10000, $sentinels->url),
    qr/^ok \S+ \Q@{[$replica->address]}\E$/, 'which changes nothing';
$_->kill for $sentinels->list;
like $link->order('open', 10000, $sentinels->url),
    qr/^error \S+: cannot connect: Connection refused/,
    'without sentinels there is no primary';

done_testing;
