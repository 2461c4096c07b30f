#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A hub gets another size: it waits for a restart that is not graceful, and
# takes its events along. A hub that is no longer named gives back its memory.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
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

sub told_after
{
    my ($channel, $id) = @_;
    my $client = subscribe($httpd, "/events?c=$channel",
        headers => ["Last-Event-ID: $id"]);
    my $mark = 'mark' . ++$marks;
    publish($httpd, $channel, $mark);
    my @told;
    while (my $event = $client->next_event(5)) {
        last if $event->{data} eq $mark;
        push @told, $event->{event} eq 'message'
            ? $event->{data} : $event->{event} =~ /^stream-(.*)/;
    }
    return join ' ', grep { !/^mark/ } @told;
}

sub order
{
    return sprintf '%020d-%020d', split /-/, $_[0];
}

# ---- A larger one ----------------------------------------------------------

my $quiet = publish_id('quiet', 'q1');
publish_id('gone', 'g1');
my $gone = publish_id('gone', 'g2');
publish_id('gone', 'g3');
publish($httpd, 'busy', 'x' x 20000) for 1 .. 60;    # takes all of them
my @id = map { publish_id('a', "a$_") } 1 .. 3;
publish_id('a', 'a4', id => 'mine');
my $last = publish_id('a', 'a5');
my $client = subscribe($httpd, '/events?c=a');
$client->next_event(5);
my $asleep = subscribe($httpd, '/events?c=quiet');
$asleep->next_event(5);
is told_after('gone', $gone), 'open reset', 'evicted from a small hub';

log_since();
$httpd->rewrite_conf(sized('4m', 200));
ok $httpd->graceful, 'another size, at graceful';
like log_since(), qr/notice.*ES0002: hub default keeps its size/,
    'it has to wait, which is told';
is told_after('a', $id[1]), 'open a3 a4 a5', 'all is as it was';
ok $httpd->restart, 'restart';
like log_since(),
    qr/notice.*ES0206: hub default has a new size: \d+ events/,
    'the events are carried over';
is told_after('a', $id[1]), 'open a3 a4 a5', 'ids resume';
is told_after('a', 'mine'), 'open a5', 'also those of publishers';
is told_after('quiet', $quiet), 'open', 'nothing of it was missed: no reset';
is told_after('gone', $gone), 'open reset', 'what was evicted stays evicted';
is publish($httpd, 'a', 'a4', id => 'mine')->{json}{published}, 1,
    'a known event';
is told_after('a', 'mine'), 'open a5', '... is known there, too';
my $next = publish_id('a', 'a6');
cmp_ok order($next), 'gt', order($last), 'ids rise';

ok $client->is_open, 'a client keeps its connection';
my @heard = grep { !/^mark/ } map { $_->{data} } $client->events(5, 5);
is $heard[-1], 'a6', '... and hears what comes';
is publish($httpd, 'quiet', 'q2')->{json}{clients}, 1, 'a quiet one is there';
my $event = $asleep->next_event(5);
$event = $asleep->next_event(5) while $event && $event->{data} =~ /^mark/;
is $event->{data}, 'q2', '... and hears it';

ok $httpd->restart, 'once more, with the same size';
unlike log_since(), qr/ES0206/, '... and nothing to do';
is told_after('a', $next), 'open', '... the hub has what it had';

# ---- With room for what comes ----------------------------------------------

publish($httpd, 'busy', 'y' x 20000) for 1 .. 100;
is told_after('a', $next), 'open', 'the new size is there: 2 MB fit';
is told_after('a', $id[0]), 'open a2 a3 a4 a5 a6', '... and nothing was lost';

# ---- A smaller one, while clients are slow ---------------------------------

my $recent = publish_id('recent', 'r1');
publish($httpd, 'recent', 'r2');
my $slow = subscribe($httpd, '/events?c=slow', rcvbuf => 4096);
$slow->next_event(5);
publish($httpd, 'slow', "$_ " . 'z' x 30000) for 1 .. 20;
sleep 0.3;    # let its buffers fill: it stands within a frame then
my $lagging = subscribe($httpd, '/events?c=a');
$httpd->rewrite_conf(sized('1m', 50));
ok $httpd->restart, 'a smaller hub at restart';
like log_since(), qr/ES0206: .* oldest [1-9]\d* did not fit/,
    '... some events have no room';
is join(' ', map { /^(\d+) z{30000}$/ ? $1 : 'torn' } map { $_->{data} }
    $slow->events(20, 20)), join(' ', 1 .. 20),
    'one that was within a frame gets all, and none torn';
is told_after('a', $id[1]), 'open reset', 'what had no room is told';
is told_after('recent', $recent), 'open r2', '... and nothing else';
$_->close for $client, $asleep, $slow, $lagging;

# ---- A hub goes, and comes back --------------------------------------------

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
    # anonymous shared memory of the size of that hub and more
    no warnings 'portable';
    open my $in, '<', '/proc/' . $httpd->pid . '/maps' or return -1;
    return scalar grep {
        /^([0-9a-f]+)-([0-9a-f]+) rw-s .* 00:\S+ \d+ +\/dev\/zero/
            && hex($2) - hex($1) >= 2 << 20
    } <$in>;
}

my $before = segments();
for my $how (qw(graceful restart)) {
    $httpd->rewrite_conf(sized('1m', 50) . $extra);
    ok $httpd->$how, "$how: one more hub";
    is segments(), $before + 1, '... has its memory';
    my $e1 = publish_id('e', 'e1', path => '/extra/publish');
    my $in = extra();
    $in->next_event(5);
    $httpd->rewrite_conf(sized('1m', 50));
    ok $httpd->$how, "$how: it goes";
    is $in->is_ended(10), 1, '... its streams end cleanly';
    is segments(), $before + 1, '... its memory stays for those who use it';
    $httpd->rewrite_conf(sized('1m', 50) . $extra);
    ok $httpd->$how, "$how: it is named again";
    my $again = extra("Last-Event-ID: $e1");
    is $again->next_event(5)->{event}, 'stream-open', '... opens';
    publish($httpd, 'e', 'e2', path => '/extra/publish');
    is $again->next_event(5)->{data}, 'e2', '... and knows its past';
    $again->close;

    $httpd->rewrite_conf(sized('1m', 50));
    ok $httpd->$how, "$how: it goes again";
    # gone for good once all children are of a configuration without it
    my $given = wait_for(sub {
        $httpd->$how;
        return segments() == $before;
    }, 20, '... and gives back its memory at a later one');
    $httpd->rewrite_conf(sized('1m', 50) . $extra);
    ok $httpd->$how, "$how: a new hub of that name";
    is join(' ', map { $_->{event} } extra("Last-Event-ID: $e1")->events(2, 5)),
        'stream-open stream-reset', '... is another one';
    $httpd->rewrite_conf(sized('1m', 50));
    wait_for(sub {
        $httpd->restart;
        return segments() == $before;
    }, 20, '... and goes');
}

# ---- The module itself goes, and comes back --------------------------------

for my $how (qw(graceful restart)) {
    my $stays = subscribe($httpd, '/events?c=a');
    $stays->next_event(5);
    my $id = publish_id('a', "before $how");
    my $log = $httpd->{log};
    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    ok $httpd->$how, "$how without the module";
    ok defined $stays->is_ended(10), '... its streams end';
    ok !$stays->is_open, '... for sure';
    is get($httpd, '/events?c=a')->{status}, 404, '... nobody serves them';
    @$httpd{qw(module log)} = (1, $log);
    $httpd->rewrite_conf(sized('1m', 50));
    ok $httpd->$how, "$how with it again";
    is told_after('a', $id), 'open', '... and the hub is there';
    my $sum = sub { publish($httpd, 'a', 'x')->{json}{clients} };
    my $one = subscribe($httpd, '/events?c=a');
    $one->next_event(5);
    wait_for(sub { $sum->() == 1 }, 10, '... and counts its clients right');
    $one->close;
}
is $httpd->stop, 0, 'httpd stops';
unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|signal|Segm/,
    'no error in the log';

# ---- With many clients, and events that keep coming ------------------------

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
        # who gets no answer asks once more, by the same id
        my $done = eval { publish($httpd, 'm', $n, id => "n$n", timeout => 3) };
        $n++ if $done && $done->{status} == 200;
        sleep 0.005;
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
    kill STOP => $publisher; # restart waits for those who are at work
    my $before = $httpd->log_size;
    $httpd->restart(wait => 0);
    sleep 0.1;
    kill CONT => $publisher;
    ok $httpd->wait_for(
        sub { $httpd->error_log($before) =~ /resuming normal operations/ }),
        "restart to $size while events flow";
    sleep 0.3;
}
kill TERM => $publisher;
waitpid $publisher, 0;
is $httpd->faults // '', '', 'the shared memory is well';
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
is $bad, 0, '... and each has got each event once, in order';
$httpd->stop;

# ---- Other MPMs ------------------------------------------------------------

# The parent knows by them when no child is left.
for my $mpm (qw(worker prefork)) {
    $httpd = EventStream::Httpd->start(mpm => $mpm, conf => sized('1m', 100));
    $from = 0;
    my $one = publish_id('a', 1);
    publish($httpd, 'a', 2);
    my $stays = subscribe($httpd, '/events?c=b');
    $stays->next_event(5);
    $httpd->rewrite_conf(sized('2m', 100));
    my %old = map { ($_ => 1) } $httpd->children;
    ok $httpd->graceful, "$mpm: graceful";
    like log_since(), qr/ES0002/, '... another size has to wait';
    # a child that is just being forked would not hear of the restart
    ok $httpd->wait_for(sub { my @now = $httpd->children;
        @now && !grep { $old{$_} } @now }),
        '... there are new children';
    ok $httpd->restart, "$mpm: restart";
    like log_since(), qr/ES0206: hub default has a new size: 2 events/,
        '... and comes';
    is told_after('a', $one), 'open 2', '... with the events';
    publish($httpd, 'b', 'here');
    is $stays->next_event(10)->{data}, 'here', '... a client has stayed';
    is $httpd->stop, 0, '... httpd stops';
    unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|signal Seg/,
        '... without an error';
}

done_testing;
