#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Plain clients keep no worker: far more of them than workers, and the site
# answers as if they were not there.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

need_descriptors(6000);

# With what Debian's presets and many sites put in the way of each request. %X
# tells an aborted connection from one that was closed.
my $conf = status_conf() . <<'CONF';
AddOutputFilterByType DEFLATE text/html text/plain text/css
Header set X-Site "here"
ExpiresActive on
ExpiresDefault "access plus 1 day"
RequestReadTimeout header=20-40,minrate=500 body=20,minrate=500
LogFormat "%>s %X" end
CustomLog "@ROOT@/logs/end_log" end "expr=%{REQUEST_URI} == '/events'"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# One event to all of them: how many have received just that next. What
# wait_clients has published (it is empty) does not count.
sub received
{
    my ($httpd, $data, @clients) = @_;
    my $id = publish($httpd, 'news', $data)->{json}{id};
    my $until = time + 20;
    my $right = 0;
    for my $client (@clients) {
        my $event;
        do {
            my $left = $until - time;
            $event = $client->next_event($left > 0 ? $left : 0);
        } while ($event && $event->{data} eq '');
        $right++ if $event && $event->{data} eq $data && $event->{id} eq $id;
    }
    return $right;
}

sub slurp
{
    my ($file) = @_;
    open my $in, '<', $file or return ();
    return <$in>;
}

sub crowd
{
    my ($mpm, $count, $workers) = @_;
    my $httpd = EventStream::Httpd->start(
        mpm => $mpm, conf => $conf, modules => [
            qw(status deflate expires filter headers logio negotiation
                reqtimeout setenvif unique_id usertrack)],
        files => {'page.txt' => "a page\n"});
    my $before = descriptors($httpd);
    my @children = $httpd->children;
    my $half = $count / 2;

    my @clients = map { subscribe($httpd, '/events') } 1 .. $count;
    is scalar(grep { $_->status == 200 } @clients), $count,
        "$mpm: $count clients, $workers workers in a child";
    is scalar(grep { ($_->next_event(10) || {event => ''})->{event}
        eq 'stream-open' } @clients), $count, '... each stream opens';

    wait_for(sub { (busy_workers($httpd) // 1) == 0 }, 5,
        '... no worker is busy');
    cmp_ok server_status($httpd)->{IdleWorkers}, '>=', 1,
        '... workers are idle';
    ok static_file($httpd), '... a file is served';
    cmp_ok descriptors($httpd), '>=', $count,
        '... their sockets are held';
    is publish($httpd, 'news', 'first')->{json}{clients}, $count,
        '... the publisher is told how many there are';
    is scalar(grep { ($_->next_event(10) || {data => ''})->{data} eq 'first' }
        @clients), $count, '... all receive the event';
    is received($httpd, 'second', @clients), $count, '... and it came once';

    my $log = $httpd->root . '/logs/end_log';
    wait_for(sub { my @lines = slurp($log); @lines >= $count }, 5,
        '... each stands in the access log');
    is scalar(grep { $_ eq "200 -\n" } slurp($log)), $count,
        '... with 200, and not as aborted';

    my @half = splice @clients, 0, $half;
    reset_client($_) for @half;
    is wait_clients($httpd, 'news', $half, 10), $half,
        '... those that reset their connections are gone';
    is received($httpd, 'third', @clients), $half,
        '... the others go on';
    $_->close for @clients;
    is wait_clients($httpd, 'news', 0, 10), 0,
        '... those that close theirs are gone, too';
    wait_for(sub { descriptors($httpd) <= $before + $workers }, 10,
        '... their descriptors are given back');

    my @now = $httpd->children;
    is_deeply \@now, \@children, '... the same children still live'
        if $mpm ne 'prefork';
    unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
        '... no error in the log';
    return;
}

crowd('event', 2000, 25);
crowd('worker', 300, 25);
crowd('prefork', 200, 8);
done_testing;
