#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# sh quickstart.sh grip: the demo behind Pushpin. The page and the package
# eventsource behave as without Pushpin; when the script ends, so does all that
# it started.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Test::More;

use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

use Driver;
use EventStream::Client;
use EventStream::Pushpin;
use EventStream::Source;

EventStream::Pushpin->or_skip;
Driver::need('eventsource');
my $build = srcdir() . '/build';
plan skip_all => 'quickstart.sh builds in build/ of the checkout'
    if !-f "$build/config.status" || `cd '$build' && pwd -P` ne
        `cd '@{[builddir()]}' && pwd -P`;

my $log = "$build/quickstart-grip.log";
my ($pid, $port);
END {
    if ($pid) {
        local $?;
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
}

sub output
{
    open my $in, '<', $log or return '';
    local $/;
    return scalar <$in> // '';
}

# Three free ports in a row, below those that the kernel gives to connections.
sub choose_port
{
    for (1 .. 100) {
        my $first = 20_000 + int rand 10_000;
        return $first if 3 == grep { IO::Socket::INET->new(Listen => 1,
            LocalAddr => '127.0.0.1', LocalPort => $first + $_) } 0 .. 2;
    }
    die 'no free ports';
}

sub spawn
{
    unlink $log;
    $port = choose_port();
    $pid = fork;
    die "fork: $!" if !defined $pid;
    return if $pid != 0;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    delete @ENV{grep { /^MAKE|^MFLAGS/ } keys %ENV};
    $ENV{ES_PORT} = $port;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', $log;
    open STDERR, '>&', \*STDOUT;
    exec 'sh', srcdir() . '/quickstart.sh', 'grip' or POSIX::_exit(127);
}

# Another process may take a port meanwhile; then it tries again.
for my $try (1 .. 3) {
    spawn();
    wait_for(sub {
        $pid = 0 if waitpid($pid, POSIX::WNOHANG) != 0;
        return !$pid || output() =~ /Press Ctrl-C to stop/;
    }, 120);
    last if $pid;
    diag output();
}
die "quickstart.sh grip does not run\n" if !$pid;
like output(), qr{^    http://localhost:$port/$}m,
    'it prints the URL to open';

# the page, and the streams, through Pushpin
{
    package Site;
    sub url { return "http://127.0.0.1:$port" . ($_[1] || '/') }
    sub port { return $port }
}
my $site = bless {}, 'Site';
my $page = get($site, '/');
is $page->{status}, 200, 'the page is served through Pushpin';
my $sse = subscribe($site, '/events/kitchen');
is $sse->next_event(10)->{event}, 'stream-open',
    'a stream opens through Pushpin';
my $past = subscribe($port + 1, '/events/kitchen');
is $past->next_event(10)->{event}, 'stream-open', 'a stream opens directly';
is publish($site, 'room-kitchen', 'hello')->{status}, 200,
    'an event is published as the page does';
is $_->next_event(10)->{data}, 'hello',
    'both streams receive it' for $sse, $past;
$ENV{ES_PROXIED} = 1;
Driver::run('eventsource.mjs', $site);
SKIP: {
    my $reason = Driver::lacking('playwright-core', browser => 1);
    skip $reason, 1 if $reason;
    Driver::run('demo.mjs', $site);
}

kill 'TERM', $pid;
waitpid $pid, 0;
$pid = 0;
is $?, 0, 'the script exits with status 0 at SIGTERM';
ok !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $_),
    "port $_ is free after the script" for $port .. $port + 2;
unlink $log;
done_testing;
