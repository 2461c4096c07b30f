#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Presence over the deaths of children: kill -9, graceful, restart. Who comes
# back in time, or is handed over, has neither left nor joined; all others
# leave, once.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Presence;

my $NAMES = 12;

my $httpd = EventStream::Httpd->start(mpm_conf => <<'MPM',
StartServers 3
ServerLimit 6
ThreadsPerChild 8
MaxRequestWorkers 48
MinSpareThreads 24
MaxSpareThreads 48
MPM
    conf => presence_conf("EventStreamRetrySpread 0\n"));

my (%clients, $log, $last);
my %there;    # what the events say
my @wrong;    # a join of who is there, a leave of who is not

# Reads the events, over all restarts, and checks that they alternate.
sub read_log
{
    my ($seconds, $done) = @_;
    my $until = time + $seconds;
    while (time < $until && !($done && $done->())) {
        if (!$log || !$log->is_open) {
            $last = $log->last_id if $log && $log->last_id;
            $log = eval {
                follow($httpd, 'a', timeout => 2,
                    headers => [$last ? "Last-Event-ID: $last" : 'X-A: 1']);
            } or sleep(0.2), next;
            next;
        }
        my $event = $log->next_event(0.2) or next;
        push @wrong, 'reset' if $event->{event} eq 'stream-reset';
        next if $event->{event} !~ /^(join|leave)$/;
        my $name = JSON::PP::decode_json($event->{data})->{name};
        my $joins = $1 eq 'join';
        push @wrong, "$1 $name" if !!$there{$name} == $joins;
        $joins ? ($there{$name} = 1) : delete $there{$name};
    }
    return $done ? $done->() : 1;
}

sub comes
{
    my ($name) = @_;
    my $until = time + 60;
    my $client;
    until (($client && $client->is_open) || time > $until) {
        $client = eval { visit($httpd, 'a', $name, timeout => 2) };
        sleep 0.1 if !$client;
    }
    return $clients{$name} = $client;
}

# Reconnects whoever lost its stream, as a browser does, for some seconds.
sub reconnect
{
    my ($seconds) = @_;
    my ($until, $lost) = (time + $seconds, 0);
    while (time < $until) {
        for my $name (keys %clients) {
            my $client = $clients{$name};
            $client->fill(0) if $client->is_open;
            next if $client->is_open;
            $lost++;
            comes($name);
        }
        sleep 0.1;
    }
    return $lost;
}

sub all_there
{
    return keys %there == keys %clients && !grep { !$there{$_} } keys %clients;
}

read_log(0.5);
comes("name-$_") for 1 .. $NAMES;
ok read_log(60, \&all_there), 'all names join';

# ---- kill -9 -----------------------------------------------------------------

for my $round (1 .. 3) {
    my ($child) = $httpd->children;
    $httpd->kill_child($child);
    my $lost = reconnect(2);
    note "round $round: $lost streams of child $child were cut";
}
ok read_log(7, undef), 'after three kills';
is "@wrong", '', 'whoever came back in time was told neither way';
ok all_there(), 'and is still there';
is_there($httpd, 'a', {map { $_ => 1 } keys %clients},
    'the list has each with one client');

# Of a child that is killed some do not come back: they leave.
my @gone = (sort keys %clients)[0 .. 2];
kill 'KILL', $httpd->children;
(delete $clients{$_})->close for @gone;
reconnect(4);
ok read_log(60, \&all_there), 'who does not come back leaves';
is "@wrong", '', 'once';
wait_for(sub { keys %{who($httpd, 'a') || {}} == keys %clients }, 5,
    'and is in the list no more');

# ---- graceful, restart -------------------------------------------------------

for my $signal ('graceful', 'restart') {
    ok $httpd->$signal, $signal;
    my $lost = reconnect(3);
    note "$signal: $lost streams ended";
    read_log(7);
    is "@wrong", '', "no leave and no join by $signal";
    ok all_there(), 'all are there';
    is_there($httpd, 'a', {map { $_ => 1 } keys %clients},
        'the list has each with one client');
}

# Who goes while its client is on the way: it leaves in the end.
my ($first) = sort keys %clients;
(delete $clients{$first})->close;
$httpd->graceful;
reconnect(1);
ok read_log(60, \&all_there), 'a client that goes at graceful leaves';
is "@wrong", '', 'once';

# New names after all that, and an end.
comes("late");
ok read_log(60, \&all_there), 'a new name joins';
$_->close for values %clients;
%clients = ();
ok read_log(60, \&all_there), 'all leave';
is "@wrong", '', 'each once';
is_there($httpd, 'a', {}, 'nobody is there');
is $httpd->faults // '', '', 'the shared memory is right';
ok !grep({ /ES04(16|17|18)/ } split /\n/, $httpd->error_log),
    'the error log has no complaint';
done_testing;
