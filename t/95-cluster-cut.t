#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# One of two servers has no connection to the broker, or hangs as a whole, while
# the other one goes on. Its streams stay open, its publishers get 503, and when
# it is back its clients get what they have missed, or are told that the broker
# has it no more. And connections that the broker ends, its scripts forgotten.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Relay;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start(
    nodes => 1, words => 'timeout=1s maxlen=1000', broker => {append => 1,
        conf => {'client-output-buffer-limit' => 'normal 8mb 0 0'}});
my ($a) = $cluster->nodes;

# What stands between the other server and the broker. While it is stopped
# nothing passes, and nobody is told: connections stay, new ones are accepted by
# the kernel.
my $relay = EventStream::Relay->start($cluster->broker->port);
my $own = $cluster->broker->url;
my $far = 'redis://127.0.0.1:' . $relay->port;
my $b = $cluster->start_node(conf => $cluster->conf =~ s/\Q$own\E/$far/r);
$cluster->wait_synced($b);

sub cut { kill 'STOP', $relay->{pid}; return }
sub mend { kill 'CONT', $relay->{pid}; return }

sub next_of
{
    my $event = $cluster->event_of($_[0], $_[1] // 20) or return 'nothing';
    return $event->{event} eq 'message' ? $event->{data} : $event->{event};
}

sub publish_many
{
    my ($node, @data) = @_;
    return request($node, 'POST', '/publish', timeout => 60,
        headers => ['Content-Type: application/x-ndjson'],
        body => join '', map { "{\"channel\": \"news\", \"data\": $_}\n" }
            @data)->{status};
}

sub seen { return (get($a, '/publish?channel=news')->{body}
    =~ /"clients": (\d+)/)[0] }

my %client = (a => $cluster->client($a, 'news'),
    b => $cluster->client($b, 'news'));
wait_for(sub { seen() == 2 }, 15, 'the clients of both are counted');

# ---- Without a connection, for a while ---------------------------------------

cut();
my $began = time;
my $answer = publish($b, 'news', 'from b', id => 'b-1', timeout => 20);
is $answer->{status}, 503, 'a server that is cut off takes no event';
like $answer->{body}, qr/may have stored|Nothing was published/,
    'it says what it knows of it';
cmp_ok time - $began, '<', 6, 'within timeout= and some';
is publish($a, 'news', "from a $_")->{status}, 200, 'the other one does'
    for 1 .. 3;
is next_of($client{a}), "from a $_", 'for its clients' for 1 .. 3;
is next_of($client{b}, 0.5), 'nothing', 'those of the first get nothing';
ok $client{b}->is_open, 'and stay';
ok $cluster->client($b, 'news')->is_open, 'new ones are served, too';
wait_for(sub { !$cluster->status($b)->{Up} }, 20, 'its status page shows it');
wait_for(sub { seen() == 1 }, 20,
    'its clients are not counted any more by the other server');
mend();
is next_of($client{b}), "from a $_", 'with a connection they get all, in order'
    for 1 .. 3;
$cluster->wait_synced($b);
wait_for(
    sub {
        return publish($b, 'news', 'from b', id => 'b-1')->{status} == 200;
    }, 20, 'what was not confirmed is published when it is sent again');
publish($b, 'news', 'end');
is next_of($client{$_}), 'from b', "and received once on $_" for qw(a b);
is next_of($client{$_}), 'end', "nothing else is, on $_" for qw(a b);
wait_for(sub { seen() >= 2 }, 20, 'its clients are counted again');

# ---- 24 MB, of a broker that keeps 8 MB for a connection ---------------------

# the link asks for more entries at a time as long as these are small
publish($b, 'news', 'small') for 1 .. 12;
is next_of($client{$_ % 2 ? 'a' : 'b'}), 'small', 'small events are received'
    for 1 .. 24;
cut();
wait_for(sub { !$cluster->status($b)->{Up} }, 60, 'its link fails');
is publish_many($a, map { '"' . $_ x 20000 . '"' } 100 .. 499), 200,
    'much is published while it is cut off';
is join(' ', map { substr next_of($client{a}), 1, 3 } 100 .. 499),
    join(' ', 100 .. 499), 'and received';
mend();
is join(' ', map { substr next_of($client{b}), 1, 3 } 100 .. 499),
    join(' ', 100 .. 499), 'by its clients, too, later';
unlike $cluster->broker->log, qr/output buffer limits/,
    'the broker has closed no link';

# ---- What an administrator may do to the broker ------------------------------

for my $command (['SCRIPT', 'FLUSH'], ['CLIENT', 'KILL', 'TYPE', 'normal']) {
    my $broker = $cluster->broker;
    eval { $broker->error_of(@$command) };
    delete $broker->{socket};    # may be a victim as well
    is publish($a, 'news', "@$command")->{status}, 200,
        "@$command: an event is published";
    is next_of($client{$_}), "@$command", "and received on $_" for qw(a b);
}

# ---- Until the broker has trimmed what it has not read -----------------------

cut();
wait_for(sub { !$cluster->status($b)->{Up} }, 20, 'it is cut off again');
# each answer comes when this server has all of them
is publish_many($a, 1 .. 300), 200, 'more events than maxlen= are published'
    for 1 .. 5;
mend();
is next_of($client{b}), 'stream-reset', 'its clients are told';
$cluster->wait_synced($b);
my $last = publish($b, 'news', 'goes on')->{json}{id};
my $got = '';
for (1 .. 1600) {
    $got = next_of($client{b});
    last if $got !~ /^\d+$/;
}
is $got, 'goes on', 'and go on';
for (1 .. 1600) {
    $got = next_of($client{a});
    last if $got !~ /^\d+$/;
}
is $got, 'goes on', 'those of the other server noticed nothing';

# ---- A server hangs ----------------------------------------------------------

my @processes = ($b->pid, $b->children);
kill 'STOP', @processes;
is publish($a, 'news', "while it hangs $_")->{status}, 200,
    'a server hangs, and the other one publishes' for 1 .. 3;
is next_of($client{a}), "while it hangs $_", 'and delivers' for 1 .. 3;
wait_for(sub { seen() == 1 }, 20, 'and counts its own clients alone');
kill 'CONT', reverse @processes;
is next_of($client{b}), "while it hangs $_", 'then it goes on where it was'
    for 1 .. 3;
$cluster->wait_synced($b);
is publish($b, 'news', 'after')->{status}, 200, 'it publishes';
is next_of($client{$_}), 'after', "which is received on $_" for qw(a b);

# ---- The broker is flushed ---------------------------------------------------

$cluster->broker->command('FLUSHALL');
is publish($a, 'news', 'flushed')->{status}, 200,
    'when the broker has been flushed, events are published at once';
is next_of($client{$_}), 'stream-reset', "clients are told on $_" for qw(a b);
is $_->faults // '', '', 'the shared memory is consistent' for $a, $b;
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
done_testing;
