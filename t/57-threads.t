#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Several delivery threads in each child: clients of all of them get all
# events in order, whatever happens to their child, and are counted once.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use IO::Select;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $CLIENTS = 60;
my $THREADS = 3;
my $LONG = 60;    # seconds for what takes as long as this machine needs
need_descriptors(1000);

my $has_status = EventStream::Httpd->has_module('status');
my $locations = <<'CONF';
EventStreamDrain 1
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel all "{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $conf = "EventStreamThreads $THREADS\n" . $locations
    . ($has_status ? status_conf() : '');
my $sizes = "StartServers %d\nServerLimit 4\nThreadsPerChild 10\n"
    . "MaxRequestWorkers 40\nMinSpareThreads 10\nMaxSpareThreads 40\n";

sub start
{
    my ($children, $text, %opt) = @_;
    return EventStream::Httpd->start(
        mpm_conf => sprintf($sizes, $children), conf => $text,
        $has_status ? (modules => ['status']) : (), %opt);
}

# ---- Clients ---------------------------------------------------------------

sub join_all
{
    my ($httpd, $count) = @_;
    my @all = map { subscribe($httpd, "/events/room-$_", head => 0) }
        1 .. $count;
    $_->read_head(10) for @all;
    read_until(\@all, sub { !grep { $_->bytes !~ /stream-open/ } @all });
    return @all;
}

sub read_until
{
    my ($all, $condition) = @_;
    my $until = time + $LONG;
    until ($condition->() || time > $until) {
        my %of = map { (fileno $_->socket => $_) }
            grep { $_->is_open && $_->socket } @$all;
        my $select = IO::Select->new(map { $_->socket } values %of);
        $of{fileno $_}->fill(0) for $select->can_read(0.05);
    }
    return $condition->();
}

# The numbers that a client has received since the last call.
sub numbers
{
    my ($client) = @_;
    my @numbers;
    while (my $event = $client->next_event(0)) {
        # wait_clients publishes events without data
        push @numbers, $event->{data}
            if $event->{event} eq 'message' && $event->{data} ne '';
        push @numbers, 'reset' if $event->{event} eq 'stream-reset';
    }
    return "@numbers";
}

my $number = 0;

# Publishes and reads until all have the last event. Returns what all of them
# should have received.
sub send_events
{
    my ($httpd, $all, $count) = @_;
    my @sent;
    for (1 .. $count) {
        push @sent, ++$number
            if publish($httpd, 'all', $number + 1)->{status} == 200;
    }
    read_until($all, sub { !grep { $_->is_open
        && $_->wire !~ /data: ?$number\n/ } @$all });
    return "@sent";
}

# What the first of them has received instead, or ''.
sub differ
{
    my ($want, @all) = @_;
    my @others = grep { $_ ne $want } map { numbers($_) } @all;
    return @others ? @others . " clients: '$others[0]' instead of '$want'" : '';
}

sub descriptors_like
{
    my ($pid, $what) = @_;
    return scalar grep { (readlink || '') =~ $what } glob "/proc/$pid/fd/*";
}

sub sockets { return descriptors_like($_[0], qr/^socket:/) }

# Each delivery thread has one, and so has httpd.
sub epolls { return descriptors_like($_[0], qr/eventpoll/) }

sub status_of
{
    my ($httpd, $key) = @_;
    my $body = get($httpd, '/server-status?auto')->{body};
    return $body =~ /^EventStream\.\Q$key\E: (\d+)$/m ? $1 : undef;
}

# ---- One child -------------------------------------------------------------

{
    my $httpd = start(1, $conf);
    my ($child) = $httpd->children;
    like $httpd->error_log, qr/ES0018: $THREADS delivery thread|ES0017/,
        'the parent logs how many threads there are';
    like $httpd->error_log, qr/ES0011: child \d+: $THREADS delivery/,
        'the child logs that all threads have started';

    my @all = join_all($httpd, $CLIENTS);
    my $want = send_events($httpd, \@all, 20);
    is differ($want, @all), '',
        'clients of all threads get all events in order';
    is wait_clients($httpd, 'all', $CLIENTS, 10), $CLIENTS,
        'a publisher is told of all clients';

    SKIP: {
        skip 'needs mod_status', 3 if !$has_status;
        is status_of($httpd, 'Clients'), $CLIENTS,
            'mod_status shows all clients';
        is status_of($httpd, 'Hub.default.Subscriptions'), 2 * $CLIENTS,
            'mod_status shows all subscriptions';
        $_->close for splice @all, 0, 30;
        ok $httpd->wait_for(sub { status_of($httpd, 'Clients')
            == $CLIENTS - 30 }, 10), 'clients that leave count no longer';
    }

    # graceful-stop has no successor: threads of one child are none
    my $from = time;
    is $httpd->graceful_stop, 0, 'httpd exits with status 0 at graceful-stop';
    cmp_ok time - $from, '<', 8, 'graceful-stop takes less than 8 seconds';
    is scalar(grep { !$_->is_ended(5) } @all), 0,
        'all streams end cleanly at graceful-stop';
}

# ---- A child is replaced ---------------------------------------------------

{
    my $httpd = start(2, $conf);
    my @all = join_all($httpd, $CLIENTS);
    for my $how (qw(graceful restart graceful)) {
        my %old = map { ($_ => 1) } $httpd->children;
        ok $httpd->$how, "$how succeeds";
        ok read_until(\@all, sub { !grep { $old{$_} } $httpd->children }),
            "$how: the old children exit";
        my $want = send_events($httpd, \@all, 20);
        is differ($want, @all), '',
            "$how: each client gets each event once on its connection";
        is wait_clients($httpd, 'all', $CLIENTS, 10), $CLIENTS,
            "$how: each client is counted once";
    }

    # new clients, as one child may have taken over all of the others
    $_->close for @all;
    @all = join_all($httpd, $CLIENTS);
    my ($victim) = sort { sockets($b) <=> sockets($a) } $httpd->children;
    $httpd->kill_child($victim);
    my $want = send_events($httpd, \@all, 20);
    my @open = grep { $_->is_open } @all;
    ok @open < $CLIENTS, 'kill -9 of a child cuts its clients';
    is differ($want, @open), '', 'kill -9: the others get all events';
    is wait_clients($httpd, 'all', scalar @open, 10), scalar @open,
        'kill -9: the clients of all threads of the dead child are forgotten';
    SKIP: {
        skip 'needs mod_status', 2 if !$has_status;
        ok $httpd->wait_for(sub { status_of($httpd, 'Clients') == @open }),
            'kill -9: mod_status shows those that are left';
        is status_of($httpd, 'Hub.default.Subscriptions'), 2 * @open,
            'kill -9: and their subscriptions';
    }
    is $httpd->faults || '', '', 'the shared memory has no fault';
    my @more = join_all($httpd, $CLIENTS);
    $want = send_events($httpd, [@open, @more], 5);
    is differ($want, @open, @more), '', 'new clients get all events';

    is $httpd->stop, 0, 'httpd stops with exit status 0';
    is scalar(grep { !$_->is_ended(5) } @open, @more), 0,
        'all streams end cleanly at stop';
    unlike $httpd->error_log,
        qr/\[(?:error|crit|alert|emerg)\]|signal [^9K]\w* \(|ES0008|ES032[01]/,
        'the error log has no error and no lost client';
}

# ---- The number changes ----------------------------------------------------

{
    my $httpd = start(1, $conf);
    my @all = join_all($httpd, 20);
    my %threads;
    for my $count (1, 2, $THREADS, $THREADS + 1) {
        my $from = $httpd->log_size;
        $httpd->rewrite_conf("EventStreamThreads $count\n" . $locations);
        my %old = map { ($_ => 1) } $httpd->children;
        $httpd->graceful;
        read_until(\@all, sub { !grep { $old{$_} } $httpd->children });
        my $most = $count > $THREADS ? $THREADS : $count;
        ok $httpd->wait_for(sub { $httpd->error_log($from)
            =~ /ES0011: child \d+: $most delivery/ }),
            "graceful with $count threads: a child has $most";
        my $is_limited = $httpd->error_log($from) =~ /ES0020/ ? 1 : 0;
        is $is_limited, $count > $THREADS ? 1 : 0,
            "graceful with $count threads: logged if the memory has no more";
        my $want = send_events($httpd, \@all, 5);
        is differ($want, @all), '',
            "graceful with $count threads: clients get all events";
        my ($child) = $httpd->children;
        $threads{$count} = epolls($child);
    }
    is $threads{2} - $threads{1}, 1, 'a thread more has an epoll set more'
        if $> == 0;
}

# ---- prefork ---------------------------------------------------------------

{
    my $httpd = EventStream::Httpd->start(mpm => 'prefork', conf => $conf);
    like $httpd->error_log, qr/ES0011: child \d+: 1 delivery/,
        'a prefork child has one thread';
    my @all = join_all($httpd, 4);
    my $want = send_events($httpd, \@all, 3);
    is differ($want, @all), '', 'prefork: clients get all events';
}

# ---- The directive ---------------------------------------------------------

for my $value ('auto', '1', '64') {
    my ($ok) = EventStream::Httpd->config_test("EventStreamThreads $value\n");
    ok $ok, "EventStreamThreads $value is accepted";
}
for my $value ('0', '65', '-1', 'many', '2x') {
    my ($ok, $out) = EventStream::Httpd->config_test(
        "EventStreamThreads $value\n");
    ok !$ok && $out =~ /EventStreamThreads.*'\Q$value\E'/,
        "EventStreamThreads $value is refused";
}

done_testing;
