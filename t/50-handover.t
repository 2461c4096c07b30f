#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Plain clients keep their connections when their child stops, and miss
# nothing, while events keep flowing. A full stop ends all streams cleanly.

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
my $long = 90;    # seconds for what comes as fast as this machine allows
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

# ---- A publisher that never stops ------------------------------------------

# Publishes 1, 2, 3 ... to two channels in turn; what was acknowledged goes to
# a file. A number without an answer is not tried again: nobody knows.
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
            publish($httpd, $channel, sum("$n " . 'x' x ($n * 37 % 900)),
                timeout => 3)
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
    # in two rounds, so that all are there before their heads are awaited
    my @all = map { subscribe($httpd, '/events/' . ($_ % 2 ? 'a' : 'b'),
        head => 0) } 1 .. $count;
    $_->read_head(10) for @all;
    return @all;
}

# Reads what is there, of all of them.
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
        sleep 0.01;
    }
    return !$condition;
}

# What went wrong, in all clients together.
sub judge
{
    my ($all, $acknowledged) = @_;
    my %bad = map { ($_ => 0) } qw(lost order torn cut ended reset);
    my %acknowledged = map { ($_->[0] => 1) } @$acknowledged;
    my @want = map { my $channel = $_;
        [map { $_->[0] } grep { $_->[1] eq $channel } @$acknowledged]
    } qw(b a);
    for my $i (0 .. $#$all) {
        my $client = $all->[$i];
        my ($last, %got) = (0);
        while (my $event = $client->next_event(0)) {
            $bad{reset}++ if $event->{event} eq 'stream-reset';
            next if $event->{event} ne 'message';
            my ($n) = $event->{data} =~ /^(\d+) /;
            $bad{torn}++ if !$n || !checked($event);
            next if !$n;
            $bad{order}++ if $got{$n}++;
            # one that got no answer in time may have been stored later on
            next if !$acknowledged{$n};
            $bad{order}++ if $n <= $last;
            $last = $n;
        }
        $bad{lost} += grep { !$got{$_} } @{$want[($i + 1) % 2]};
        $bad{cut}++ if $client->is_cut;
        $bad{ended}++ if !$client->is_open && !$client->is_cut;
        $bad{torn}++ if $client->{bad_framing};
    }
    return \%bad;
}

my $none = {lost => 0, order => 0, torn => 0, cut => 0, ended => 0,
    reset => 0};

# Events flow while $action is done; then all must have everything.
sub survive
{
    my ($name, $httpd, $count, $action) = @_;
    my @all = join_all($httpd, $count);
    is scalar(grep { $_->status == 200 } @all), $count, "$name: all are in";
    # those who have joined have seen where they start
    read_for(\@all, $long, sub { !grep { $_->bytes !~ /stream-open/ } @all });
    my $publisher = start_publisher($httpd);
    read_for(\@all, 1);
    $action->(\@all, $publisher);
    read_for(\@all, 1);
    read_for(\@all, $long, sub { @{acknowledged($publisher)} > 50 });
    my $acknowledged = stop_publisher($publisher);
    cmp_ok scalar @$acknowledged, '>', 50, '... events were flowing';
    publish($httpd, $_, sum('999999 last')) for qw(a b);
    read_for(\@all, $long,
        sub { !grep { $_->is_open && $_->wire !~ /999999 last/ } @all });
    my @ends = map { [999999, $_] } qw(a b);
    is_deeply judge(\@all, [@$acknowledged, @ends]), $none,
        '... each client, on its connection, got each event once, in order';
    is wait_clients($httpd, 'a', $count / 2, 30), $count / 2,
        '... and is counted once';
    unlike $httpd->error_log,
        qr/\[(?:error|crit|alert|emerg)\]|signal \w|Segm|ES0320|ES0321/,
        '... nothing to complain about';
    return @all;
}

# A graceful, and until all children of before have gone.
sub pass_over
{
    my ($httpd, $signal, $all, $publisher) = @_;
    my %old = map { ($_ => 1) } $httpd->children;
    # no request is under way at a restart: see EventStream::Httpd
    my $pause = $signal eq 'HUP' ? $publisher->{pid} : undef;
    if ($pause) {
        kill STOP => $pause;
        read_for($all, 0.3);
        $httpd->rest;
    }
    kill $signal => $httpd->pid;
    read_for($all, 0.3) if $pause;
    kill CONT => $pause if $pause;
    my $gone = read_for($all, $long, sub { my @now = $httpd->children;
        @now && !grep { $old{$_} } @now });
    ok $gone, "... children of before have gone after $signal";
    read_for($all, 0.5);
    return;
}

# ---- graceful --------------------------------------------------------------

my $roomy = "StartServers 2\nServerLimit 8\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 24\n";
my $tight = "StartServers 2\nServerLimit 2\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 16\nMinSpareThreads 8\nMaxSpareThreads 16\n";
my $processes = "StartServers 4\nServerLimit 12\nMaxRequestWorkers 12\n"
    . "MinSpareServers 2\nMaxSpareServers 8\n";

sub gracefuls
{
    my ($mpm, $size, $what) = @_;
    my $httpd = EventStream::Httpd->start(mpm => $mpm, mpm_conf => $size,
        conf => $conf);
    my @all = survive("$mpm, $what", $httpd, $clients,
        sub { pass_over($httpd, 'USR1', @_) for 1 .. 3 });
    return ($httpd, @all);
}

{
    my ($httpd, @all) = gracefuls('event', $roomy, '3 gracefuls');

    # A client whose frame is half-written goes along with its place in it.
    my $slow = subscribe($httpd, '/events/slow', rcvbuf => 4096);
    my $big = sum('y' x 60000);
    publish($httpd, 'slow', $big) for 1 .. 150;
    $_->close for @all;
    pass_over($httpd, 'USR1', [$slow]);
    my @got = grep { $_->{event} eq 'message' } $slow->events(151, 20);
    is scalar(@got), 150, 'a slow client gets all that was published';
    is scalar(grep { checked($_) } @got), 150, '... nothing is torn';
    publish($httpd, 'slow', sum('z'));
    ok checked($slow->next_event(5)), '... and it is live again';

    is wait_clients($httpd, 'slow', 1, 5), 1, '... counted once';

    @all = join_all($httpd, 20);
    is $httpd->stop, 0, 'httpd stops';
    is scalar(grep { $_->is_ended(5) } @all, $slow), 21,
        '... and all streams end cleanly';
}

{
    my ($httpd, @all) = gracefuls('event', $tight, 'ServerLimit children');

    # restart: nobody is there to adopt them for a while
    $_->close for @all;
    wait_clients($httpd, 'a', 0, 5);
    @all = survive('event, restart', $httpd, $clients,
        sub { pass_over($httpd, 'HUP', @_) });
    my $from = time;
    is $httpd->graceful_stop, 0, 'httpd stops in peace';
    cmp_ok time - $from, '<', 8, '... in time';
    is scalar(grep { $_->is_ended(5) } @all), $clients,
        '... and all streams end cleanly';
}

{
    my ($httpd) = gracefuls('worker', $roomy, '3 gracefuls');
    $httpd->stop;
}

{
    my ($httpd, @all) = gracefuls('prefork', $processes, '3 gracefuls');
    is $httpd->stop, 0, 'httpd stops';
    is scalar(grep { $_->is_ended(5) } @all), $clients,
        '... and all streams end cleanly';
}

# ---- one child of several --------------------------------------------------

for my $mpm (qw(event worker)) {
    my $httpd = EventStream::Httpd->start(mpm => $mpm,
        mpm_conf => $roomy . "MaxConnectionsPerChild 120\n", conf => $conf);
    my %seen;
    survive("$mpm, MaxConnectionsPerChild", $httpd, $clients,
        sub { read_for($_[0], $long, sub { $seen{$_} = 1 for $httpd->children;
            keys %seen >= 8 }) });
    cmp_ok scalar keys %seen, '>', 4, '... several children came and went';
    $httpd->stop;
}

{
    my $httpd = EventStream::Httpd->start(mpm => 'event', conf => $conf,
        mpm_conf => "StartServers 1\nServerLimit 1\nThreadsPerChild 25\n"
        . "MaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\n"
        . "MaxConnectionsPerChild 300\n");
    my ($first) = $httpd->children;
    survive('event, the only child is used up', $httpd, 100,
        sub { read_for($_[0], $long, sub { my @now = $httpd->children;
            @now && !grep { $_ == $first } @now }) });
    my ($now) = $httpd->children;
    isnt $now, $first, '... another child has taken its place';
}

{
    my $httpd = EventStream::Httpd->start(mpm => 'event', conf => $conf,
        mpm_conf => "StartServers 5\nServerLimit 8\nThreadsPerChild 8\n"
        . "MaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 16\n");
    survive('event, idle children are reaped', $httpd, $clients,
        sub { read_for($_[0], $long, sub { 2 >= (() = $httpd->children) }) });
    cmp_ok scalar(() = $httpd->children), '<=', 3, '... some have gone';
}

{
    my $httpd = EventStream::Httpd->start(mpm => 'prefork', conf => $conf,
        mpm_conf => "StartServers 10\nServerLimit 12\nMaxRequestWorkers 12\n"
        . "MinSpareServers 2\nMaxSpareServers 5\n"
        . "MaxConnectionsPerChild 150\n");
    my %seen;
    survive('prefork, idle and used up children', $httpd, $clients,
        sub { read_for($_[0], $long, sub { $seen{$_} = 1 for $httpd->children;
            keys %seen >= 14 }) });
    cmp_ok scalar keys %seen, '>', 10, '... several children came and went';
}

# ---- the module or a hub goes ----------------------------------------------

{
    my $hub = "EventStreamHub other size=1m\n<Location /other>\n"
        . "SetHandler eventstream\nEventStreamUseHub other\n"
        . "EventStreamChannel a\n</Location>\n";
    my $httpd = EventStream::Httpd->start(mpm_conf => $roomy,
        conf => $conf . $hub);
    my $other = subscribe($httpd, '/other');
    my $stays = subscribe($httpd, '/events/a');
    $httpd->rewrite_conf($conf);
    pass_over($httpd, 'USR1', [$other, $stays]);
    ok $other->is_ended(5), 'a hub is removed: its streams end cleanly';
    publish($httpd, 'a', 'still here');
    is(($stays->events(2, 5))[1]{data}, 'still here', '... others go on');

    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    pass_over($httpd, 'USR1', [$stays]);
    ok $stays->is_ended(8), 'the module is removed: streams end cleanly';
}

{
    my $httpd = EventStream::Httpd->start(mpm_conf => $roomy, conf => $conf);
    my $client = subscribe($httpd, '/events/a');
    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    pass_over($httpd, 'HUP', [$client]);
    read_for([$client], 5, sub { !$client->is_open });
    ok !$client->is_open, 'removed at restart: no connection is left behind';
}

# Removed and back at once: children of before still wait for others, which
# have another boat than theirs.
for my $how (qw(graceful restart)) {
    my $httpd = EventStream::Httpd->start(mpm_conf => $roomy, conf => $conf);
    my @all = $how eq 'graceful' ? join_all($httpd, 20) : ();
    my $log = $httpd->{log};
    @$httpd{qw(module log)} = (0, 'info');
    $httpd->rewrite_conf('');
    ok $httpd->$how, "$how without the module";
    @$httpd{qw(module log)} = (1, $log);
    $httpd->rewrite_conf($conf);
    ok $httpd->$how, '... and with it again';
    is scalar(grep { ($_->is_ended(8) || 0) == 1 } @all), scalar @all,
        '... streams end cleanly, none is cut';
    my $stays = subscribe($httpd, '/events/a');
    pass_over($httpd, 'USR1', [$stays]);
    publish($httpd, 'a', 'still here');
    my @got = $stays->events(2, 5);
    is $got[1] && $got[1]{data}, 'still here',
        '... and clients keep their connections from then on';
    unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|ES032[013]/,
        '... without an error';
}

done_testing;
