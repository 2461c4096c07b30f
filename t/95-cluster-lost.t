#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The broker loses an event, and its publisher publishes it again when the
# minute is over in which all publishers' ids are in doubt (95-cluster-again).
# A client that has been away since, and comes with this id, may have had the
# event at its old place. So it is told that it may have missed something.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Load;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start;
my ($a, $b) = $cluster->nodes;
my $broker = $cluster->broker;
my ($events, $lost) = map { "{eventstream:default}:$_" } qw(events lost);

sub first_of
{
    my ($node, $id) = @_;
    my $client = $cluster->client($node, 'news', id => $id);
    my $event = $client->next_event(10) || {event => 'nothing'};
    $client->close;
    return $event->{event} eq 'message' ? $event->{data} : $event->{event};
}

sub publishes
{
    my ($node, $data, @opt) = @_;
    my $answer;
    wait_for(
        sub {
            $answer = publish($node, 'news', $data, @opt, timeout => 20);
            return $answer->{status} == 200;
        }, 60, "'$data' is published");
    return $answer->{json}{id};
}

publishes($a, 'one', id => 'x');
publishes($a, 'two', id => 'y');
wait_for(sub { first_of($b, 'x') eq 'two' }, 20, 'a client has had x');

# ---- All is lost -------------------------------------------------------------

$broker->command('FLUSHALL');
publishes($b, 'between');
$cluster->wait_synced;
wait_for(sub { defined $broker->command('ZSCORE', $lost, "news\nx") }, 20,
    'a node tells the broker what it has lost');
wait_for(
    sub {
        return !grep { first_of($_, 'x') ne 'stream-reset' } $a, $b;
    }, 20, 'nobody resumes with it');

# Ids are never below one that is there: this is 61 seconds later for all that
# look at ids.
my ($seconds) = @{$broker->command('TIME')};
$broker->command('XADD', $events, ($seconds * 1000 + 62_000) . '-1', 'not',
    'ours');
my $own = publishes($a, 'later');
publishes($a, 'clear', id => 'z');
publishes($b, 'one', id => 'x');
publishes($a, 'after', id => 'w');
my $last = publishes($b, 'end');
my @fields = map { {@{$_->[1]}} }
    @{$broker->command('XRANGE', $events, '-', '+')};
is_deeply [map { $_->{id} } grep { $_->{ag} } @fields], ['x'],
    'the broker has marked what is published again, and nothing else';

# ---- Clients that come back --------------------------------------------------

sub has_all
{
    my ($node, $what) = @_;
    wait_for(sub { first_of($node, 'w') eq 'end' }, 20, "$what: it has all");
    is first_of($node, 'z'), 'one', "$what: others resume without a reset";
    is first_of($node, $own), 'clear', "$what: ids of ours, too";
    is first_of($node, 'x'), 'stream-reset',
        "$what: who comes with the id that was lost is told";
    return;
}

has_all($a, 'a node that had it');
has_all($b, 'another one');
my $c = $cluster->start_node;
$cluster->wait_synced($c);
has_all($c, 'one that was started later');
publishes($c, 'one', id => 'x');
@fields = map { {@{$_->[1]}} }
    @{$broker->command('XRANGE', $events, '-', '+')};
is scalar(grep { ($_->{id} || '') eq 'x' } @fields), 1,
    'the event is known as ever';
$a->graceful;
has_all($a, 'new children');
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b, $c;
done_testing;
