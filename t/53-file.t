#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A hub with a file keeps its events while httpd is stopped: clients resume as
# if nothing had happened. The file is valid once.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;

my $conf = <<'CONF';
EventStreamDrain 1
EventStreamRetry 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $FILE = 'logs/default.journal';

sub filed
{
    my ($more) = @_;
    return "EventStreamHub default size=1m file=$FILE "
        . ($more // '') . "\n$conf";
}

my $httpd;
my $from = 0;

sub log_since
{
    my $text = $httpd->error_log($from);
    $from = $httpd->log_size;
    return $text;
}

sub file { return $httpd->root . "/$FILE" }

sub publish_id
{
    my ($channel, $data, %opt) = @_;
    return publish($httpd, $channel, $data, %opt)->{json}{id};
}

my $marks = 0;

# What a client of the channel gets that resumes with this id.
sub received_after
{
    my ($channel, $id) = @_;
    my $client = subscribe($httpd, "/events?c=$channel",
        headers => ["Last-Event-ID: $id"]);
    return $client->status if $client->status != 200;
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

sub order
{
    return sprintf '%020d-%020d', split /-/, $_[0];
}

sub head_of
{
    open my $in, '<:raw', file() or return 'none';
    read $in, my $head, 16;
    return unpack 'H*', $head;
}

sub holds_file
{
    my ($pid) = @_;
    return grep { (readlink($_) // '') eq file() } glob "/proc/$pid/fd/*";
}

my $IN_USE = qr/00000001$/;
my $SAVED = qr/00000002$/;

# ---- Stop and start ---------------------------------------------------------

for my $mpm (qw(event worker prefork)) {
    $from = $marks = 0;
    $httpd = EventStream::Httpd->start(mpm => $mpm, conf => filed());
    is +(stat file())[2] & 07777, 0600, "$mpm: only its owner reads the file";
    like head_of(), $IN_USE, "$mpm: it is in use while httpd runs";
    is scalar(grep { holds_file($_) } $httpd->pid), 1,
        "$mpm: the parent holds it";
    wait_for(sub { !grep { holds_file($_) } $httpd->children }, 10,
        "$mpm: no child does");
    my @id = map { publish_id('a', "a$_") } 1 .. 3;
    publish_id('a', 'a4', id => 'mine');
    my $quiet = publish_id('quiet', 'q1');
    request($httpd, 'DELETE', '/publish?channel=shut&for=600');
    my $last = publish_id('a', 'a5', event => 'message');
    my $client = subscribe($httpd, '/events?c=a',
        headers => ["Last-Event-ID: $id[2]"]);
    $client->events(3, 5);
    is $httpd->stop, 0, "$mpm: httpd stops";
    like log_since(), qr/notice.*ES0220\D+7 events/,
        "$mpm: the events were saved, which is logged";
    like head_of(), $SAVED, "$mpm: the file says so";
    ok $client->is_ended(5), "$mpm: the client was ended cleanly";

    ok $httpd->start_again, "$mpm: httpd starts again";
    like log_since(), qr/notice.*ES0221\D+7 events/,
        "$mpm: the events were loaded, which is logged";
    like head_of(), $IN_USE, "$mpm: the file is in use again";
    is -s file(), 512, "$mpm: and has no events any more";
    is received_after('a', $id[0]), 'open a2 a3 a4 a5',
        "$mpm: a client resumes";
    is received_after('a', 'mine'), 'open a5',
        "$mpm: a client resumes with a publisher's id";
    is received_after('quiet', $quiet), 'open',
        "$mpm: one of a quiet channel gets no reset";
    is subscribe($httpd, '/events?c=shut')->status, 204,
        "$mpm: a closed channel stays closed";
    my $known = publish_id('a', 'a4', id => 'mine');
    is publish_id('a', 'a4', id => 'mine'), $known,
        "$mpm: an event from before is acknowledged again";
    is received_after('a', 'mine') =~ s/ mark\d+//gr, 'open a5',
        "$mpm: and not sent again";
    cmp_ok order(publish_id('a', 'a6')), 'gt', order($last),
        "$mpm: ids go on rising";
    is $httpd->stop, 0, "$mpm: httpd stops again";
    ok $httpd->start_again, "$mpm: httpd starts a third time";
    is received_after('a', $id[2]), 'open a4 a5 a6',
        "$mpm: ids of two starts ago resume";
    is $httpd->faults // '', '', "$mpm: the shared memory is consistent";
    log_since();
    is $httpd->graceful_stop, 0, "$mpm: httpd stops gracefully";
    like log_since(), qr/ES0220/, "$mpm: the events were saved";
    ok $httpd->start_again, "$mpm: httpd starts a fourth time";
    is received_after('a', $id[2]), 'open a4 a5 a6',
        "$mpm: clients resume after that, too";
    $httpd->stop;
    unlike $httpd->error_log,
        qr/\[(?:error|crit|alert|emerg)\]|:error\]|signal Segm/,
        "$mpm: the error log has no error";
}

# ---- Restarts do not write --------------------------------------------------

$from = $marks = 0;
$httpd = EventStream::Httpd->start(conf => filed());
my $one = publish_id('a', 'one');
my $inode = (stat file())[1];
for my $how (qw(graceful restart)) {
    ok $httpd->$how, "$how succeeds";
    unlike log_since(), qr/ES022/, "$how: nothing is saved or loaded";
    like head_of(), $IN_USE, "$how: the file stays in use";
    is +(stat file())[1], $inode, "$how: it is the same file";
    is received_after('a', $one), 'open', "$how: clients resume";
}

# ---- The parent is killed ---------------------------------------------------

$httpd->stop;
my $old = do { open my $in, '<:raw', file(); local $/; <$in> };
$httpd->start_again;
publish_id('a', 'two');
log_since();
$httpd->kill_parent;
ok $httpd->start_again, 'httpd starts after its parent was killed';
like log_since(), qr/warn.*ES0216.*was not saved/, 'which is logged';
is received_after('a', $one), 'open reset',
    'what was lost with the parent is told, not passed over';
$httpd->stop;
$httpd->start_again;
is received_after('a', $one), 'open reset',
    'ids from before the loss stay unknown after another stop';
$httpd->stop;

# ---- A start that fails -----------------------------------------------------

my $kept = publish_after_start('kept');
$httpd->stop;
my $saved = slurp(file());
my $good = $httpd->{conf};
# it fails after the hubs were opened: mod_ssl and others open files then
$httpd->rewrite_conf(filed() . "EventStreamHub other size=900g populate=on\n");
ok !$httpd->start_again, 'httpd does not start with a hub that is too large';
is slurp(file()), $saved, 'the file is as it was';
$httpd->rewrite_conf($good);
ok $httpd->start_again, 'httpd starts with the configuration from before';
is received_after('a', $kept), 'open', 'clients resume';

# ---- A restart that fails ---------------------------------------------------

my $before = publish_id('a', 'before');
publish_id('a', 'after');
log_since();
$httpd->rewrite_conf(filed() . "NoSuchDirective on\n");
kill HUP => $httpd->pid;
ok $httpd->wait_for(sub { !$httpd->is_alive }, 20),
    'httpd ends at a restart whose configuration has an error';
$httpd->rewrite_conf($good);
ok $httpd->start_again, 'httpd starts with the configuration from before';
like log_since(), qr/ES0220.*ES0221/s, 'the events were saved even then';
is received_after('a', $before), 'open after', 'clients resume';
$httpd->stop;

# ---- The clock is set back --------------------------------------------------

my $clock = EventStream::Clock->new;
$from = $marks = 0;
$httpd = EventStream::Httpd->start($clock->options, conf => filed());
my $early = publish_id('a', 'early');
my $late = publish_id('a', 'late');
request($httpd, 'DELETE', '/publish?channel=shut&for=7200');
request($httpd, 'DELETE', '/publish?channel=soon&for=60');
$httpd->stop;
$clock->step(-3600);
ok $httpd->start_again, 'httpd starts an hour before it stopped';
is received_after('a', $early), 'open late', 'clients resume';
cmp_ok order(publish_id('a', 'later')), 'gt', order($late),
    'ids go on rising';
is subscribe($httpd, '/events?c=soon')->status, 204,
    'a channel stays closed for the time that was left';
$httpd->stop;
$clock->step(7200 - 60);
ok $httpd->start_again, 'httpd starts two hours after it stopped';
is subscribe($httpd, '/events?c=soon')->status, 200,
    'a channel is open again whose time is over';
is subscribe($httpd, '/events?c=shut')->status, 204,
    'one whose time is not over is closed';
$httpd->stop;

# ---- Another size -----------------------------------------------------------

$from = $marks = 0;
$httpd = EventStream::Httpd->start(conf => filed());
my $first = publish_id('old', 'o1');
publish_id('old', 'o2');
publish($httpd, 'busy', 'x' x 20000) for 1 .. 30;
my $recent = publish_id('recent', 'r1');
publish_id('recent', 'r2');
$httpd->stop;
log_since();
($good = filed()) =~ s/size=1m/size=256k/;
$httpd->rewrite_conf($good);
ok $httpd->start_again, 'httpd starts with a smaller hub';
like log_since(), qr/ES0221\D+\d+ events.*oldest [1-9]\d* did not fit/,
    'how many events did not fit is logged';
is received_after('recent', $recent), 'open r2', 'the latest are there';
is received_after('old', $first), 'open reset',
    'that the oldest are not is told';
($good = filed('history=1')) =~ s/size=1m/size=4m/;
$httpd->stop;
$httpd->rewrite_conf($good);
ok $httpd->start_again, 'httpd starts with a larger hub and history=';
is received_after('recent', $recent), 'open reset',
    'history= limits what was loaded';
$httpd->stop;

# ---- In one process ---------------------------------------------------------

# As another user than root: httpd -X changes its only process from root to
# User, who cannot write to the folder of the file.
$from = $marks = 0;
$httpd = EventStream::Httpd->start(as => 'nobody', conf => filed());
my $many = publish_id('a', 'many');
publish_id('a', 'more');
$httpd->stop;
for my $turn (1, 2) {
    my $pid = $httpd->{pid} = $httpd->spawn('-X');
    ok $httpd->wait_until_up, "httpd -X starts, $turn";
    is received_after('a', $many), 'open more', "clients resume, $turn";
    log_since();
    kill TERM => $pid;
    ok $httpd->wait_for(sub { !$httpd->is_alive }, 20), "it ends, $turn";
    like log_since(), qr/ES0220/, "the events were saved, $turn";
}
ok $httpd->start_again, 'httpd starts with children';
is received_after('a', $many), 'open more', 'clients resume';
$httpd->stop;

sub slurp
{
    open my $in, '<:raw', $_[0] or return;
    local $/;
    return scalar <$in>;
}

sub publish_after_start
{
    my ($data) = @_;
    $httpd->start_again;
    return publish_id('a', $data);
}

done_testing;
