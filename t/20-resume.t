#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Resuming: a client that comes back with the last id it knows gets what it
# has missed, each event once and in order, and then what is new; or it is
# told that something may be missing.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;

my $conf = <<'CONF';
EventStreamHub small size=256k
CustomLog "@ROOT@/logs/pids" "%P %r"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<LocationMatch "^/small/">
    EventStreamUseHub small
</LocationMatch>
<Location "/small/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/small/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $httpd = EventStream::Httpd->start(conf => $conf);

# ---- Helpers ---------------------------------------------------------------

sub publish_id
{
    my $answer = publish($httpd, @_);
    return ($answer->{json} || {})->{id};
}

# What a client is told that comes like this, in short: "open 1 2", "open
# reset". A mark that is published behind it ends the list.
my $marks = 0;

sub told
{
    my ($channel, $query, @headers) = @_;
    my $path = "/events?c=$channel$query";
    my $client = subscribe($httpd, $path, headers => \@headers);
    my $mark = 'mark' . ++$marks;
    publish($httpd, $channel =~ /^([^&]*)/, $mark);
    my @told;
    while (my $event = $client->next_event(5)) {
        last if $event->{data} eq $mark;
        push @told, $event->{event} eq 'message'
            ? $event->{data} : $event->{event} =~ /^stream-(.*)/;
    }
    # marks of other calls are of no interest
    return join ' ', grep { !/^mark/ } @told;
}

sub told_after
{
    my ($channel, $id) = @_;
    return told($channel, '', "Last-Event-ID: $id");
}

# ---- Where the id comes from -----------------------------------------------

my @id = map { publish_id('a', $_) } 0 .. 4;

is told('a', ''), 'open', 'no id: no replay, and no reset';
is told_after('a', $id[0]), 'open 1 2 3 4', 'Last-Event-ID';
is told_after('a', $id[3]), 'open 4', 'the last but one';
is told('a', "&lastEventId=$id[2]"), 'open 3 4', 'lastEventId';
is told('a', "&last-event-id=$id[2]"), 'open 3 4', 'last-event-id';
is told('a', "&lastEventId=%20$id[2]+"), 'open 3 4', 'blanks do no harm';
(my $encoded = $id[2]) =~ s/-/%2D/;
is told('a', "&lastEventId=$encoded"), 'open 3 4', 'encoded';
is told('a', "&lastEventId=$id[1]", "Last-Event-ID: $id[3]"), 'open 4',
    'the header wins';
is told('a', "&last-event-id=$id[1]", "Last-Event-ID: $id[3]"), 'open 4',
    'over both';
is told('a', "&lastEventId=$id[2]", 'Last-Event-ID: '), 'open 3 4',
    'an empty header says nothing';
is told('a', '&lastEventId='), 'open', 'nor does an empty parameter';
is told('a', "&lastEventId=&last-event-id=$id[2]"), 'open 3 4',
    '... beside the other one';

my $open = subscribe($httpd, '/events?c=a',
    headers => ["Last-Event-ID: $id[2]"])->next_event(5);
is $open->{event}, 'stream-open', 'it opens';
is $open->{id}, $id[2], 'with the id that was brought';
my $fresh = subscribe($httpd, '/events?c=a')->next_event(5)->{id};
is told_after('b', $fresh), 'open', 'the id of stream-open resumes';
my $b = publish_id('b', 'b1');
is told_after('b', $fresh), 'open b1', '... all that came after it';
is told_after('a', $fresh), 'open', '... in its channels';

# ---- Not to be vouched for -------------------------------------------------

my ($ms, $n) = split /-/, $b;
my %unknown = (
    'before the start' => '1-0', 'the very first' => '0-0',
    'from the future' => ($ms + 3600_000) . '-0',
    'far in the future' => '18446744073709551615-18446744073709551615',
    'too large' => '18446744073709551616-0', 'no id of ours' => 'x',
    'a leading zero' => "0$b", 'cut off' => "$ms-", 'only a number' => $ms,
    'very long' => 'x' x 3000, 'not ASCII' => "\xc3\xa4",
    'not UTF-8' => "\xff", 'two of them' => "$b, $b",
);
is told_after('b', $unknown{$_}), 'open reset', "told: $_"
    for sort keys %unknown;
is told('b', '&lastEventId=a%0Ad%00%0D'), 'open reset', 'told: line ends';
is told('b', '&lastEventId=error'), 'open reset', 'told: error';

my $present = publish_id('other', 'x');
my $client = subscribe($httpd, '/events?c=b&c=%22%C3%A4&c=a',
    headers => ['Last-Event-ID: 1-0']);
$client->next_event(5);
my $reset = $client->next_event(5);
is $reset->{event}, 'stream-reset', 'a reset';
like $reset->{id}, qr/^\d{13}-\d+$/, 'has an id';
is $reset->{id}, $present, 'the present position';
is_deeply JSON::PP::decode_json($reset->{data}),
    {channels => ['b', "\"\x{e4}", 'a']}, 'and the channels';
publish($httpd, 'b', 'live');
is $client->next_event(5)->{data}, 'live', 'then live events go on';
is told_after('b', $reset->{id}), 'open live', 'its id resumes';

# ---- Several channels ------------------------------------------------------

sub publish_all
{
    my ($path, @events) = @_;
    my $answer = request(
        $httpd, 'POST', $path, headers => ['Content-Type: application/json'],
        body => JSON::PP::encode_json(\@events));
    return JSON::PP::decode_json($answer->{body})->{id};
}

my $before = publish_id('m1', 'before');
publish_all('/publish',
    {channel => ['m1', 'm2'], text => 'both'},
    {channel => 'm2', text => 'second'}, {channel => 'm3', text => 'not'},
    {channel => ['m2', 'm1'], text => 'again'},
    {channel => 'm1', text => 'first'});
is told('m1&c=m2', "&lastEventId=$before"), 'open both second again first',
    'an event of two channels is replayed once, in order';
is told_after('m2', $before), 'open both second again', 'or of one of them';

my @many = map { "many$_" } 1 .. 90;
$before = publish_id('many1', 'before');
publish($httpd, $_, $_) for reverse @many[0, 40, 63, 64, 65, 89];
is told(join('&c=', @many), "&lastEventId=$before"),
    'open many90 many66 many65 many64 many41 many1', 'ninety channels';

# ---- Publishers' ids -------------------------------------------------------

publish($httpd, 'own1', 1, id => 'one');
publish($httpd, 'own1', 2, id => 'two');
publish($httpd, 'own1', 3);
publish($httpd, 'own2', 1, id => 'two');
publish_all('/publish',
    {channel => ['own1', 'own2'], text => 'shared', id => 'shared'},
    {channel => 'own1', text => 'a', id => "caf\x{e9} 1/2, 3"},
    {channel => 'own1', text => 'z'});
is told_after('own1', 'one'), 'open 2 3 shared a z', 'a publisher\'s id';
is told_after('own1', 'two'), 'open 3 shared a z', 'another';
is told_after('own1&c=own2', 'one'), 'open 2 3 1 shared a z',
    'found in one of two channels';
is told_after('own1&c=own2', 'two'), 'open reset',
    'in two channels: which is meant?';
is told_after('own1&c=own2', 'shared'), 'open a z', 'one event of both';
is told_after('own2', 'one'), 'open reset', 'not in this channel';
is told_after('own1', "caf\xc3\xa9 1/2, 3"), 'open z', 'any text';
is told('own1', '&lastEventId=caf%C3%A9+1%2F2%2C%203'), 'open z',
    '... in the query';
$client = subscribe($httpd, '/events?c=own1',
    headers => ['Last-Event-ID: shared']);
$open = $client->next_event(5)->{id};
like $open, qr/^\d{13}-\d+$/, 'stream-open tells our id of it';
is told_after('own1', $open), 'open a z', 'which resumes at the same place';

# ---- Publishers and followers ----------------------------------------------

my $json = JSON::PP->new->utf8;

sub post
{
    my ($sock, $body) = @_;
    print {$sock} "POST /publish HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
    my $answer = '';
    while ($answer !~ /\r\n\r\n.*\}/s) {
        sysread $sock, $answer, 4096, length $answer or return 0;
    }
    return $answer =~ m{^HTTP/1\.1 200 };
}

sub connected
{
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
}

# A process that publishes 1..count, $opt{batch} of them at a time, into these
# channels in turn. Every seventh has an id of its own.
sub publisher
{
    my ($port, $count, $channels, %opt) = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return $pid if $pid;
    my $sock = connected($port);
    my $next = 1;
    while ($next <= $count) {
        my @batch;
        for my $number ($next .. $next + $opt{batch} - 1) {
            last if $number > $count;
            push @batch, {
                channel => $channels->[$number % @$channels],
                text => $number . ' ' . '.' x ($number * 7 % 300),
                $number % 7 ? () : (id => "$opt{name}-$number"),
            };
        }
        $next += @batch;
        $sock = connected($port) if !$sock;
        last if !$sock;
        # httpd ends a connection after some requests
        if (!post($sock, $json->encode(\@batch))) {
            $next -= @batch;
            undef $sock;
            sleep 0.01;
        }
        sleep $opt{pause} if $opt{pause};
    }
    POSIX::_exit($next > $count ? 0 : 1);
}

# A follower does as an EventSource does, but loses its connection often: what
# has come and was not yet read is lost with it.
sub follower
{
    my ($where, $path, $id, %opt) = @_;
    return {
        where => $where, path => $path, id => $id, opt => \%opt, got => [],
        resets => 0, odd => 0, cuts => 0, ends => 0, doubtful => 0, at => 0,
    };
}

sub reconnect
{
    my ($self) = @_;
    return if time < $self->{at};
    my %opt = %{$self->{opt}{with} || {}};
    $self->{client} = subscribe($self->{where}, $self->{path}, %opt,
        headers => ["Last-Event-ID: $self->{id}"]);
    $self->{brought} = $self->{id};
    $self->{left} = $self->{opt}{cut} ? 1 + int rand $self->{opt}{cut} : 1e9;
    return;
}

sub take
{
    my ($self, $event) = @_;
    if ($event->{event} eq 'message') {
        push @{$self->{got}}, $event->{data} =~ /^(\d+)/;
    } elsif ($event->{event} eq 'stream-reset') {
        $self->{resets}++;
    } elsif ($event->{event} eq 'stream-open') {
        my $brought = delete $self->{brought};
        $self->{odd}++ if $brought =~ /^\d+-\d+$/ && $event->{id} ne $brought;
    }
    $self->{id} = $event->{id} if defined $event->{id};
    return;
}

# All that is there, up to the next cut.
sub follow
{
    my ($self) = @_;
    reconnect($self) if !$self->{client};
    my $client = $self->{client} or return;
    $client->fill(0, 5000);
    while (my $event = $client->buffered_event) {
        take($self, $event);
        last if --$self->{left} <= 0;
    }
    my $is_cut = $self->{left} <= 0;
    return if $client->is_open && !$is_cut;
    $self->{$is_cut ? 'cuts' : 'ends'}++;
    $self->{doubtful}++ if !$is_cut && !$client->is_ended(0);
    $client->close;
    delete $self->{client};
    $self->{at} = time + ($is_cut ? 0 : 0.02);
    return;
}

sub follow_all
{
    my ($count, $seconds, @followers) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        follow($_) for @followers;
        last if !grep { ($_->{got}[-1] || 0) < $count } @followers;
        sleep 0.002;
    }
    return;
}

# What is wrong with what a follower got: '' is good.
sub wrong
{
    my ($self, $count) = @_;
    my @wrong = map { $self->{$_} ? "$self->{$_} $_" : () }
        qw(resets odd doubtful);
    my %seen;
    $seen{$_}++ for @{$self->{got}};
    my @lost = grep { !$seen{$_} } 1 .. $count;
    my @double = grep { $seen{$_} > 1 } keys %seen;
    my $last = 0;
    my $disorder = 0;
    for my $number (@{$self->{got}}) {
        $disorder++ if $number < $last;
        $last = $number;
    }
    push @wrong, @lost . ' lost' if @lost;
    push @wrong, @double . ' double' if @double;
    push @wrong, "$disorder in disorder" if $disorder;
    return join ', ', @wrong;
}

sub sum_of
{
    my ($field, @followers) = @_;
    my $sum = 0;
    $sum += $_->{$field} for @followers;
    return $sum;
}

# ---- Replay joins the live stream ------------------------------------------

sub joins
{
    my ($name, $count, $channels, $followers, $cut) = @_;
    my $start = publish_id($channels->[0], 0);
    my $pid = publisher($httpd->port, $count, $channels, batch => 9,
        name => $name, pause => 0.001);
    my $path = '/events?c=' . join '&c=', @$channels;
    my @followers = map { follower($httpd, $path, $start, cut => $cut) }
        1 .. $followers;
    follow_all($count, 60, @followers);
    waitpid $pid, 0;
    is $?, 0, "$name: $count events are published";
    is wrong($followers[$_ - 1], $count), '',
        "$name: follower $_ got each once, in order" for 1 .. $followers;
    cmp_ok sum_of('cuts', @followers), '>=', $followers * 5,
        "$name: they were cut often";
    return;
}

joins('one', 4000, ['one'], 4, 200);
joins('several', 4000, [map { "several$_" } 1 .. 7], 3, 150);

sub serving_children
{
    open my $in, '<', $httpd->root . '/logs/pids' or return 0;
    my %pids = map { /^(\d+) GET/ ? ($1 => 1) : () } <$in>;
    return scalar keys %pids;
}
cmp_ok serving_children(), '>=', 2, 'more than one child has served them';

# A long replay that is cut again and again, with nothing new.
my $large = 'x' x 2000;
my $start = publish_id('long', 'start');
publish_all('/publish',
    map { {channel => 'long', text => "$_ $large"} }
        $_ * 100 + 1 .. $_ * 100 + 100) for 0 .. 9;
my $long = follower($httpd, '/events?c=long', $start, cut => 60,
    with => {rcvbuf => 4096});
follow_all(1000, 60, $long);
is wrong($long, 1000), '', 'a replay cut in its middle loses nothing';
cmp_ok $long->{cuts}, '>=', 10, '... and it was cut there';

# ---- The server comes back -------------------------------------------------

for my $how (qw(graceful restart)) {
    my $last = publish_id('back', "before $how");
    publish($httpd, 'back', 'seen');
    ok $httpd->$how, $how;
    publish($httpd, 'back', 'new');
    is told_after('back', $last), 'open seen new', "ids resume after $how";
    my $newest = publish_id('back', 'newest');
    is told_after('back', $newest), 'open', '... the newest one, too';
}

# ---- A small journal -------------------------------------------------------

sub small_id
{
    my ($channel, $data) = @_;
    return publish_id($channel, $data, path => '/small/publish');
}

sub small
{
    my ($channels, $id) = @_;
    return subscribe($httpd, '/small/events?c=' . join('&c=', @$channels),
        headers => ["Last-Event-ID: $id"]);
}

sub flood
{
    my ($channel, $count) = @_;
    publish($httpd, $channel, 'y' x 20000, path => '/small/publish')
        for 1 .. $count;
    return;
}

my $quiet1 = small_id('quiet', 1);
my $quiet2 = small_id('quiet', 2);
my $living = small(['quiet'], $quiet1);
is join(' ', map { $_->{data} } $living->events(2, 5)), ' 2',
    'a small journal still has it';
flood('busy', 30);

$client = small(['quiet'], $quiet2);
is $client->next_event(5)->{id}, $quiet2, 'nothing was missed: no reset';
my $quiet3 = small_id('quiet', 3);
is $client->next_event(5)->{data}, 3, '... the next event follows at once';
is $living->next_event(5)->{data}, 3, '... nor for one that stayed';

$client = small(['quiet'], $quiet1);
$client->next_event(5);
$reset = $client->next_event(5);
is $reset->{event}, 'stream-reset', 'one was evicted by another channel: reset';
is $reset->{id}, $quiet3, 'with the present position';
is $reset->{data}, '{"channels":["quiet"]}', 'and its channels';
my $quiet4 = small_id('quiet', 4);
my $next = $client->next_event(5);
is $next->{data}, 4, 'live events go on, what is retained is not replayed';
is $next->{id}, $quiet4, '... with their ids';

$client = small(['quiet', 'busy'], $quiet2);
$client->next_event(5);
is $client->next_event(5)->{data}, '{"channels":["quiet","busy"]}',
    'evicted from the busy one: told who has both';
my $busy = small_id('busy', 'b');
flood('busy', 5);
$client = small(['busy'], $busy);
is $client->next_event(5)->{id}, $busy, 'what is retained is replayed';
is scalar(grep { length $_->{data} == 20000 } $client->events(5, 5)), 5,
    '... from a small journal, too';
flood('busy', 30);
is join(' ', map { $_->{event} } small(['busy'], $busy)->events(2, 5)),
    'stream-open stream-reset', 'until it is evicted';
publish($httpd, 'own', 1, id => 'mine', path => '/small/publish');
is small(['own'], 'mine')->next_event(5)->{event}, 'stream-open',
    'a publisher\'s id, before';
flood('busy', 30);
is join(' ', map { $_->{event} } small(['own'], 'mine')->events(2, 5)),
    'stream-open stream-reset', '... and after it was evicted';

# ---- Stopped, and started again --------------------------------------------

my $old = publish_id('back', 'old');
is $httpd->stop, 0, 'stopped';
unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'no error in the log';
$httpd = EventStream::Httpd->start(conf => $conf);
is told_after('back', $old), 'open reset', 'another journal: told';
my $new = publish_id('back', 'new');
is told_after('back', $new), 'open', 'and ids are good again';
# as if the clock had been set back while httpd was stopped
(my $late = $old) =~ s/^\d+/(split m{-}, $new)[0]/e;
publish($httpd, 'back', 'newer');
is told_after('back', $late), 'open reset',
    'an id of the old journal, though its time is within the new one';
like $_, qr/^\d{13}-\d{4,11}$/, "$_ is no longer than need be" for $old, $new;
$httpd->stop;

# ---- Served in turns -------------------------------------------------------

my $turns = <<'CONF';
EventStreamMaxHeld 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamTurn 200ms
    EventStreamRetry 20ms
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

SKIP: {
    skip 'this httpd has no mod_ssl', 1
        if !EventStream::Httpd->has_module('ssl');
    $httpd = EventStream::Httpd->start(
        conf => $turns, ssl => 1, mpm_conf => "StartServers 1\n"
            . "ServerLimit 1\nThreadsPerChild 25\nMaxRequestWorkers 25\n");
    $start = publish_id('tls', 0);
    my $pid = publisher($httpd->port, 600, ['tls'], batch => 2,
        name => 'tls', pause => 0.01);
    my @followers = map { follower($httpd, '/events?c=tls', $start,
        with => {tls => 1}) } 1 .. 4;
    follow_all(600, 60, @followers);
    waitpid $pid, 0;
    is $?, 0, 'TLS: all are published';
    is wrong($followers[$_ - 1], 600), '',
        "TLS: client $_ got each once, in order" for 1 .. 4;
    cmp_ok sum_of('ends', @followers), '>=', 6, 'TLS: in turns';
    $_->{client} && $_->{client}->close for @followers;
    $httpd->stop;
}

# ---- Above a limit ---------------------------------------------------------

$httpd = EventStream::Httpd->start(conf => "EventStreamMaxClients 1\n$turns");
my $first = subscribe($httpd, '/events?c=other');
$first->next_event(5);
$start = publish_id('limit', 0);
my $pid = publisher($httpd->port, 600, ['limit'], batch => 3,
    name => 'limit', pause => 0.005);
my $above = follower($httpd, '/events?c=limit', $start);
follow_all(600, 60, $above);
waitpid $pid, 0;
is $?, 0, 'a full server: all are published';
is wrong($above, 600), '', 'who is above the limit gets each, by coming again';
cmp_ok $above->{ends}, '>=', 3, '... and came often';
ok $first->is_open, 'the one within it stays';
$httpd->stop;

done_testing;
