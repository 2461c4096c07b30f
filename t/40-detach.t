#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Plain clients occupy no worker: with far more clients than workers the site
# answers as if there were none.

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

# With modules that Debian's presets and many sites put into each request. %X
# distinguishes an aborted connection from one that was closed; the note says
# that the line was written at the start of the stream.
my $conf = status_conf() . <<'CONF';
AddOutputFilterByType DEFLATE text/html text/plain text/css
Header set X-Site "here"
ExpiresActive on
ExpiresDefault "access plus 1 day"
RequestReadTimeout header=20-40,minrate=500 body=20,minrate=500
LogFormat "%>s %X %{es-detached}n" end
CustomLog "@ROOT@/logs/end_log" end "expr=%{REQUEST_URI} == '/events'"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamKeepAlive 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# Publishes one event. Returns how many clients received just that event next,
# apart from the empty ones that wait_clients has published.
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

sub test_mpm
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
        "$mpm: $count clients are served by $workers workers in a child";
    is scalar(grep { ($_->next_event(10) || {event => ''})->{event}
        eq 'stream-open' } @clients), $count, "$mpm: each stream opens";

    wait_for(sub { (busy_workers($httpd) // 1) == 0 }, 5,
        "$mpm: no worker is busy");
    cmp_ok server_status($httpd)->{IdleWorkers}, '>=', 1,
        "$mpm: workers are idle";
    ok static_file($httpd), "$mpm: a file is served";
    cmp_ok descriptors($httpd), '>=', $count,
        "$mpm: the children have the clients' sockets";
    is publish($httpd, 'news', 'first')->{json}{clients}, $count,
        "$mpm: the publisher's answer counts the clients";
    is scalar(grep { ($_->next_event(10) || {data => ''})->{data} eq 'first' }
        @clients), $count, "$mpm: all clients receive the event";
    is received($httpd, 'second', @clients), $count,
        "$mpm: they receive it once";

    my $log = $httpd->root . '/logs/end_log';
    wait_for(sub { my @lines = slurp($log); @lines >= $count }, 5,
        "$mpm: the access log has each client");
    is scalar(grep { $_ eq "200 - 1\n" } slurp($log)), $count,
        "$mpm: it has them with 200, not as aborted, and as detached";

    my @half = splice @clients, 0, $half;
    close_with_rst($_) for @half;
    is wait_clients($httpd, 'news', $half, 10), $half,
        "$mpm: clients that reset their connections are not counted any more";
    is received($httpd, 'third', @clients), $half,
        "$mpm: the other clients receive events";
    $_->close for @clients;
    is wait_clients($httpd, 'news', 0, 10), 0,
        "$mpm: clients that close their connections are not counted any more";
    wait_for(sub { descriptors($httpd) <= $before + $workers }, 10,
        "$mpm: the children have closed their descriptors");

    # Another may have started since the first was ready.
    my %now = map { $_ => 1 } $httpd->children;
    is_deeply [grep { $now{$_} } @children], \@children,
        "$mpm: the children are the same" if $mpm ne 'prefork';
    unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
        "$mpm: the error log has no error";
    return;
}

test_mpm('event', 2000, 25);
test_mpm('worker', 300, 25);
test_mpm('prefork', 200, 8);
done_testing;
