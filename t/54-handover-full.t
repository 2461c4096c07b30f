#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# At restart all children end before a new one starts. Clients that find no room
# in the handover end cleanly, and miss nothing when they reconnect. Here there
# is room for few, as the kernel lets a user have no more descriptors under way
# than a process may open.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

need_descriptors(1200);

my $conf = <<'CONF';
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamRetry 1
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# Configuration for exactly this many children.
sub children
{
    my ($count) = @_;
    my $threads = 25 * $count;
    return "StartServers $count\nServerLimit 3\nThreadsPerChild 25\n"
        . "MaxRequestWorkers $threads\nMinSpareThreads $threads\n"
        . "MaxSpareThreads $threads\n";
}

# Opens clients, restarts, and checks what became of each and whether it
# received all events.
sub over_restart
{
    my ($httpd, $clients, $most, $conf_after) = @_;
    my @all = map { subscribe($httpd, '/events', head => 0) } 1 .. $clients;
    $_->read_head(20) for @all;
    # a child that got more than its share ends the streams of clients at once:
    # those do not count here
    @all = grep { my $open = $_->next_event(10); $open && $_->is_open } @all;
    cmp_ok scalar @all, '>', $clients * 0.8, 'most clients are served';
    publish($httpd, 'a', $_) for 1 .. 5;
    @$httpd{qw(mpm_conf conf)} = @$conf_after if $conf_after;
    $httpd->write_conf if $conf_after;
    ok $httpd->restart, 'restart succeeds';
    publish($httpd, 'a', $_) for 6 .. 10;

    my %count = map { $_ => 0 } qw(kept ended cut wrong);
    for my $client (@all) {
        my @got;
        while (my $event = $client->next_event(10)) {
            push @got, $event->{data};
            last if $event->{data} eq '10';
        }
        if ($got[-1] && $got[-1] eq '10') {
            $count{kept}++;
            push @{$count{open}}, $client;
        } elsif (($client->is_ended(10) || 0) != 1) {
            $count{cut}++;
        } else {
            $count{ended}++;
            $count{wrong}++ if $client->retry < 1000 || $client->retry > 2000;
            my $back = subscribe($httpd, '/events',
                headers => ['Last-Event-ID: ' . $client->last_id]);
            while (my $event = $back->next_event(10)) {
                $count{wrong}++ if $event->{event} eq 'stream-reset';
                push @got, $event->{data} if $event->{event} eq 'message';
                last if $event->{data} eq '10';
            }
            $back->close;
        }
        $count{wrong}++ if "@got" ne '1 2 3 4 5 6 7 8 9 10';
    }
    # a client above the limit of a child may receive the last event before its
    # end
    $httpd->wait_for(sub { clients($httpd, 'a') <= $most }, 20) if $most;
    my $kept = clients($httpd, 'a');
    $_->fill(0) for @{$count{open}};
    $count{ended} += grep { !$_->is_open } @{$count{open}};
    $count{cut} += grep { $_->is_cut } @{$count{open}};
    cmp_ok $count{ended}, '>', 20, "$count{ended} clients find no room and end";
    is $count{cut}, 0, 'they end cleanly';
    is $count{wrong}, 0,
        'each client receives each event once, in order, on whichever'
        . ' connection';
    $_->close for @all;
    is wait_clients($httpd, 'a', 0, 5), 0,
        'clients that have closed are not counted any more';
    is $httpd->stop, 0, 'httpd stops with exit status 0';
    unlike $httpd->error_log,
        qr/\[(?:error|crit|alert|emerg)\]|signal Seg|ES0320/,
        'the error log has no error';
    return $kept;
}

# A child sends 300 clients, and there is room for 400 at least.
my $httpd = EventStream::Httpd->start(
    descriptors => 400, mpm_conf => children(3), conf => $conf);
cmp_ok over_restart($httpd, 600, 0), '>', 300,
    'the children share the clients: one alone could not hold them';

# After the restart there is one child, which can hold 600.
$httpd = EventStream::Httpd->start(
    descriptors => 800, mpm_conf => children(3), conf => $conf);
my $kept = over_restart($httpd, 950, 600, [children(1), $conf]);
cmp_ok $kept, '>', 450,
    "a single child takes over as many as it can hold ($kept)";
cmp_ok $kept, '<=', 600, 'it takes over no more';

done_testing;
