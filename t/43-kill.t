#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of a child while it publishes and delivers, again and again: what was
# acknowledged reaches all clients of the other children, and counters are
# right.

use strict;
use warnings;
use FindBin;
use IO::Select;
use POSIX ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $ROUNDS = 15;
my $CLIENTS = 12;
my $PUBLISHERS = 3;
my $BATCH = 25;

my $httpd = EventStream::Httpd->start(mpm_conf => <<'MPM', conf => <<'CONF');
StartServers 3
ServerLimit 4
ThreadsPerChild 8
MaxRequestWorkers 32
MinSpareThreads 24
MaxSpareThreads 32
MPM
EventStreamHub default size=16m
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# Publishes batches until its pipe is closed. Returns the numbers of the events
# that were acknowledged.
sub start_publisher
{
    my ($name) = @_;
    pipe my $in, my $out or die "pipe: $!";
    pipe my $stop, my $stop_writer or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $_ for $in, $stop_writer;
        my $number = 0;
        my @acknowledged;
        until (IO::Select->new($stop)->can_read(0.01)) {
            my @batch = map { "$name-" . $number++ } 1 .. $BATCH;
            my $body = '[' . join(',', map {
                '{"channel": "news", "text": "' . $_ . ' ' . 'x' x 500 . '"}'
            } @batch) . ']';
            my $answer = eval {
                request($httpd, 'POST', '/publish', body => $body,
                    headers => ['Content-Type: application/json']);
            };
            push @acknowledged, @batch if $answer && $answer->{status} == 200;
        }
        print {$out} map { "$_\n" } @acknowledged;
        close $out;
        POSIX::_exit(0);
    }
    close $_ for $out, $stop;
    return {pid => $pid, in => $in, stop_writer => $stop_writer};
}

sub acknowledged
{
    my (@publishers) = @_;
    close $_->{stop_writer} for @publishers;
    my @names;
    for my $publisher (@publishers) {
        my $in = $publisher->{in};
        push @names, map { s/\n//r } <$in>;
        waitpid $publisher->{pid}, 0;
    }
    return @names;
}

# Reads all clients for a while, so that delivery threads have work.
sub read_all
{
    my ($seconds, @clients) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        my %of = map { (fileno $_->socket => $_) } grep { !$_->{eof} }
            @clients;
        my $select = IO::Select->new(map { $_->socket } values %of);
        $of{fileno $_}->fill(0) for $select->can_read($until - time);
    }
    return;
}

sub names_of
{
    my ($client) = @_;
    my @names;
    while (my $event = $client->buffered_event) {
        push @names, $event->{data} =~ /^(\S+) x{500}\z/ ? $1 : 'torn'
            if $event->{event} eq 'message' && $event->{data} ne '';
    }
    return @names;
}

my %seen = map { $_ => 0 } qw(stayed cut missing torn disordered doubled
    partial);
my ($slowest, $stuck, $miscounted, $not_replaced, $silent) = (0) x 5;
my $faults = '';
for my $round (1 .. $ROUNDS) {
    my @clients = map { subscribe($httpd, '/events') } 1 .. $CLIENTS;
    my @publishers = map { start_publisher("r$round-p$_") } 1 .. $PUBLISHERS;
    read_all(0.1, @clients);

    my @children = $httpd->children;
    my $victim = $children[$round % @children];
    kill KILL => $victim;
    my $before = time;
    my $answer;
    # a connection to the victim itself may still be cut
    for (1 .. 3) {
        $answer = publish($httpd, 'other', 'x', timeout => 5);
        last if $answer->{status} == 200;
    }
    $stuck++ if $answer->{status} != 200;
    my $took = time - $before;
    $slowest = $took if $took > $slowest;
    read_all(0.1, @clients);
    my @names = acknowledged(@publishers);
    my $last = publish($httpd, 'news', "r$round-end-0 " . 'x' x 500);
    $silent++ if $last->{status} != 200;
    push @names, "r$round-end-0";

    my $stayed = 0;
    for my $client (@clients) {
        my $until = time + 15;
        $client->fill(0.2)
            until $client->{eof} || time > $until
            || $client->{body} =~ /r$round-end-0 x{500}\n\n/;
        my @got = names_of($client);
        my %count;
        $count{$_}++ for @got;
        $seen{torn}++ if $count{torn};
        $seen{doubled}++ if grep { $_ > 1 } values %count;
        my %order;
        for my $name (@got) {
            my ($publisher, $number) = $name =~ /^(.*)-(\d+)$/ or next;
            $seen{disordered}++ if ($order{$publisher} // -1) >= $number;
            $order{$publisher} = $number;
        }
        if ($client->{eof}) {
            $seen{cut}++;
            next;
        }
        my %list;
        for my $name (@got) {
            $list{"$1-" . int($2 / $BATCH)}++ if $name =~ /^(.*-p\d+)-(\d+)$/;
        }
        $seen{partial}++ if grep { $_ != $BATCH } values %list;
        $stayed++;
        $seen{missing}++ if grep { !$count{$_} } @names;
    }
    $seen{stayed} += $stayed;
    $not_replaced++ if !$httpd->wait_for(
        sub { my @now = $httpd->children;
            @now >= @children && !grep { $_ == $victim } @now }, 10);
    $miscounted++ if wait_clients($httpd, 'news', $stayed, 5) != $stayed;
    $_->close for @clients;
    $miscounted++ if wait_clients($httpd, 'news', 0, 5) != 0;
    $faults .= $httpd->faults // '';
}
cmp_ok $seen{cut}, '>', 0, "clients of killed children were cut ($seen{cut})";
cmp_ok $seen{stayed}, '>', 0,
    "clients of other children stayed ($seen{stayed})";
is $seen{missing}, 0, 'clients that stayed miss no event that was acknowledged';
is $seen{doubled}, 0, 'no client receives an event twice';
is $seen{disordered}, 0, 'no client receives events out of order';
is $seen{torn}, 0, 'no client receives a torn event';
is $seen{partial}, 0, 'a client receives all events of a list or none';
is $stuck, 0, 'publishing works after each kill';
cmp_ok $slowest, '<', 3, 'publishing takes less than 3 seconds after each kill';
is $silent, 0, 'publishing works at the end of each round';
is $not_replaced, 0, 'each killed child is replaced';
is $miscounted, 0, 'clients are counted right after each kill';
is $faults, '', 'the shared memory is consistent after each kill';
unlike $httpd->error_log, qr/exit signal (?!Killed)/,
    'no child was ended by another signal';
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';
done_testing;
