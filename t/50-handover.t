#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Plain clients keep their connections when their child stops, and miss nothing
# while events keep coming. A full stop ends all streams cleanly.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use IO::Select;
use POSIX ();
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $clients = 200;
my $long = 90;    # seconds for what takes as long as this machine needs
need_descriptors(1000);

my $conf = <<'CONF';
EventStreamDrain 1
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# ---- A publisher that goes on ----------------------------------------------

# Publishes 1, 2, 3 ... to two channels in turn and writes the acknowledged
# numbers to a file. A number without answer is not tried again: it may have
# been stored.
sub start_publisher
{
    my ($httpd) = @_;
    my $file = $httpd->root . '/acknowledged';
    my $parent = $$;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return {pid => $pid, file => $file} if $pid;

    my $ended = 0;
    local $SIG{TERM} = sub { $ended = 1 };
    open my $out, '>', $file or POSIX::_exit(1);
    $out->autoflush(1);
    for (my $n = 1; !$ended && getppid == $parent; $n++) {
        my $channel = $n % 2 ? 'a' : 'b';
        my $answer = eval {
            publish($httpd, $channel,
                with_checksum("$n " . 'x' x ($n * 37 % 900)), timeout => 3)
        };
        print {$out} "$n $channel\n" if $answer && $answer->{status} == 200;
        sleep 0.01;
    }
    POSIX::_exit(0);
}

sub acknowledged
{
    my ($publisher) = @_;
    open my $in, '<', $publisher->{file} or return [];
    my @lines = map { [split] } <$in>;
    return \@lines;
}

sub stop_publisher
{
    my ($publisher) = @_;
    kill TERM => $publisher->{pid};
    waitpid $publisher->{pid}, 0;
    return acknowledged($publisher);
}

# ---- Clients ---------------------------------------------------------------

sub join_all
{
    my ($httpd, $count) = @_;
    # in two rounds, so that all requests are sent before the first answer is
    # read
    my @paths = map { '/events/' . ($_ % 2 ? 'a' : 'b') } 1 .. $count;
    my @all = map { subscribe($httpd, $_, head => 0) } @paths;
    $_->read_head(10) for @all;
    # The event MPM may close a connection that it has just accepted when the
    # child reaches MaxConnectionsPerChild: its idle workers exit when there are
    # fewer connections than workers, and one in its queue is not counted
    # (worker_thread_should_exit_early). A browser connects again, too.
    for my $i (grep { !$all[$_]->status && $all[$_]{eof} } 0 .. $#all) {
        $all[$i] = subscribe($httpd, $paths[$i]);
    }
    return @all;
}

# Reads what has arrived for all of them.
sub read_all
{
    my ($all, $seconds) = @_;
    my %of = map { (fileno $_->socket) => $_ } grep { $_->is_open
        && $_->socket } @$all;
    my $select = IO::Select->new(map { $_->socket } values %of);
    for my $socket ($select->can_read($seconds)) {
        $of{fileno $socket}->fill(0);
    }
    return;
}

sub read_for
{
    my ($all, $seconds, $condition) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        read_all($all, 0.05);
        return 1 if $condition && $condition->();
        sleep 0.05;    # several events are read at once
    }
    return !$condition;
}

# What the clients of a channel received alike: all but what differs with the
# time at which they came.
sub received
{
    my ($client) = @_;
    my $text = $client->bytes;
    $text =~ s/^event: ?(?:stream-open|keep-alive)\n(?:.+\n)*\n//mg;
    return $text;
}

# What went wrong in a text with the events of a channel.
sub faults_in
{
    my ($text, $is_acknowledged, @want) = @_;
    my %bad;
    my ($last, %got) = (0);
    my $reader = EventStream::Client->new(body => $text);
    while (my $event = $reader->buffered_event) {
        $bad{reset}++ if $event->{event} eq 'stream-reset';
        next if $event->{event} ne 'message';
        my ($n) = $event->{data} =~ /^(\d+) /;
        $bad{torn}++ if !$n || !has_checksum($event);
        next if !$n;
        $bad{order}++ if $got{$n}++;
        # an event that got no answer in time may have been stored later
        next if !$is_acknowledged->{$n};
        $bad{order}++ if $n <= $last;
        $last = $n;
    }
    $bad{lost} = grep { !$got{$_} } @want;
    return \%bad;
}

# Counts what went wrong, over all clients together. Most of a channel received
# the same: it is read once.
sub faults_of
{
    my ($all, $acknowledged) = @_;
    my %bad = map { ($_ => 0) } qw(lost order torn cut ended reset);
    my %is_acknowledged = map { ($_->[0] => 1) } @$acknowledged;
    my @want = map { my $channel = $_;
        [map { $_->[0] } grep { $_->[1] eq $channel } @$acknowledged]
    } qw(b a);
    my %faults;
    for my $i (0 .. $#$all) {
        my $client = $all->[$i];
        my $channel = ($i + 1) % 2;
        my $text = received($client);
        my $faults = $faults{"$channel $text"} ||=
            faults_in($text, \%is_acknowledged, @{$want[$channel]});
        $bad{$_} += $faults->{$_} for keys %$faults;
        $bad{cut}++ if $client->is_cut;
        $bad{ended}++ if !$client->is_open && !$client->is_cut;
        $bad{torn}++ if $client->{bad_framing};
    }
    return \%bad;
}

my $none = {lost => 0, order => 0, torn => 0, cut => 0, ended => 0,
    reset => 0};

# Does $action while events are published. All clients must receive all events.
sub survives
{
    my ($name, $httpd, $count, $action) = @_;
    my @all = join_all($httpd, $count);
    is scalar(grep { $_->status == 200 } @all), $count,
        "$name: all clients get 200";
    # clients that have received stream-open know where they start
    read_for(\@all, $long, sub { !grep { $_->bytes !~ /stream-open/ } @all });
    my $publisher = start_publisher($httpd);
    read_for(\@all, 1);
    $action->(\@all, $publisher);
    read_for(\@all, 1);
    read_for(\@all, $long, sub { @{acknowledged($publisher)} > 50 });
    my $acknowledged = stop_publisher($publisher);
    cmp_ok scalar @$acknowledged, '>', 50,
        "$name: more than 50 events were acknowledged";
    publish($httpd, $_, with_checksum('999999 last')) for qw(a b);
    read_for(\@all, $long,
        sub { !grep { $_->is_open && $_->wire !~ /999999 last/ } @all });
    my @ends = map { [999999, $_] } qw(a b);
    is_deeply faults_of(\@all, [@$acknowledged, @ends]), $none,
        "$name: each client received each event once, in order, on its"
        . " connection";
    is wait_clients($httpd, 'a', $count / 2, 30), $count / 2,
        "$name: each client is counted once";
    unlike $httpd->error_log,
        qr/\[(?:error|crit|alert|emerg)\]|signal \w|Segm|ES0320|ES0321/,
        "$name: the error log has no error and no lost client";
    return @all;
}

# Sends the signal and waits until all old children have exited.
sub replace_children
{
    my ($httpd, $signal, $all, $publisher) = @_;
    my %old = map { ($_ => 1) } $httpd->children;
    # no request is under way at restart: see EventStream::Httpd
    my $pause = $signal eq 'HUP' ? $publisher->{pid} : undef;
    if ($pause) {
        kill STOP => $pause;
        read_for($all, 0.3);
        $httpd->wait_until_idle;
    }
    kill $signal => $httpd->pid;
    read_for($all, 0.3) if $pause;
    kill CONT => $pause if $pause;
    my $gone = read_for($all, $long, sub { my @now = $httpd->children;
        @now && !grep { $old{$_} } @now });
    ok $gone, "the old children exit after $signal";
    read_for($all, 0.5);
    return;
}

# ---- graceful --------------------------------------------------------------

my $many_children = "StartServers 2\nServerLimit 8\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 24\n";
my $two_children = "StartServers 2\nServerLimit 2\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 16\nMinSpareThreads 8\nMaxSpareThreads 16\n";
my $processes = "StartServers 4\nServerLimit 12\nMaxRequestWorkers 12\n"
    . "MinSpareServers 2\nMaxSpareServers 8\n";

sub test_gracefuls
{
    my ($mpm, $size, $what) = @_;
    my $httpd = EventStream::Httpd->start(mpm => $mpm, mpm_conf => $size,
        conf => $conf);
    my @all = survives("$mpm, $what", $httpd, $clients,
        sub { replace_children($httpd, 'USR1', @_) for 1 .. 3 });
    return ($httpd, @all);
}

{
    my ($httpd, @all) = test_gracefuls('event', $many_children, '3 gracefuls');

    # A client in the middle of a frame is handed over with its position in it.
    my $slow = subscribe($httpd, '/events/slow', rcvbuf => 4096);
    my $big = with_checksum('y' x 60000);
    publish($httpd, 'slow', $big) for 1 .. 150;
    $_->close for @all;
    replace_children($httpd, 'USR1', [$slow]);
    my @got = grep { $_->{event} eq 'message' } $slow->events(151, 90);
    is scalar(@got), 150,
        'a slow client receives all that was published before graceful';
    is scalar(grep { has_checksum($_) } @got), 150,
        'a slow client receives no torn event';
    publish($httpd, 'slow', with_checksum('z'));
    ok has_checksum($slow->next_event(5)),
        'a slow client receives new events then';

    is wait_clients($httpd, 'slow', 1, 5), 1, 'a slow client is counted once';

    @all = join_all($httpd, 20);
    is $httpd->stop, 0, 'httpd stops with exit status 0';
    is scalar(grep { $_->is_ended(5) } @all, $slow), 21,
        'all streams end cleanly at stop';
}

{
    my ($httpd, @all) = test_gracefuls('event', $two_children,
        'ServerLimit children');

    # restart: for a while no child can take over the clients
    $_->close for @all;
    wait_clients($httpd, 'a', 0, 5);
    @all = survives('event, restart', $httpd, $clients,
        sub { replace_children($httpd, 'HUP', @_) });
    my $from = time;
    is $httpd->graceful_stop, 0, 'httpd exits with status 0 at graceful-stop';
    cmp_ok time - $from, '<', 8, 'graceful-stop takes less than 8 seconds';
    is scalar(grep { $_->is_ended(5) } @all), $clients,
        'all streams end cleanly at graceful-stop';
}

{
    my ($httpd) = test_gracefuls('worker', $many_children, '3 gracefuls');
    $httpd->stop;
}

{
    my ($httpd, @all) = test_gracefuls('prefork', $processes, '3 gracefuls');
    is $httpd->stop, 0, 'prefork: httpd stops with exit status 0';
    is scalar(grep { $_->is_ended(5) } @all), $clients,
        'prefork: all streams end cleanly at stop';
}

# ---- One child of several --------------------------------------------------

for my $mpm (qw(event worker)) {
    my $httpd = EventStream::Httpd->start(mpm => $mpm,
        mpm_conf => $many_children . "MaxConnectionsPerChild 120\n",
        conf => $conf);
    my %seen;
    survives("$mpm, MaxConnectionsPerChild", $httpd, $clients,
        sub { read_for($_[0], $long, sub { $seen{$_} = 1 for $httpd->children;
            keys %seen >= 8 }) });
    cmp_ok scalar keys %seen, '>', 4, "$mpm: several children were replaced";
    $httpd->stop;
}

{
    my $httpd = EventStream::Httpd->start(mpm => 'event', conf => $conf,
        mpm_conf => "StartServers 1\nServerLimit 1\nThreadsPerChild 25\n"
        . "MaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\n"
        . "MaxConnectionsPerChild 300\n");
    my ($first) = $httpd->children;
    survives('event, the only child reaches MaxConnectionsPerChild',
        $httpd, 100,
        sub { read_for($_[0], $long, sub { my @now = $httpd->children;
            @now && !grep { $_ == $first } @now }) });
    my ($now) = $httpd->children;
    isnt $now, $first, 'another child has replaced it';
}

{
    my $httpd = EventStream::Httpd->start(mpm => 'event', conf => $conf,
        mpm_conf => "StartServers 5\nServerLimit 8\nThreadsPerChild 8\n"
        . "MaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 16\n");
    survives('event, idle children are ended', $httpd, $clients,
        sub { read_for($_[0], $long, sub { 2 >= (() = $httpd->children) }) });
    cmp_ok scalar(() = $httpd->children), '<=', 3, 'idle children have exited';
}

{
    my $httpd = EventStream::Httpd->start(mpm => 'prefork', conf => $conf,
        mpm_conf => "StartServers 10\nServerLimit 12\nMaxRequestWorkers 12\n"
        . "MinSpareServers 2\nMaxSpareServers 5\n"
        . "MaxConnectionsPerChild 150\n");
    my %seen;
    survives('prefork, idle children and MaxConnectionsPerChild',
        $httpd, $clients,
        sub { read_for($_[0], $long, sub { $seen{$_} = 1 for $httpd->children;
            keys %seen >= 14 }) });
    cmp_ok scalar keys %seen, '>', 10,
        'prefork: several children were replaced';
}

# ---- The module or a hub is removed ----------------------------------------

{
    my $hub = "EventStreamHub other size=1m\n<Location /other>\n"
        . "SetHandler eventstream\nEventStreamUseHub other\n"
        . "EventStreamChannel a\n</Location>\n";
    my $httpd = EventStream::Httpd->start(mpm_conf => $many_children,
        conf => $conf . $hub);
    my $other = subscribe($httpd, '/other');
    my $stays = subscribe($httpd, '/events/a');
    $httpd->rewrite_conf($conf);
    replace_children($httpd, 'USR1', [$other, $stays]);
    ok $other->is_ended(5), 'the streams of a removed hub end cleanly';
    publish($httpd, 'a', 'still here');
    is(($stays->events(2, 5))[1]{data}, 'still here',
        'the streams of other hubs go on');

    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    replace_children($httpd, 'USR1', [$stays]);
    ok $stays->is_ended(8), 'streams end cleanly when the module is removed';
}

{
    my $httpd = EventStream::Httpd->start(mpm_conf => $many_children,
        conf => $conf);
    my $client = subscribe($httpd, '/events/a');
    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    replace_children($httpd, 'HUP', [$client]);
    read_for([$client], 5, sub { !$client->is_open });
    ok !$client->is_open,
        'no connection is left when the module is removed at restart';
}

# Removed and loaded again at once: old children still wait for others, which
# have another socket pair than they.
for my $how (qw(graceful restart)) {
    my $httpd = EventStream::Httpd->start(mpm_conf => $many_children,
        conf => $conf);
    my @all = $how eq 'graceful' ? join_all($httpd, 20) : ();
    my $log = $httpd->{log};
    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    ok $httpd->$how, "$how without the module succeeds";
    @$httpd{qw(module log)} = (1, $log);
    $httpd->rewrite_conf($conf);
    ok $httpd->$how, "$how with the module again succeeds";
    is scalar(grep { ($_->is_ended(8) || 0) == 1 } @all), scalar @all,
        "$how without and with the module: streams end cleanly, none is cut";
    my $stays = subscribe($httpd, '/events/a');
    replace_children($httpd, 'USR1', [$stays]);
    publish($httpd, 'a', 'still here');
    my @got = $stays->events(2, 5);
    is $got[1] && $got[1]{data}, 'still here',
        "$how without and with the module: clients keep connections again";
    unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|ES032[013]/,
        "$how without and with the module: the error log has no error";
}

done_testing;
