#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# One child of a server reads from the broker for all. What happens when it is
# killed or stopped, at restarts of both kinds, with prefork, and when a hub
# becomes clustered or is clustered no longer.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);


use EventStream::Background;
use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $mpm_conf = <<'MPM';
StartServers 3
ServerLimit 4
ThreadsPerChild 8
MaxRequestWorkers 32
MinSpareThreads 8
MaxSpareThreads 32
MPM
my $cluster = EventStream::Cluster->start(
    options => {mpm_conf => $mpm_conf});
my ($a, $b) = $cluster->nodes;

sub data_of { return join ' ', map { $_->{data} } @_ }

sub leader { return $cluster->status($_[0])->{Leader} }

# Reads all events of a publisher, of a client that reconnects as a browser
# does. Returns what is wrong with them.
sub faults_of
{
    my ($node, $client, $name, $count) = @_;
    my ($next, @faults) = (1);
    my $until = time + 90;
    while ($next <= $count && time < $until && @faults < 5) {
        my $event = $client->next_event(1);
        if (!$event) {
            next if $client->is_open;
            my $id = $client->last_id;
            $client = eval { subscribe($node, '/events?c=news',
                headers => ["Last-Event-ID: $id"]) } || $client;
            sleep 0.05;
            next;
        }
        next if $event->{event} eq 'stream-open';
        if ($event->{data} eq "$name$next") {
            $next++;
        } else {
            push @faults, "$event->{event} $event->{data} for $name$next";
        }
    }
    push @faults, "only " . ($next - 1) . " of $count" if $next <= $count;
    return join '; ', @faults;
}

# ---- The child that reads is killed ----------------------------------------

my $reader = $cluster->client($b, 'news');
my $stop = publish_until_stopped('k', 0.005, $a);
for my $round (1 .. 4) {
    for my $node ($a, $b) {
        my $leader = leader($node);
        my $began = time;
        kill KILL => $leader;
        my $next = wait_for(
            sub {
                my $status = eval { $cluster->status($node) } || {};
                return $status->{Leader} && $status->{Leader} != $leader
                    && $status->{Synced} && $status->{Leader};
            }, 10, "another child reads, round $round");
        note sprintf 'after %.2f s', time - $began;
        ok grep({ $_ == ($next || 0) } $node->children), 'it is alive';
    }
}
my $count = $stop->();
cmp_ok $count, '>', 20, 'events were published meanwhile';
is faults_of($b, $reader, 'k', $count), '',
    'all of them are received, once and in order';
$reader->close;

# ---- It is stopped ---------------------------------------------------------

my $leader = leader($b);
kill STOP => $leader;
my $next = wait_for(
    sub {
        my $status = eval { $cluster->status($b) } || {};
        return $status->{Leader} && $status->{Leader} != $leader
            && $status->{Synced};
    }, 20, 'another child reads when it does not move');
my $other = wait_for(
    sub {
        my $client = subscribe($b, '/events?c=news', timeout => 1);
        my $open = $client->next_event(1);
        return $open && $open->{event} eq 'stream-open' && $client;
    }, 20, 'a client is served by another child');
publish($a, 'news', "s$_") for 1 .. 20;
is data_of($other->events(20, 5)),
    join(' ', map { "s$_" } 1 .. 20), 'and receives events';
kill CONT => $leader;
publish($a, 'news', "t$_") for 1 .. 20;
sleep 1;
publish($a, 'news', "u$_") for 1 .. 20;
is data_of($other->all_events(40, 1)),
    join(' ', (map { "t$_" } 1 .. 20), map { "u$_" } 1 .. 20),
    'when it moves again, nothing is received twice and nothing is missing';
$other->close;
is $cluster->status($b)->{Fills}, 1, 'and the history was read once, at start';

# ---- Restarts --------------------------------------------------------------

for my $how (qw(graceful restart)) {
    my $client = $cluster->client($a, 'news');
    my $stop_own = publish_until_stopped('o', 0.005, $a);
    for (1 .. 2) {
        sleep 0.3;
        $a->$how;
        $cluster->wait_synced($a);
    }
    my $published = $stop_own->();
    is faults_of($a, $client, 'o', $published), '',
        "all that was published during $how is received once and in order";
    request($a, 'DELETE', '/publish?channel=news&for=0');
}
is $cluster->status($a)->{Fills}, 1,
    'the journal goes on over restarts, without another history';
my @children = $a->children;
ok grep({ $_ == leader($a) } @children), 'a child of the new generation reads';

# ---- A hub becomes clustered, and is no longer -----------------------------

my $alone = EventStream::Httpd->start(modules => ['status'],
    conf => $cluster->conf =~ s/^EventStreamCluster.*\n//mr);
my $client = $cluster->client($alone, 'news');
my $id = publish($alone, 'news', 'alone')->{json}{id};
is(($client->next_event(5) || {})->{data}, 'alone', 'a server serves alone');
is_deeply $cluster->status($alone), {}, 'its status page shows no cluster';
for my $how (qw(graceful restart)) {
    my $from = $alone->log_size;
    $alone->rewrite_conf($cluster->conf);
    $alone->$how;
    $cluster->wait_synced($alone);
    like $alone->error_log($from),
        qr/notice\].*ES0802: hub default is clustered with this key=/,
        "it becomes clustered at $how, with a notice";
    my $resumed = wait_for(
        sub {
            my $new = $cluster->client($alone, 'news', id => $id);
            my $event = $new->next_event(1);
            return $event && $event->{event} eq 'stream-reset' && $new;
        }, 10, 'its own ids are those of another stream: stream-reset');
    publish($b, 'news', "shared $how");
    is(($resumed->next_event(5) || {})->{data}, "shared $how",
        'it receives what is published elsewhere');
    $id = $resumed->last_id;
    $from = $alone->log_size;
    $alone->rewrite_conf($cluster->conf =~ s/^EventStreamCluster.*\n//mr);
    $alone->$how;
    like $alone->error_log($from),
        qr/notice\].*ES0802: hub default is no longer clustered/,
        "it is alone again at $how";
    $resumed = wait_for(
        sub {
            return if %{$cluster->status($alone)};
            my $new = $cluster->client($alone, 'news', id => $id);
            my $event = $new->next_event(1);
            return $event && $event->{event} eq 'stream-reset' && $new;
        }, 10, 'ids of the cluster are unknown to it: stream-reset');
    publish($b, 'news', 'not here');
    $id = publish($alone, 'news', "alone after $how")->{json}{id};
    is(($resumed->next_event(5) || {})->{data}, "alone after $how",
        'it receives its own events, and no others');
}
is $alone->stop, 0, 'it stops with exit status 0';

# ---- prefork ---------------------------------------------------------------

my $prefork = EventStream::Httpd->start(mpm => 'prefork',
    modules => ['status'], conf => $cluster->conf);
$cluster->wait_synced($prefork);
my $there = $cluster->client($prefork, 'news');
my $threads = publish($a, 'news', 'to prefork')->{status};
is(($there->next_event(5) || {})->{data}, 'to prefork',
    'a server with prefork receives');
my $here = $cluster->client($a, 'news');
is publish($prefork, 'news', "from prefork $_")->{status}, 200,
    'and publishes' for 1 .. 5;
is data_of($here->events(5, 5)), join(' ', map { "from prefork $_" } 1 .. 5),
    'to the others';
for my $how (qw(graceful restart)) {
    $prefork->$how;
    $cluster->wait_synced($prefork);
    is publish($prefork, 'news', $how)->{status}, 200,
        "it publishes after $how";
}
$leader = leader($prefork);
kill KILL => $leader;
wait_for(
    sub {
        my $status = eval { $cluster->status($prefork) } || {};
        return ($status->{Leader} || $leader) != $leader && $status->{Synced};
    }, 10, 'another child reads when it is killed');
is $prefork->stop, 0, 'it stops with exit status 0';

# ---- The end ---------------------------------------------------------------

is $_->faults // '', '', 'the shared memory is consistent' for $a, $b;
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
for my $node ($a, $b, $alone, $prefork) {
    my $log = $node->error_log
        =~ s/^.*child pid \d+ exit signal Killed.*\n//gmr;
    unlike $log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|Segm|ES0806/,
        'the error log has no error';
}
done_testing;
