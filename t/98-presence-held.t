#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Presence however a client is served: over TLS (detached, handed over), over
# HTTP/2 (held, in turns), above a limit (asked to come back again and again).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Presence;

plan skip_all => 'needs mod_http2' if !EventStream::Httpd->has_module('http2');
plan skip_all => 'needs a curl that speaks HTTP/2'
    if `curl --version` !~ /^Features:.* HTTP2\b/m;

my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => 1, modules => ['status'],
    mpm_conf => <<'MPM', conf => status_conf() . presence_conf(<<'CONF'));
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MinSpareThreads 1
MaxSpareThreads 25
MPM
EventStreamHttp2 hold
EventStreamTurn 500ms
EventStreamMaxHeld 1
EventStreamMaxClients 5
CONF

my $log = follow($httpd, 'a');

# ---- over TLS, and handed over -----------------------------------------------

my $tls = visit($httpd, 'a', 'tls', tls => 1);
is told($log, 5), '+tls', 'a client over TLS joins';
my $plain = visit($httpd, 'a', 'plain');
is told($log, 5), '+plain', 'so does a plain one';
$httpd->graceful;
ok !$tls->is_ended(1) && $tls->is_open, 'the client over TLS is handed over';
ok $plain->is_open, 'so is the plain one';
told_nothing($log, 7, 'neither has left nor joined');
is_there($httpd, 'a', {tls => 1, plain => 1}, 'both are counted');
$_->close for $tls, $plain;
my %left = map { told($log, 40) => 1 } 1 .. 2;
is_deeply \%left, {'-tls' => 1, '-plain' => 1}, 'both leave when they close';

# ---- held, and in turns ------------------------------------------------------

my $held = visit($httpd, 'a', 'held', http2 => 1);
is told($log, 5), '+held', 'a client that is held joins';
ok $held->is_open, 'it is held';

# A browser without a place comes back after each turn.
sub take_turns
{
    my ($name, $rounds, %opt) = @_;
    for (1 .. $rounds) {
        my $client = visit($httpd, 'a', $name, %opt);
        return 0 if !$client->is_ended(10);
        $client->close;
        sleep 1;
    }
    return 1;
}
ok take_turns('turn', 1, http2 => 1), 'a client beyond the budget has a turn';
is told($log, 5), '+turn', 'it joins';
ok take_turns('turn', 5, http2 => 1), 'it comes back for some turns';
is who($httpd, 'a')->{turn}, 0, 'between two turns it has no client';
is told($log, 1), '', 'it has not left in between, nor joined again';
is told($log, 15), '-turn', 'it leaves when it comes no more';

# ---- above a limit -----------------------------------------------------------

my @others = map { subscribe($httpd, '/presence/x') } 1 .. 5;
ok take_turns('brief', 1), 'a client above the limit is asked to come back';
is told($log, 5), '+brief', 'it joins';
ok take_turns('brief', 4), 'it comes back again and again';
is told($log, 1), '', 'without a leave';

$held->close;
%left = map { told($log, 20) => 1 } 1 .. 2;
is_deeply \%left, {'-held' => 1, '-brief' => 1}, 'both leave';
is_deeply who($httpd, 'a'), {}, 'nobody is left';
done_testing;
