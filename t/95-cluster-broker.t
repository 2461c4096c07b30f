#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The broker of a clustered hub dies, hangs, is full, is flushed, refuses the
# password or has no replica: streams stay open, publishers get 503 with
# Retry-After in time and a sentence that says what the broker has, and all goes
# on without help when it is back.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Digest::SHA ();

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Source;

EventStream::Redis->or_skip;

# Four workers; half of them may wait for the broker as long as timeout=.
my $mpm_conf = <<'MPM';
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
MPM
my $TIMEOUT = 2;
my $cluster = EventStream::Cluster->start(
    words => "timeout=${TIMEOUT}s", broker => {append => 1},
    options => {mpm_conf => $mpm_conf, files => {'page.txt' => "a page\n"}});
my ($a, $b) = $cluster->nodes;
my $broker = $cluster->broker;
is $broker->command('SCRIPT', 'EXISTS',
    Digest::SHA::sha1_hex(broker_script()))->[0], 1,
    'the servers run the script that t/94-cluster-script.t tests';
is $broker->info('number_of_cached_scripts'), 1, 'and no other';
my %client = (a => $cluster->client($a, 'news'),
    b => $cluster->client($b, 'news'));

sub data_of { return join ' ', map { $_->{data} } @_ }

# The data of the next event, or the type of one of ours.
sub next_of
{
    my $event = $cluster->event_of($_[0], 10) or return 'nothing';
    return $event->{event} eq 'message' ? $event->{data} : $event->{event};
}

# The same, without an event that may be a part of the history by now.
sub last_of
{
    my $got = next_of($_[0]);
    return $got =~ /^(?:back|flushed)$/ ? next_of($_[0]) : $got;
}

sub is_refused
{
    my ($answer, $sentence, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $answer->{status}, 503, "$name: a publisher gets 503";
    like $answer->{headers}{'retry-after'} || '', qr/^\d+$/,
        "$name: with Retry-After";
    like $answer->{body}, $sentence, "$name: the sentence says what is stored";
    unlike $answer->{body}, qr/127\.0\.0\.1/,
        "$name: and not where the broker is";
    return;
}

# Publishes until it is acknowledged again.
sub publish_at_last
{
    my ($data, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(
        sub {
            my $answer = publish($a, 'news', $data, id => $data);
            return $answer->{status} == 200;
        }, 20, "$name: publishing goes on by itself");
}

my $ID = qr/"id": "([\d-]+)"/;
my $nothing = qr/Nothing was published\.$/m;

# ---- It dies ---------------------------------------------------------------

publish($a, 'news', 'before');
is next_of($client{$_}), 'before', "an event is received on $_" for qw(a b);
my $last = $client{a}{last_id};
$broker->kill;
my $began = time;
is_refused(publish($a, 'news', 'lost', timeout => 20), $nothing,
    'the broker is dead');
cmp_ok time - $began, '<', $TIMEOUT + 5, 'soon after timeout=';
wait_for(sub { !$cluster->status($a)->{Up} }, 10,
    'the status page shows that the link is down');
isnt $cluster->status($a)->{Error}, '', 'and why';
cmp_ok $cluster->status($a)->{Unavailable}, '>', 0,
    'and that a publisher was refused';
ok $client{$_}->is_open, "the stream on $_ is open" for qw(a b);
my $new = $cluster->client($a, 'news', id => $last);
ok $new->is_open, 'new clients are served';
like $a->error_log, qr/warn\].*ES0807: cannot publish to hub default/,
    'the error log has the reason';
my $stats = get($a, '/publish?channel=news');
is $stats->{status}, 200, 'statistics are answered';
like $stats->{body}, qr/"clients": 2, .*"partial": true/,
    'they count the clients of this server, and say so';
is request($a, 'DELETE', '/publish?channel=gone', timeout => 20)->{status}, 503,
    'a channel is not closed';
ok !$new->next_event(0.2), 'no client was told anything';

$broker->run;
publish_at_last('back', 'the broker is back');
# a restart of a primary may have lost what it had acknowledged
is next_of($client{$_}), 'stream-reset',
    "the client on $_ is told that it may have missed something" for qw(a b);
$cluster->wait_synced;
publish($b, 'news', 'more');
is last_of($client{$_}), 'more', "and goes on on $_" for qw(a b);
is next_of($cluster->client($b, 'news', id => $last)), 'stream-reset',
    'an id of before is not vouched for';
$last = $client{a}{last_id};
publish($b, 'news', 'next');
is next_of($cluster->client($b, 'news', id => $last)), 'next',
    'ids of after it are';
is next_of($client{$_}), 'next', "the stream on $_ goes on" for qw(a b);

# An event of an epoch that has ended is known; the journal does not have it.
my ($known) = publish($a, 'news', 'known', id => 'known')->{body} =~ $ID;
is next_of($client{$_}), 'known', "an event with an id is received on $_"
    for qw(a b);
for my $time ('once', 'twice') {
    $broker->restart;
    publish_at_last('known', "the broker was restarted $time");
    # its own connection is back a moment later
    my $again;
    wait_for(sub {
        $again = publish($b, 'news', 'known', id => 'known');
        return $again->{status} == 200;
    }, 20, "the other server publishes again, $time");
    like $again->{body}, qr/"$known"/,
        'the event is known on the other server, by its id';
    is next_of($client{$_}), 'stream-reset', "a reset on $_" for qw(a b);
    publish($b, 'news', "restarted $time");
    is next_of($client{$_}), "restarted $time",
        "is all that came before the next event on $_" for qw(a b);
}

# ---- It hangs --------------------------------------------------------------

$broker->suspend;
$began = time;
is_refused(publish($a, 'news', 'hangs', timeout => 20),
    qr/may have stored it|Nothing was published/, 'the broker hangs');
cmp_ok time - $began, '>', $TIMEOUT - 1, 'after timeout=';
cmp_ok time - $began, '<', $TIMEOUT + 5, 'and not much later';

# Many publishers do not occupy all workers.
my @many = map {
    my $many = EventStream::Client->connect($b->port);
    $many->{method} = 'POST';
    $many->send("POST /publish?channel=news HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: text/plain\r\nContent-Length: 1\r\n"
        . "Connection: close\r\n\r\nx");
    $many;
} 1 .. 40;
$began = time;
my $pages = 0;
for (1 .. 5) {
    $pages++ if get($b, '/page.txt')->{status} == 200;
}
is $pages, 5, 'pages are served while many publishers wait';
note sprintf '%.2f s', time - $began;
my %status;
for my $many (@many) {
    $many->read_head(30);
    $status{$many->status || 0}++;
}
is_deeply \%status, {503 => 40}, 'all of these get 503';
ok $client{$_}->is_open, "the stream on $_ is open" for qw(a b);
$broker->resume;
publish_at_last('awake', 'the broker moves again');
# what it has stored after all is delivered, once
my @got;
while (@got < 100) {
    push @got, next_of($client{a});
    last if $got[-1] eq 'awake' || $got[-1] eq 'nothing';
}
is $got[-1], 'awake', 'the stream goes on';
is scalar(grep({ $_ eq 'hangs' } @got)), 1,
    'what was not confirmed is received once, if the broker has it'
    if grep { $_ eq 'hangs' } @got;
is scalar(grep({ $_ !~ /^(?:hangs|x|awake)$/ } @got)), 0, 'and no reset is due'
    or diag join ' ', @got;
my $skipped;
do { $skipped = next_of($client{b}) } until $skipped =~ /^(?:awake|nothing)$/;
is $skipped, 'awake', 'on the other server, too';

# ---- It is full ------------------------------------------------------------

$broker->set('maxmemory-policy', 'noeviction');
$broker->set('maxmemory', 1);
is_refused(publish($a, 'news', 'no memory'), $nothing,
    'the broker has no memory');
is request($a, 'POST', '/publish', body => <<'BODY',
{"channel": "news", "data": 1}
{"channel": "news", "data": 2}
BODY
    headers => ['Content-Type: application/x-ndjson'])->{body}
    =~ /Nothing was published\. Events published before: 0\./ ? 'ends' : 'not',
    'ends', 'an NDJSON stream ends with it, too';
is get($a, '/publish?channel=news')->{status}, 200, 'statistics are answered';
$broker->set('maxmemory', 0);
publish_at_last('room', 'the broker has memory');
is next_of($client{$_}), 'room', "nothing was missed on $_" for qw(a b);

# ---- It wants replicas -----------------------------------------------------

$broker->set('min-replicas-to-write', 1);
is_refused(publish($a, 'news', 'no replica'), $nothing,
    'the broker has too few replicas');
$broker->set('min-replicas-to-write', 0);
publish_at_last('enough', 'the broker has enough replicas');
is next_of($client{$_}), 'enough', "nothing was missed on $_" for qw(a b);

# ---- It is flushed ---------------------------------------------------------

$broker->command('FLUSHALL');
publish_at_last('flushed', 'the broker was flushed');
is next_of($client{$_}), 'stream-reset',
    "the client on $_ is told that it may have missed something" for qw(a b);
publish($b, 'news', 'more');
is last_of($client{$_}), 'more', "and goes on on $_" for qw(a b);
$_->close for values %client, $new;
is $_->faults // '', '', 'the shared memory is consistent' for $a, $b;
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
for my $node ($a, $b) {
    # all workers were busy, for a moment
    my $log = $node->error_log =~ s/^.*AH00484.*\n//gmr;
    unlike $log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'the error log has no error';
}

# ---- It has a password -----------------------------------------------------

my $secured = EventStream::Redis->start(password => 'right one');
my $wrong = EventStream::Httpd->start(modules => ['status'],
    files => {'secret' => "wrong one\n"},
    conf => $cluster->conf =~ s{^EventStreamCluster.*}{
        'EventStreamCluster redis://' . $secured->address
        . '/ timeout=1s secret=file:htdocs/secret'}mer);
my $client = $cluster->client($wrong, 'news');
ok $client->is_open, 'with a wrong password clients are served';
is_refused(publish($wrong, 'news', 'x', timeout => 20), $nothing,
    'the password is wrong');
wait_for(sub { $cluster->status($wrong)->{Error} =~ /WRONGPASS|password/ }, 10,
    'the status page says so');
unlike $wrong->error_log . get($wrong, '/server-status')->{body}, qr/wrong one/,
    'the password is shown nowhere';
EventStream::Httpd::spew($wrong->docroot . '/secret', 'right one');
$wrong->graceful;
$cluster->wait_synced($wrong);
wait_for(sub { publish($wrong, 'news', 'x')->{status} == 200 }, 10,
    'with the right password events are published');
is $wrong->stop, 0, 'it stops with exit status 0';

# ---- acks=replica ----------------------------------------------------------

my $primary = EventStream::Redis->start(append => 1);
my $careful = EventStream::Httpd->start(modules => ['status'],
    conf => $cluster->conf =~ s{^EventStreamCluster.*}{
        'EventStreamCluster ' . $primary->url . ' timeout=1s acks=replica'}mer);
$cluster->wait_synced($careful);
$client = $cluster->client($careful, 'news');
is_refused(publish($careful, 'news', 'alone', id => 'alone', timeout => 20),
    qr/has stored this, but no replica has confirmed/,
    'there is no replica');
is next_of($client), 'alone', 'its clients receive it all the same';
my $replica = EventStream::Redis->start(replica_of => $primary);
$primary->wait_for_replicas(1);
# a replica may be slow to confirm
for my $case (['alone', 'it is acknowledged when it is sent again'],
    ['two', 'others are']) {
    my ($data, $name) = @$case;
    wait_for(
        sub {
            return publish($careful, 'news', $data, id => $data,
                timeout => 20)->{status} == 200;
        }, 60, "with a replica $name");
}
is next_of($client), 'two', 'it is not received again';
is $careful->stop, 0, 'it stops with exit status 0';
done_testing;
