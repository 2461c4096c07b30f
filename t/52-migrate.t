#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A hub whose size is changed keeps it until a restart that is not graceful, and
# takes its events along. A hub that is removed frees its memory.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Socket qw(MSG_DONTWAIT MSG_PEEK);
use Test::More;
use Time::HiRes qw(sleep);

use EventStream::Client;
use EventStream::Httpd;

my $conf = <<'CONF';
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub sized
{
    my ($size, $channels) = @_;
    return "EventStreamHub default size=$size\n"
        . "EventStreamMaxChannels $channels\n$conf";
}

my $httpd = EventStream::Httpd->start(conf => sized('1m', 100));
my $from = 0;

sub log_since
{
    my $text = $httpd->error_log($from);
    $from = $httpd->log_size;
    return $text;
}

sub publish_id
{
    my ($channel, $data, %opt) = @_;
    return publish($httpd, $channel, $data, %opt)->{json}{id};
}

my $marks = 0;

sub received_after
{
    my ($channel, $id) = @_;
    my $client = subscribe($httpd, "/events?c=$channel",
        headers => ["Last-Event-ID: $id"]);
    my $mark = 'mark' . ++$marks;
    publish($httpd, $channel, $mark);
    my @received;
    while (my $event = $client->next_event(5)) {
        last if $event->{data} eq $mark;
        push @received, $event->{event} eq 'message'
            ? $event->{data} : $event->{event} =~ /^stream-(.*)/;
    }
    return join ' ', grep { !/^mark/ } @received;
}

sub has_unread
{
    my ($client) = @_;
    my $first = '';
    recv $client->socket, $first, 1, MSG_PEEK | MSG_DONTWAIT;
    return length $first;
}

sub order
{
    return sprintf '%020d-%020d', split /-/, $_[0];
}

# ---- A larger hub ----------------------------------------------------------

my $quiet = publish_id('quiet', 'q1');
publish_id('gone', 'g1');
my $gone = publish_id('gone', 'g2');
publish_id('gone', 'g3');
publish($httpd, 'busy', 'x' x 20000) for 1 .. 60;    # evicts all before
my @id = map { publish_id('a', "a$_") } 1 .. 3;
publish_id('a', 'a4', id => 'mine');
my $last = publish_id('a', 'a5');
my $client = subscribe($httpd, '/events?c=a');
$client->next_event(5);
my $quiet_client = subscribe($httpd, '/events?c=quiet');
$quiet_client->next_event(5);
is received_after('gone', $gone), 'open reset',
    'an event that a small hub has evicted gets a reset';

log_since();
$httpd->rewrite_conf(sized('4m', 200));
ok $httpd->graceful, 'graceful with another size succeeds';
like log_since(), qr/notice.*ES0002.*\bdefault\b/,
    'the hub keeps its size, which is logged';
is received_after('a', $id[1]), 'open a3 a4 a5',
    'ids from before graceful resume';
ok $httpd->restart, 'restart with another size succeeds';
like log_since(),
    qr/notice.*ES0206.*\bdefault\b\D*\d+ events/,
    'the events are carried over, which is logged';
is received_after('a', $id[1]), 'open a3 a4 a5',
    'ids from before restart resume';
is received_after('a', 'mine'), 'open a5',
    'ids of publishers from before restart resume';
is received_after('quiet', $quiet), 'open',
    'a channel that missed nothing gets no reset';
is received_after('gone', $gone), 'open reset',
    'an event that was evicted before gets a reset';
is publish($httpd, 'a', 'a4', id => 'mine')->{json}{published}, 1,
    'an event from before restart is acknowledged again';
is received_after('a', 'mine'), 'open a5', 'it is not sent again';
my $next = publish_id('a', 'a6');
cmp_ok order($next), 'gt', order($last), 'ids go on rising';

ok $client->is_open, 'a client keeps its connection over the change';
my @received = grep { !/^mark/ } map { $_->{data} } $client->events(5, 5);
is $received[-1], 'a6', 'it receives new events';
# a client on its way between children is not counted
wait_for(sub {
    return get($httpd, '/publish?channel=quiet')->{body} =~ /"clients": 1\b/;
}, 10, 'a quiet client is counted after the change');
publish($httpd, 'quiet', 'q2');
my $event = $quiet_client->next_event(5);
$event = $quiet_client->next_event(5) while $event && $event->{data} =~ /^mark/;
is $event->{data}, 'q2', 'a quiet client receives new events';

ok $httpd->restart, 'restart with the same size succeeds';
unlike log_since(), qr/ES0206/, 'nothing is carried over then';
is received_after('a', $next), 'open', 'ids resume after it';

# ---- Room for new events ---------------------------------------------------

publish($httpd, 'busy', 'y' x 20000) for 1 .. 100;
is received_after('a', $next), 'open',
    'two megabytes of events fit into the larger hub';
is received_after('a', $id[0]), 'open a2 a3 a4 a5 a6',
    'no older event was evicted';

# ---- A smaller hub, while clients are slow ---------------------------------

my $recent = publish_id('recent', 'r1');
publish($httpd, 'recent', 'r2');
my $slow = subscribe($httpd, '/events?c=slow', rcvbuf => 4096);
$slow->next_event(5);
publish($httpd, 'slow', "$_ " . 'z' x 30000) for 1 .. 20;
wait_for(sub { has_unread($slow) }, 20, 'a slow client is sent the first');
sleep 0.3;    # its buffers fill: it is in the middle of a frame
my $lagging = subscribe($httpd, '/events?c=a');
$httpd->rewrite_conf(sized('1m', 50));
ok $httpd->restart, 'restart with a smaller size succeeds';
like log_since(), qr/ES0206\D*\d+\D+[1-9]/,
    'some events are dropped, which is logged';
is join(' ', map { /^(\d+) z{30000}$/ ? $1 : 'torn' } map { $_->{data} }
    $slow->events(20, 60)), join(' ', 1 .. 20),
    'a client in the middle of a frame receives all events, none torn';
is received_after('a', $id[1]), 'open reset',
    'a dropped event gets a reset';
is received_after('recent', $recent), 'open r2',
    'an event that was kept gets none';
$_->close for $client, $quiet_client, $slow, $lagging;

# ---- A hub is removed and named again --------------------------------------

my $extra = <<'CONF';
EventStreamHub extra size=2m
<Location "/extra/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub extra
</Location>
<Location "/extra/publish">
    SetHandler eventstream-publish
    EventStreamUseHub extra
</Location>
CONF

sub extra
{
    my (@headers) = @_;
    return subscribe($httpd, '/extra/events?c=e', headers => \@headers);
}

sub segments
{
    # anonymous shared memory of at least the size of that hub
    no warnings 'portable';
    open my $in, '<', '/proc/' . $httpd->pid . '/maps' or return -1;
    return scalar grep {
        /^([0-9a-f]+)-([0-9a-f]+) rw-s .* 00:\S+ \d+ +\/dev\/zero/
            && hex($2) - hex($1) >= 2 << 20
    } <$in>;
}

# Before the old children have seen a graceful, they take requests, too.
sub all_have
{
    my ($how, $new) = @_;
    $httpd->rewrite_conf($new);
    return $httpd->$how(all => 1);
}

my $before = segments();
for my $how (qw(graceful restart)) {
    ok all_have($how, sized('1m', 50) . $extra),
        "$how with one more hub succeeds";
    is segments(), $before + 1, "$how: the hub has its memory";
    my $e1 = publish_id('e', 'e1', path => '/extra/publish');
    my $in = extra();
    $in->next_event(5);
    $httpd->rewrite_conf(sized('1m', 50));
    ok $httpd->$how, "$how without the hub succeeds";
    is $in->is_ended(10), 1, "$how: its streams end cleanly";
    is segments(), $before + 1, "$how: its memory stays for old children";
    ok all_have($how, sized('1m', 50) . $extra),
        "$how with the hub again succeeds";
    my $again = extra("Last-Event-ID: $e1");
    is $again->next_event(5)->{event}, 'stream-open',
        "$how: a stream of the hub opens";
    publish($httpd, 'e', 'e2', path => '/extra/publish');
    is $again->next_event(5)->{data}, 'e2',
        "$how: the stream receives new events, without a reset";
    $again->close;

    $httpd->rewrite_conf(sized('1m', 50));
    ok $httpd->$how, "$how without the hub again succeeds";
    # its memory is freed once all children have a configuration without it
    my $given = wait_for(sub {
        $httpd->$how;
        return segments() == $before;
    }, 60, "$how: its memory is freed at a later one");
    ok all_have($how, sized('1m', 50) . $extra),
        "$how with a new hub of that name succeeds";
    is join(' ', map { $_->{event} } extra("Last-Event-ID: $e1")->events(2, 5)),
        'stream-open stream-reset',
        "$how: the new hub does not know the old ids";
    $httpd->rewrite_conf(sized('1m', 50));
    wait_for(sub {
        $httpd->restart;
        return segments() == $before;
    }, 60, "$how: its memory is freed, too");
}

# ---- The module is removed and loaded again --------------------------------

for my $how (qw(graceful restart)) {
    my $stays = subscribe($httpd, '/events?c=a');
    $stays->next_event(5);
    my $id = publish_id('a', "before $how");
    my $log = $httpd->{log};
    @$httpd{qw(module log)} = (0, 'info');
    ok all_have($how, ''), "$how without the module succeeds";
    ok defined $stays->is_ended(10), "$how without the module: its streams end";
    ok !$stays->is_open, "$how without the module: no connection is left";
    is get($httpd, '/events?c=a')->{status}, 404,
        "$how without the module: its paths are 404";
    @$httpd{qw(module log)} = (1, $log);
    ok all_have($how, sized('1m', 50)), "$how with the module again succeeds";
    is received_after('a', $id), 'open', "$how: ids from before resume";
    my $sum = sub { publish($httpd, 'a', 'x')->{json}{clients} };
    my $one = subscribe($httpd, '/events?c=a');
    $one->next_event(5);
    wait_for(sub { ($sum->() // 0) == 1 }, 60,
        "$how: clients are counted right");
    $one->close;
}
is $httpd->stop, 0, 'httpd stops with exit status 0';
unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|signal|Segm/,
    'the error log has no error';

# ---- With many clients and a publisher that goes on ------------------------

$httpd = EventStream::Httpd->start(conf => sized('8m', 100));
my @many = map { subscribe($httpd, '/events?c=m', head => 0) } 1 .. 150;
$_->read_head(10) for @many;
my $publisher = fork;
die "fork: $!" if !defined $publisher;
if (!$publisher) {
    my $end = 0;
    local $SIG{TERM} = sub { $end = 1 };
    my $n = 1;
    while (!$end) {
        # an event without answer is published again under the same id, also
        # at the end: it may be stored
        my $done;
        do {
            $done = eval {
                publish($httpd, 'm', $n, id => "n$n", timeout => 3)
            };
            sleep 0.005;
        } while (!$done || $done->{status} != 200);
        $n++;
    }
    my $done;
    do {
        $done = eval { publish($httpd, 'm', "last $n", id => 'last') };
    } while (!$done || $done->{status} != 200);
    POSIX::_exit(0);
}
sleep 0.3;
for my $size ('2m', '16m') {
    $httpd->rewrite_conf(sized($size, 100));
    kill STOP => $publisher; # restart waits for requests that are under way
    my $before = $httpd->log_size;
    $httpd->restart(wait => 0);
    sleep 0.1;
    kill CONT => $publisher;
    ok $httpd->wait_for(
        sub { $httpd->error_log($before) =~ /resuming normal operations/ }),
        "restart to $size succeeds while events are published";
    sleep 0.3;
}
kill TERM => $publisher;
waitpid $publisher, 0;
is $httpd->faults // '', '', 'the shared memory is consistent';
my ($bad, $cut) = (0, 0);
for my $one (@many) {
    my ($n, $is_last, $wrong) = (0, 0, 0);
    while (my $got = $one->next_event(10)) {
        next if $got->{event} ne 'message';
        if ($got->{data} =~ /^last (\d+)/) {
            $is_last = $n == $1 - 1;
            last;
        }
        $wrong = 1 if $got->{data} != $n + 1;
        $n = $got->{data};
    }
    $cut++ if !$one->is_open;
    $bad++ if $wrong || !$is_last;
}
is $cut, 0, 'no client lost its connection';
is $bad, 0, 'each client received each event once, in order';
$httpd->stop;

# ---- Other MPMs ------------------------------------------------------------

# By the MPM's hook the parent knows when no child is left.
for my $mpm (qw(worker prefork)) {
    $httpd = EventStream::Httpd->start(mpm => $mpm, conf => sized('1m', 100));
    $from = 0;
    my $one = publish_id('a', 1);
    publish($httpd, 'a', 2);
    my $stays = subscribe($httpd, '/events?c=b');
    $stays->next_event(5);
    $httpd->rewrite_conf(sized('2m', 100));
    my %old = map { ($_ => 1) } $httpd->children;
    ok $httpd->graceful, "$mpm: graceful with another size succeeds";
    like log_since(), qr/ES0002/,
        "$mpm: the hub keeps its size, which is logged";
    # a child that is just being forked would miss the restart
    ok $httpd->wait_for(sub { my @now = $httpd->children;
        @now && !grep { $old{$_} } @now }),
        "$mpm: there are new children";
    ok $httpd->restart, "$mpm: restart succeeds";
    like log_since(), qr/ES0206\D*\b2 events/,
        "$mpm: the events are carried over, which is logged";
    is received_after('a', $one), 'open 2', "$mpm: ids from before resume";
    publish($httpd, 'b', 'here');
    is $stays->next_event(10)->{data}, 'here',
        "$mpm: a client keeps its connection";
    is $httpd->stop, 0, "$mpm: httpd stops with exit status 0";
    unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|signal Seg/,
        "$mpm: the error log has no error";
}

done_testing;
