#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Two servers that share a hub, behind one Pushpin in reliable mode: its clients
# receive each event once and in order, whichever server has answered them,
# which one sends, and while that is killed, stopped, or the broker restarted.
# Links of one server are valid on the other.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Background;
use EventStream::Client;
use EventStream::Cluster;
use EventStream::Ports;
use EventStream::Pushpin;
use EventStream::Redis;

EventStream::Redis->or_skip;
EventStream::Pushpin->or_skip;

my $control = free_port();
my $cluster = EventStream::Cluster->start(
    nodes => 2, words => 'timeout=2s', broker => {append => 1},
    conf => <<"CONF");
EventStreamGrip "http://127.0.0.1:$control" verify-key=changeme
EventStreamGripReliable on
EventStreamGripOnError ignore
<LocationMatch "^/[ab]/(?<room>[^/]+)\$">
    SetHandler eventstream
    EventStreamChannel "{room}"
    EventStreamRetry 10ms
</LocationMatch>
CONF
my ($a, $b) = $cluster->nodes;
my %port = (a => $a->port, b => $b->port);

# Each path has a server of its own, and the other one if that is down.
my $pushpin = EventStream::Pushpin->start(
    control => $control, handler => {message_wait => 500},
    routes => "*,path_beg=/a 127.0.0.1:$port{a} 127.0.0.1:$port{b}\n"
        . "*,path_beg=/b 127.0.0.1:$port{b} 127.0.0.1:$port{a}\n");

sub sends { return (eval { $cluster->status($_[0]) } || {})->{Sends} }

sub sender
{
    my ($name, @among) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @found;
    wait_for(sub { @found = grep { sends($_) } @among; @found == 1 }, 15,
        $name);
    return $found[0];
}

sub stream
{
    my ($path) = @_;
    my $client = subscribe($pushpin, $path);
    my $open = $client->next_event(10) || {};
    is $open->{event}, 'stream-open', "a client of $path opens";
    return $client;
}

# What comes next, without what keeps a stream alive.
sub next_of
{
    my ($client, $count) = @_;
    my @got;
    my $until = time + 90;
    while (@got < $count && time < $until) {
        my $event = $client->next_event(1) or next;
        next if $event->{event} eq 'keep-alive';
        push @got, $event->{event} eq 'message' ? $event->{data}
            : $event->{event};
    }
    return join ' ', @got;
}

# A proxy's answer from a node: the id of each channel, and the link.
sub hold
{
    my ($node, $path, @headers) = @_;
    return get($node, $path,
        'Grip-Sig: ' . EventStream::Pushpin->sign('changeme'), @headers);
}

# ---- Both send and receive ---------------------------------------------------

my $sender = sender('one server sends', $a, $b);
my ($idle) = grep { $_ != $sender } $a, $b;
my @clients = map { stream("/$_/news") } qw(a b);
publish($_, 'news', 'from ' . $_->port) for $a, $b;
is next_of($_, 2), "from $port{a} from $port{b}",
    'clients of both receive what is published on either' for @clients;

# ---- Links -------------------------------------------------------------------

my $link;
for my $from ([$a, $b], [$b, $a]) {
    my ($one, $other) = @$from;
    my $held = hold($one, '/a/links');
    ($link) = $held->{headers}{'grip-link'} =~ /<([^>]+)>/;
    my ($id) = $held->{headers}{'grip-channel'} =~ /prev-id=([\d-]+)/;
    ok $link && $id, 'a proxy is told an id and a link';
    my $answer = hold($other, $link, "Grip-Last: events-links; last-id=$id");
    is $answer->{status}, 200, 'the link is valid on the other server';
    like $answer->{headers}{'grip-hold'} || '', qr/stream/, 'it holds';
    is $answer->{body}, '', 'nothing is missing';
    my $data = 'linked ' . $one->port;
    publish($one, 'links', $data);
    # the other server gets it a moment later, and does not know that
    wait_for(sub {
        $answer = hold($other, $link, "Grip-Last: events-links; last-id=$id");
        return $answer->{body} ne '';
    }, 10, 'what was published since is missing');
    like $answer->{body}, qr/\Aid: [\d-]+\ndata: \Q$data\E\n\n\z/,
        'and is told';
    publish($one, 'links', 'next');
    my ($last) = hold($one, '/a/links')->{headers}{'grip-channel'} =~
        /prev-id=([\d-]+)/;
    $answer = hold($other, $link, "Grip-Last: events-links; last-id=$last");
    is $answer->{body}, '', 'an event of one server is known on the other';
}
(my $wrong = $link) =~ s/grip-next.\K(.)/$1 eq 'z' ? 'y' : 'z'/e;
like hold($a, $wrong)->{body}, qr/\Aretry: \d+\n+\z/,
    'a link that no server has made is not valid';

# ---- The server that sends is killed -----------------------------------------

my $stop = publish_until_stopped('k', 0.03, $idle);
sleep 0.7;
kill KILL => $sender->pid, $sender->children;
is sender('another server sends', $idle), $idle, 'the other one';
sleep 0.5;
my @sent = $stop->();
is next_of($_, scalar @sent), "@sent",
    'clients receive each event once and in order' for @clients;

my $new = $cluster->start_node;
$cluster->wait_synced($new);

# ---- It is stopped -----------------------------------------------------------

$stop = publish_until_stopped('s', 0.03, $new);
sleep 0.5;
kill STOP => $idle->pid, $idle->children;
is sender('another server sends when it is stopped', $new), $new, 'the new one';
kill CONT => $idle->pid, $idle->children;
sleep 0.7;
@sent = $stop->();
is next_of($_, scalar @sent), "@sent",
    'clients receive each event once and in order' for @clients;

# ---- The broker is restarted -------------------------------------------------

$cluster->broker->kill;
$cluster->broker->run;
wait_for(sub { publish($new, 'news', 'back', id => 'back')->{status} == 200 },
    20, 'the broker is restarted');
# the event before it is not vouched for; the proxy asks, and is told
my @got = map { next_of($_, 1) } @clients;
is "@got", 'stream-reset stream-reset', 'clients are told of the reset';
wait_for(sub { sender('one server sends', $idle, $new) }, 10, 'again');
wait_for(sub { publish($idle, 'news', 'on', id => 'on')->{status} == 200 }, 20,
    'and publishes');
is next_of($_, 1), 'on', 'and events come' for @clients;

# ---- The proxy is restarted --------------------------------------------------

$pushpin->stop;
publish($new, 'news', 'while it was down');
$pushpin->run;
@clients = map { stream("/$_/news") } qw(a b);
publish($_, 'news', 'after') for $idle, $new;
is next_of($_, 2), 'after after', 'clients of a proxy that was restarted'
    for @clients;

done_testing;
