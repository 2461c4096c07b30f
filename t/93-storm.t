#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Many clients connect at once and are all dropped at once, again and again:
# no client, no descriptor, and no more memory is left. And one address cannot
# take all places. bench/storm.sh does the same with 5,000 clients.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $ROUNDS = 6;
my $CLIENTS = 300;
my $LIMIT = 40;
my $MB_MORE = 16;    # arenas of malloc differ from run to run

need_descriptors($CLIENTS + 100);

# Fixed numbers of processes: none starts or ends for lack of work.
my $mpm = <<'MPM';
StartServers 2
ServerLimit 2
ThreadsPerChild 25
MaxRequestWorkers 50
MinSpareThreads 1
MaxSpareThreads 50
MPM
my $conf = status_conf() . <<'CONF';
MaxMemFree 64
<LocationMatch "^/events/(?<c>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{c}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $storm = EventStream::Httpd->builddir . '/bench/storm';

# Clients of so many addresses; the streams of $away of them are to end by
# themselves. Returns what the program prints.
sub storm
{
    my ($httpd, $addresses, $away) = @_;
    my $port = $httpd->port;
    return `'$storm' 127.0.0.1:$port $CLIENTS 2000 $addresses 7 $away`;
}

sub mb_of_children
{
    my ($httpd) = @_;
    my $kb = 0;
    for my $pid ($httpd->children) {
        my ($own) = EventStream::Httpd::slurp("/proc/$pid/status") =~
            /^RssAnon:\s+(\d+)/m;
        $kb += $own;
    }
    return $kb / 1024;
}

sub files_of_children
{
    my ($httpd) = @_;
    my $count = 0;
    for my $pid ($httpd->children) {
        opendir my $dir, "/proc/$pid/fd" or next;
        $count += grep { /^\d/ } readdir $dir;
    }
    return $count;
}

sub clients_left
{
    my ($httpd) = @_;
    my ($left) = get($httpd, '/server-status?auto')->{body} =~
        /^EventStream\.Clients: (\d+)$/m;
    return $left;
}

# ---- What is left ------------------------------------------------------------

my $httpd = EventStream::Httpd->start(modules => ['status'], log => 'info',
    mpm_conf => $mpm, conf => $conf);
my @children = $httpd->children;
my ($mb, $files);
for my $round (1 .. $ROUNDS) {
    like storm($httpd, 3, 0), qr/ opened=$CLIENTS ended=0 failed=0 /,
        "round $round: each client gets its stream";
    ok wait_for(sub { clients_left($httpd) == 0 }, 30),
        "round $round: no client is left";
    next if $round > 2;
    # pools and arenas are as large as the first rounds need them
    $mb = mb_of_children($httpd);
    $files = files_of_children($httpd);
}
# httpd itself may still be closing connections
ok wait_for(sub { files_of_children($httpd) <= $files }, 30),
    'no descriptor is left' or diag files_of_children($httpd), ", $files";
cmp_ok mb_of_children($httpd), '<', $mb + $MB_MORE, 'no memory is left';
is_deeply [$httpd->children], \@children, 'the children are the same';
is publish($httpd, '1', 'x')->{json}{clients}, 0, 'no subscription is left';
undef $httpd;

# ---- One address -------------------------------------------------------------

$httpd = EventStream::Httpd->start(modules => ['status'], log => 'info',
    mpm_conf => $mpm,
    conf => "EventStreamMaxClientsPerAddress $LIMIT\n" . $conf);
my $other = subscribe($httpd, '/events/1', from => '127.0.0.9');
is $other->next_event(5)->{event}, 'stream-open', 'a client of another address';
for my $round (1 .. 2) {
    my $away = $CLIENTS - $LIMIT;
    my ($opened, $ended, $failed) = storm($httpd, 1, $away) =~
        / opened=(\d+) ended=(\d+) failed=(\d+) /;
    is "$opened $failed", "$CLIENTS 0",
        "round $round: each client of one address gets an answer";
    # two that come at the same time may both be refused
    cmp_ok $ended, '>=', $away,
        "round $round: those above the limit are told to come back";
    my $late = subscribe($httpd, '/events/1', from => '127.0.0.9');
    is $late->next_event(5)->{event}, 'stream-open',
        "round $round: one more client of the other address";
    publish($httpd, '1', "event $round");
    is $late->next_event(5)->{data}, "event $round",
        "round $round: it gets events";
    is $other->skip_to('message', 5)->{data}, "event $round",
        "round $round: so does the first one";
    $late->close;
    ok wait_for(sub { clients_left($httpd) == 1 }, 30),
        "round $round: the places are free again";
}
done_testing;
