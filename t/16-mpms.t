#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Under each MPM: whichever child takes a POST, all clients of all children
# receive all events, in the same order, each once.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my %sizes = (
    event => "StartServers 3\nServerLimit 3\nThreadsPerChild 4\n"
        . "MaxRequestWorkers 12\nMinSpareThreads 4\nMaxSpareThreads 12\n",
    prefork => "StartServers 4\nServerLimit 6\nMaxRequestWorkers 6\n"
        . "MinSpareServers 4\nMaxSpareServers 6\n",
);
$sizes{worker} = $sizes{event};

# How many children have logged what the pattern looks for.
sub children_of
{
    my ($httpd, $pattern) = @_;
    my %pids;
    for my $line (split /\n/, $httpd->error_log) {
        $pids{$1} = 1 if $line =~ $pattern && $line =~ /\[pid (\d+)/;
    }
    return scalar keys %pids;
}

for my $mpm (qw(event worker prefork)) {
    SKIP: {
        skip "$mpm: not there", 1
            if !EventStream::Httpd->has_module("mpm_$mpm");
        my $httpd = EventStream::Httpd->start(
            mpm => $mpm, mpm_conf => $sizes{$mpm}, conf => <<'CONF');
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a b
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
        # more clients than workers: a client occupies none
        my @clients = map { subscribe($httpd, '/events') } 1 .. 30;
        is scalar(grep { $_->status == 200 } @clients), 30,
            "$mpm: more clients than workers are served";
        is scalar(grep { my $event = $_->next_event(5);
            $event && $event->{event} eq 'stream-open' } @clients), 30,
            "$mpm: all streams open";

        wait_for(
            sub {
                publish($httpd, 'x', 'x');
                return children_of($httpd, qr/ES0502/) > 1;
            }, 30, "$mpm: several children publish");

        my (@ids, %counts);
        for my $n (1 .. 60) {
            my $answer = publish($httpd, $n % 3 ? 'a' : 'b', "event $n");
            push @ids, $answer->{json}{id};
            $counts{$answer->{json}{clients}}++;
        }
        is_deeply \%counts, {30 => 60},
            "$mpm: each child counts the clients of all children";

        my $wanted = join "\n", map { "$ids[$_ - 1] event $_" } 1 .. 60;
        my $same = 0;
        for my $client (@clients) {
            my $got = join "\n", map { "$_->{id} $_->{data}" }
                $client->events(60, 10);
            $same++ if $got eq $wanted;
        }
        is $same, 30, "$mpm: every client receives every event, in order";
        publish($httpd, 'a', 'last');
        is scalar(grep { $_->next_event(5)->{data} eq 'last' } @clients), 30,
            "$mpm: every client receives each event once";

        # Many at the same time, each on a connection of its own.
        my @posts = map { subscribe($httpd, '', head => 0,
            raw => "POST /publish?channel=a HTTP/1.1\r\nHost: localhost\r\n"
            . "Content-Type: text/plain\r\nConnection: close\r\n"
            . "Content-Length: 3\r\n\r\n" . sprintf '%03d', $_) } 1 .. 40;
        my $taken = 0;
        wait_for(
            sub {
                $_->status || $_->read_head(0.001) for @posts;
                $taken += grep { $_->status == 200 } @posts;
                # httpd waits for the client to close before it takes the next
                @posts = grep { !$_->status } @posts;
                return !@posts;
            }, 10);
        is $taken, 40, "$mpm: many publishers at once are answered 200";
        my %orders;
        for my $client (@clients) {
            my @got = $client->events(40, 10);
            $orders{join ' ', map { "$_->{id} $_->{data}" } @got}++;
        }
        is scalar(keys %orders), 1,
            "$mpm: all clients receive the events in the same order";
        my ($order) = keys %orders;
        is join(' ', sort grep { /^\d{3}$/ } split ' ', $order),
            join(' ', map { sprintf '%03d', $_ } 1 .. 40),
            "$mpm: all clients receive all of them";

        $clients[$_]->close for 0 .. 14;
        wait_for(
            sub { publish($httpd, 'x', 'x');
                publish($httpd, 'a', 'gone')->{json}{clients} == 15 }, 5,
            "$mpm: clients that have closed are not counted any more");
        $_->close for @clients;
        is $httpd->stop, 0, "$mpm: httpd stops with exit status 0";
        unlike $httpd->error_log,
            qr/\[(?:error|crit|alert|emerg)\]|signal \w|Segm/,
            "$mpm: the error log has no error";
    }
}

done_testing;
