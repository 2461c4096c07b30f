#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A clustered hub with GRIP proxies: of all servers one sends, the others say
# so to their publishers. What happens when it is killed, stopped, cut off from
# the broker, stopped regularly or restarted: another one goes on from where it
# was, and no event is left out.
#
# ES_ROUNDS=10 repeats the most of it ten times and says how long it took.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use JSON::PP ();

use EventStream::Background;
use EventStream::Client;
use EventStream::Cluster;
use EventStream::FakeProxy;
use EventStream::Httpd;
use EventStream::Redis;
use EventStream::Relay;
use EventStream::Sending;

EventStream::Redis->or_skip;

my $proxy = EventStream::FakeProxy->start;
my $second = EventStream::FakeProxy->start;
my $cluster = EventStream::Cluster->start(
    nodes => 2, words => 'timeout=2s', broker => {append => 1},
    conf => <<"CONF");
EventStreamGrip "@{[$proxy->url]}" verify-key=changeme
EventStreamGrip "@{[$second->url]}" verify-key=changeme
EventStreamGripReliable on
EventStreamGripTimeout 5
CONF
my @nodes = $cluster->nodes;

# ---- Helpers -----------------------------------------------------------------

sub other_than { return (grep { $_ != $_[0] } @nodes)[0] }

# ---- One sends ---------------------------------------------------------------

my $sender = sender('one of two servers sends', @nodes);
my $idle = other_than($sender);
my $answer = publish($sender, 'news', 'first');
is $answer->{status}, 200, 'a publisher of the server that sends gets 200';
is_deeply [map { $_->{ok} } @{$answer->{json}{grip}}],
    [JSON::PP::true, JSON::PP::true], 'the proxies have its event by then';
is_deeply [data_of($proxy)], ['first'], 'that is so';
$answer = publish($idle, 'news', 'second');
is $answer->{status}, 200, 'a publisher of the other server gets 200';
is_deeply $answer->{json}{grip}, [map { {proxy => $_->url . '/',
        ok => undef, why => 'another server of the cluster sends to it'} }
        $proxy, $second], 'with an answer that says that another one sends';
check_all($_, [qw(first second)], 'two events') for $proxy, $second;
is scalar($proxy->items), 2, 'each is sent once';
my @items = $proxy->items;
is $items[1]{'prev-id'}, $items[0]{id}, 'an item names the one before it';

$answer = publish($sender, 'news', 'own', id => 'own-1');
is $answer->{json}{grip}[0]{ok}, JSON::PP::true, 'an event with an own id';
$answer = publish($_, 'news', 'own', id => 'own-1') for $sender, $idle;
is_deeply $answer->{json}{grip}[0],
    {proxy => $proxy->url . '/', ok => undef,
        why => 'it was published earlier'},
    'published again on any server it is known, and is not sent again';

# ---- A proxy that fails ------------------------------------------------------

$proxy->mode('status 500');
is publish($sender, 'news', 'fails')->{status}, 502,
    'on the server that sends a publisher learns that a proxy has failed';
is publish($idle, 'news', 'fails unseen')->{status}, 200,
    'on the other one it does not';
$proxy->mode('ok');
is publish($sender, 'news', 'works')->{status}, 200, 'and when it works again';
is join(' ', (data_of($second))[-3 .. -1]), 'fails fails unseen works',
    'another proxy has got all of it';
request($sender, 'DELETE', '/publish?channel=news&for=0');
is +($proxy->items)[-1]{formats}{'http-stream'}{action}, 'close',
    'a close is sent';
request($idle, 'DELETE', '/publish?channel=news&for=0');
wait_for(sub { 2 == grep { $_->{formats}{'http-stream'}{action} }
    $second->items }, 10, 'also that of the other server');
$answer = request($sender, 'POST', '/publish',
    headers => ['Content-Type: application/x-ndjson'], timeout => 30,
    body => join '', map { qq({"channel": "news", "text": "n$_"}\n) } 1 .. 500);
is $answer->{status}, 200, 'lines of NDJSON';
check_all($proxy, [map { "n$_" } 1 .. 500], 'NDJSON');

# ---- It is killed ------------------------------------------------------------

$_->clear for $proxy, $second;
my $stop = publish_until_stopped('k', 0.02, $idle);
sleep 1;
signal_all(KILL => $sender);
is sender('another server sends when it is killed', $idle), $idle, 'that one';
sleep 0.5;
my @sent = $stop->();
check_all($_, \@sent, 'killed') for $proxy, $second;

# What comes twice has the same id, and the same id before it.
my %item;
my @other = grep { $item{$_->{id}} && $item{$_->{id}}{'prev-id'} ne
    $_->{'prev-id'} || ($item{$_->{id}} = $_) && 0 } $proxy->items;
is scalar(@other), 0, 'what was sent twice is the same item';

# A server that is new, whose journal begins with what the broker has.
my $new = $cluster->start_node;
$cluster->wait_synced($new);
@nodes = ($idle, $new);
is sends($new), 0, 'a new server does not send while another one does';
my $count = $proxy->items;
sleep 2.5;
is scalar($proxy->items), $count, 'nothing is sent once more for it';

# ---- It is stopped -----------------------------------------------------------

($sender, $idle) = ($idle, $new);
$_->clear for $proxy, $second;
$stop = publish_until_stopped('s', 0.02, $idle);
sleep 0.7;
signal_all(STOP => $sender);
my @others = $idle;
is sender('another server sends when it is stopped', @others), $idle,
    'that one';
sleep 1;
signal_all(CONT => $sender);
my $until = time + 3;
my $both = 0;
while (time < $until) {
    $both++ if sends($sender);
    sleep 0.05;
}
is $both, 0, 'when it goes on it does not send again';
@sent = $stop->();
check_all($_, \@sent, 'stopped') for $proxy, $second;
is scalar(grep { $_->{others} } $proxy->requests), 0,
    'no two servers post at the same time';

# A request that is in flight when it is stopped.
($sender, $idle) = ($idle, $sender);
$_->clear for $proxy, $second;
$proxy->mode('silent');
my $waiting = publish_in_background($sender, 'news', 'in flight');
wait_for(sub { scalar $proxy->requests }, 10, 'a request waits for its answer');
signal_all(STOP => $sender);
$proxy->mode('ok');
is sender('another server sends', $idle), $idle, 'that one';
check_all($proxy, ['in flight'], 'in flight');
is publish($idle, 'news', 'after it')->{status}, 200, 'and what follows';
signal_all(CONT => $sender);
$answer = $waiting->();
like $answer->{body}, qr/"ok": null, "why": "another server/,
    'its publisher learns that another server sends';
check_all($proxy, ['in flight', 'after it'], 'in flight');
is scalar(grep { $_ eq 'after it' } data_of($proxy)), 1,
    'what follows is sent once';

# Only the child that sends is stopped.
($sender, $idle) = ($idle, $sender);
$cluster->wait_synced($idle);
$_->clear for $proxy, $second;
$proxy->mode('silent');
$waiting = publish_in_background($sender, 'news', 'of a child');
my $child;
wait_for(sub { $child = $proxy->sender_of($sender) }, 10, 'a child sends');
kill STOP => $child;
$proxy->mode('ok');
is sender('another server sends when it does not move', $idle), $idle,
    'that one';
check_all($proxy, ['of a child'], 'a child is stopped');
publish($idle, 'news', 'meanwhile');
check_all($_, ['of a child', 'meanwhile'], 'a child is stopped')
    for $proxy, $second;
kill CONT => $child;
$waiting->();
publish($sender, 'news', 'when it moves');
check_all($_, ['of a child', 'meanwhile', 'when it moves'], 'it goes on')
    for $proxy, $second;
is scalar(grep { $_ eq 'meanwhile' } data_of($proxy)), 1,
    'what was sent meanwhile is not sent again';

# ---- A proxy that is new -----------------------------------------------------

my $third = EventStream::FakeProxy->start;
my $conf = $cluster->conf . 'EventStreamGrip "' . $third->url
    . "\" verify-key=changeme\n";
for my $node (@nodes) {
    $node->rewrite_conf($conf);
    $node->graceful;
}
$cluster->wait_synced(@nodes);
sender('one server sends to three proxies', @nodes);
wait_for(sub { $cluster->broker->command('HGET', '{eventstream:default}:grip',
    'sent') =~ /^(\w{32} \d+-\d+ ?){3}$/ }, 10, 'the broker knows all three');
my @for_three = map { "for three $_" } 1 .. @nodes;
publish($nodes[$_], 'news', $for_three[$_]) for 0 .. $#nodes;
check_all($third, \@for_three, 'a proxy that is new');
is scalar($third->items), 2, 'it gets no event from before';
for my $node (@nodes) {
    $node->rewrite_conf($cluster->conf);
    $node->graceful;
}
$cluster->wait_synced(@nodes);
$sender = sender('one server sends', @nodes);
$idle = other_than($sender);
($sender, $idle) = ($idle, $sender);

# ---- It stops ----------------------------------------------------------------

($sender, $idle) = ($idle, $sender);
$cluster->wait_synced($idle);
$_->clear for $proxy, $second;
$stop = publish_until_stopped('g', 0.02, $idle);
sleep 0.5;
for my $round (1, 2) {
    $sender->graceful;
    sleep 1.2;
    sender("one server sends after graceful, round $round", @nodes);
}
$sender = sender('one server sends', @nodes);
$idle = other_than($sender);
@sent = $stop->();
check_all($_, \@sent, 'graceful') for $proxy, $second;
$stop = publish_until_stopped('h', 0.02, $idle);
sleep 0.5;
my $began = time;
$sender->graceful_stop;
is sender('another server sends when it is stopped gracefully', $idle), $idle,
    'that one';
cmp_ok time - $began, '<', 10, 'soon';
@sent = $stop->();
is check_all($_, \@sent, 'graceful stop'), 0, 'nothing comes twice'
    for $proxy, $second;
is_deeply [grep { /ES08(43|45|47)|ES0630/ } split /\n/, $idle->error_log], [],
    'nothing is wrong in its log';

# ---- It is cut off from the broker -------------------------------------------

my $relay = EventStream::Relay->start($cluster->broker->port);
my $own = $cluster->broker->url;
my $far = 'redis://127.0.0.1:' . $relay->port;
my $cut = $cluster->start_node(conf => $cluster->conf =~ s/\Q$own\E/$far/r);
$cluster->wait_synced($cut);
$idle->stop;
is sender('a server behind a relay sends', $cut), $cut, 'that one';
$new = $cluster->start_node;
$cluster->wait_synced($new);
$_->clear for $proxy, $second;
$stop = publish_until_stopped('c', 0.02, $new);
sleep 0.5;
kill STOP => $relay->{pid};
is sender('another server sends when it is cut off', $new), $new, 'that one';
is sends($cut), 0, 'it does not any more';
sleep 0.5;
kill CONT => $relay->{pid};
$cluster->wait_synced($cut);
@sent = $stop->();
check_all($_, \@sent, 'cut off') for $proxy, $second;
is sends($new), 1, 'the other one sends on';

# ---- The broker --------------------------------------------------------------

$_->clear for $proxy, $second;
publish($cut, 'news', "b$_") for 1 .. 3;
check_all($proxy, [qw(b1 b2 b3)], 'before the restart of the broker');
$cluster->broker->kill;
$cluster->broker->run;
wait_for(sub { publish($cut, 'news', 'b4', id => 'b4')->{status} == 200 }, 20,
    'the broker was restarted');
publish($new, 'news', "b$_") for 5 .. 7;
check_all($_, [map { "b$_" } 1 .. 7], 'the broker was restarted')
    for $proxy, $second;
is scalar(grep { /^b/ } data_of($proxy)), 7, 'nothing comes twice';
$cluster->broker->command('FLUSHALL');
wait_for(sub { publish($cut, 'news', 'f1', id => 'f1')->{status} == 200 }, 20,
    'the broker was flushed');
publish($_, 'news', 'f2', id => 'f2') for $cut, $new;
check_all($_, [qw(f1 f2)], 'the broker was flushed') for $proxy, $second;
is scalar(grep { /^[bf]\d/ } data_of($proxy)), 9, 'nothing comes twice';

# ---- A proxy that was down ---------------------------------------------------

$sender = sender('one server sends', $cut, $new);
$_->clear for $proxy, $second;
$proxy->stop;
is publish($sender, 'news', 'd1')->{status}, 502, 'a proxy is down';
signal_all(KILL => $sender);
@nodes = ($cut, $new);
$idle = other_than($sender);
is sender('its server is killed', $idle), $idle, 'another one sends';
check_all($second, ['d1'], 'the other proxy');
$proxy->restart;
is publish($idle, 'news', 'd2')->{status}, 200,
    'it works again when the proxy is back';
check_all($proxy, ['d2'], 'the proxy that was down');
check_all($second, [qw(d1 d2)], 'the other proxy');

# ---- Again and again ---------------------------------------------------------

# Ends the server that sends, or stops it for a while. Returns the seconds until
# another one sends, the events, and those that came twice.
my $ends = 0;

sub end_sender
{
    my ($how) = @_;
    my $old = sender('one server sends', @nodes);
    my $next = other_than($old);
    $_->clear for $proxy, $second;
    my $stop_it = publish_until_stopped('n' . ++$ends . 'x', 0.02, $next);
    sleep 0.3 + rand;
    my $from = time;
    $how eq 'TERM' ? kill(TERM => $old->pid) : signal_all($how => $old);
    sender("$how: another server sends", $next);
    my $took = time - $from;
    sleep 0.3;
    signal_all(CONT => $old) if $how eq 'STOP';
    sleep 0.3;
    my @all = $stop_it->();
    my $more = check_all($proxy, \@all, $how);
    $more += check_all($second, \@all, $how);
    if ($how ne 'STOP') {
        $old->stop;
        my $started = $cluster->start_node;
        $cluster->wait_synced($started);
        @nodes = ($next, $started);
    }
    return ($took, scalar @all, $more / 2);
}

if ($ENV{ES_ROUNDS}) {
    my (%took, %twice, $events);
    @nodes = ($idle, $cluster->start_node);
    $cluster->wait_synced(@nodes);
    for (1 .. $ENV{ES_ROUNDS}) {
        for my $how (qw(KILL STOP TERM)) {
            my ($seconds, $count, $more) = end_sender($how);
            push @{$took{$how}}, sprintf '%.1f', $seconds;
            push @{$twice{$how}}, $more;
            $events += $count;
        }
    }
    diag "$events events";
    for my $how (sort keys %took) {
        diag "$how: after @{[sort @{$took{$how}}]} s; sent twice: "
            . join ' ', sort { $a <=> $b } @{$twice{$how}};
    }
    $_->stop for grep { $_ != $nodes[0] } @nodes;
    $idle = $nodes[0];
}

# ---- A broker's user who may do what the sample allows ---------------------

my ($user) = do {
    open my $in, '<', "$FindBin::Bin/../conf/cluster/broker.conf" or die $!;
    map { /^user (.*)/ } <$in>;
};
$cluster->broker->command('ACL', 'SETUSER', split ' ', $user);
my ($name, $password) = $user =~ /^(\S+) on >(\S+)/;
my $limited = $own =~ s{://}{://$name:$password@}r;
$new = $cluster->start_node(conf => $cluster->conf =~ s/\Q$own\E/$limited/r);
$cluster->wait_synced($new);
$idle->stop;
is sender('a server sends with the user of the sample', $new), $new, 'that one';
publish($new, 'news', 'of a user');
check_all($proxy, ['of a user'], 'a user with few rights');
is_deeply $cluster->broker->command('ACL', 'LOG'), [], 'it is denied nothing';

done_testing;
