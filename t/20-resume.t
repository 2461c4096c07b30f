#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Resuming: a client that reconnects with the id of the last event it saw
# receives what it has missed, each event once and in order, and then new
# events; if events may be missing, it gets stream-reset.

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

# What a client receives that subscribes in this way, in short: "open 1 2",
# "open reset". A mark that is published after it subscribed ends the list.
my $marks = 0;

sub received
{
    my ($channel, $query, @headers) = @_;
    my $path = "/events?c=$channel$query";
    my $client = subscribe($httpd, $path, headers => \@headers);
    my $mark = 'mark' . ++$marks;
    publish($httpd, $channel =~ /^([^&]*)/, $mark);
    my @received;
    while (my $event = $client->next_event(5)) {
        last if $event->{data} eq $mark;
        push @received, $event->{event} eq 'message'
            ? $event->{data} : $event->{event} =~ /^stream-(.*)/;
    }
    # marks of other calls do not count
    return join ' ', grep { !/^mark/ } @received;
}

sub received_after
{
    my ($channel, $id) = @_;
    return received($channel, '', "Last-Event-ID: $id");
}

# ---- Where the id comes from -----------------------------------------------

my @id = map { publish_id('a', $_) } 0 .. 4;

is received('a', ''), 'open', 'no id: no replay, no reset';
is received_after('a', $id[0]), 'open 1 2 3 4',
    'Last-Event-ID resumes after that event';
is received_after('a', $id[3]), 'open 4', 'the last id but one gets one event';
is received('a', "&lastEventId=$id[2]"), 'open 3 4',
    'the parameter lastEventId resumes';
is received('a', "&last-event-id=$id[2]"), 'open 3 4',
    'the parameter last-event-id resumes';
for my $name ('Last-Event-ID', 'lastEventID', 'last_event_id', 'LASTEVENTID') {
    is received('a', "&$name=$id[2]"), 'open 3 4',
        "the parameter $name resumes";
}
is received('a', "&lastEventId=$id[1]&lastEventId=$id[3]"), 'open 4',
    'of two parameters the last one counts';
is received('a', "&last-event-id=$id[3]&lastEventId=$id[1]"), 'open 2 3 4',
    'in whatever spelling';
is received('a', "&lastEventId=$id[3]&lastEventId="), 'open 4',
    'an empty one does not count';
is received('a', "&lastEventId=%20$id[2]+"), 'open 3 4',
    'blanks around an id do not matter';
(my $encoded = $id[2]) =~ s/-/%2D/;
is received('a', "&lastEventId=$encoded"), 'open 3 4', 'an encoded id resumes';
is received('a', "&lastEventId=$id[1]", "Last-Event-ID: $id[3]"), 'open 4',
    'the header wins over lastEventId';
is received('a', "&last-event-id=$id[1]", "Last-Event-ID: $id[3]"), 'open 4',
    'the header wins over last-event-id';
is received('a', "&lastEventId=$id[2]", 'Last-Event-ID: '), 'open 3 4',
    'an empty header does not hide the parameter';
is received('a', '&lastEventId='), 'open', 'an empty parameter is no id';
is received('a', "&lastEventId=&last-event-id=$id[2]"), 'open 3 4',
    'an empty lastEventId does not hide last-event-id';

my $open = subscribe($httpd, '/events?c=a',
    headers => ["Last-Event-ID: $id[2]"])->next_event(5);
is $open->{event}, 'stream-open', 'a resumed stream opens';
is $open->{id}, $id[2], 'stream-open has the id that the client sent';
my $fresh = subscribe($httpd, '/events?c=a')->next_event(5)->{id};
is received_after('b', $fresh), 'open',
    'resuming with the id of stream-open replays nothing';
my $b = publish_id('b', 'b1');
is received_after('b', $fresh), 'open b1',
    'resuming with it later replays what came since';
is received_after('a', $fresh), 'open',
    'resuming with it replays events of its channels only';

# ---- Ids after which events may be missing ---------------------------------

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
is received_after('b', $unknown{$_}), 'open reset', "an id gets a reset: $_"
    for sort keys %unknown;
is received('b', '&lastEventId=a%0Ad%00%0D'), 'open reset',
    'an id gets a reset: line ends';
is received('b', '&lastEventId=error'), 'open reset',
    'an id gets a reset: the word error';

my $present = publish_id('other', 'x');
my $client = subscribe($httpd, '/events?c=b&c=%22%C3%A4&c=a',
    headers => ['Last-Event-ID: 1-0']);
$client->next_event(5);
my $reset = $client->next_event(5);
is $reset->{event}, 'stream-reset', 'an id that is not known gets stream-reset';
like $reset->{id}, qr/^\d{13}-\d+$/, 'stream-reset has an id';
is $reset->{id}, $present, 'its id is the present position';
is_deeply JSON::PP::decode_json($reset->{data}),
    {channels => ['b', "\"\x{e4}", 'a']}, 'its data list the channels';
publish($httpd, 'b', 'live');
is $client->next_event(5)->{data}, 'live', 'live events follow the reset';
is received_after('b', $reset->{id}), 'open live',
    'the id of stream-reset resumes';

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
is received('m1&c=m2', "&lastEventId=$before"), 'open both second again first',
    'an event of two channels is replayed once, in order';
is received_after('m2', $before), 'open both second again',
    'a client of one of the channels gets the same event';

my @many = map { "many$_" } 1 .. 90;
$before = publish_id('many1', 'before');
publish($httpd, $_, $_) for reverse @many[0, 40, 63, 64, 65, 89];
is received(join('&c=', @many), "&lastEventId=$before"),
    'open many90 many66 many65 many64 many41 many1',
    'ninety channels are replayed in order';

# ---- Publishers' ids -------------------------------------------------------

publish($httpd, 'own1', 1, id => 'one');
publish($httpd, 'own1', 2, id => 'two');
publish($httpd, 'own1', 3);
publish($httpd, 'own2', 1, id => 'two');
publish_all('/publish',
    {channel => ['own1', 'own2'], text => 'shared', id => 'shared'},
    {channel => 'own1', text => 'a', id => "caf\x{e9} 1/2, 3"},
    {channel => 'own1', text => 'z'});
is received_after('own1', 'one'), 'open 2 3 shared a z',
    'a publisher\'s id resumes';
is received_after('own1', 'two'), 'open 3 shared a z',
    'another publisher\'s id resumes';
is received_after('own1&c=own2', 'one'), 'open 2 3 1 shared a z',
    'an id that one of two channels has resumes';
is received_after('own1&c=own2', 'two'), 'open reset',
    'an id that both channels have gets a reset';
is received_after('own1&c=own2', 'shared'), 'open a z',
    'the id of one event of both channels resumes';
is received_after('own2', 'one'), 'open reset',
    'an id of another channel gets a reset';
is received_after('own1', "caf\xc3\xa9 1/2, 3"), 'open z',
    'a publisher\'s id may be any text';
is received_after('own1', "caf\xe9 1/2, 3"), 'open z',
    'an id in Latin-1, as fetch() sends it, resumes';
is received('own1', '&lastEventId=caf%E9+1%2F2%2C%203'), 'open z',
    'an id in Latin-1 resumes in the query, too';
is received('own1', '&lastEventId=caf%C3%A9+1%2F2%2C%203'), 'open z',
    'any text resumes in the query, too';
$client = subscribe($httpd, '/events?c=own1',
    headers => ['Last-Event-ID: shared']);
$open = $client->next_event(5)->{id};
like $open, qr/^\d{13}-\d+$/, 'stream-open has our id of that event';
is received_after('own1', $open), 'open a z',
    'our id resumes after the same event';

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
# channels in turn. Every seventh has an id of its publisher.
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

# A follower does as an EventSource does, but loses its connection often, and
# with it what has arrived and is not yet read.
sub follower
{
    my ($where, $path, $id, %opt) = @_;
    return {
        where => $where, path => $path, id => $id, opt => \%opt, got => [],
        resets => 0, wrong_opens => 0, cuts => 0, ends => 0, unclean_ends => 0,
        at => 0,
    };
}

sub reconnect
{
    my ($self) = @_;
    return if time < $self->{at};
    my %opt = %{$self->{opt}{with} || {}};
    $self->{client} = subscribe($self->{where}, $self->{path}, %opt,
        headers => ["Last-Event-ID: $self->{id}"]);
    $self->{sent} = $self->{id};
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
        my $sent = delete $self->{sent};
        $self->{wrong_opens}++ if $sent =~ /^\d+-\d+$/ && $event->{id} ne $sent;
    }
    $self->{id} = $event->{id} if defined $event->{id};
    return;
}

# Reads what has arrived, up to the next cut.
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
    $self->{unclean_ends}++ if !$is_cut && !$client->is_ended(0);
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

# What is wrong with the events of a follower: '' is good.
sub faults_of
{
    my ($self, $count) = @_;
    my @faults = map { $self->{$_} ? "$self->{$_} $_" : () }
        qw(resets wrong_opens unclean_ends);
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
    push @faults, @lost . ' lost' if @lost;
    push @faults, @double . ' double' if @double;
    push @faults, "$disorder in disorder" if $disorder;
    return join ', ', @faults;
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
    is faults_of($followers[$_ - 1], $count), '',
        "$name: follower $_ received each event once, in order"
        for 1 .. $followers;
    cmp_ok sum_of('cuts', @followers), '>=', $followers * 5,
        "$name: the followers were cut often";
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
cmp_ok serving_children(), '>=', 2,
    'more than one child has served the followers';

# A long replay that is cut again and again, without new events.
my $large = 'x' x 2000;
my $start = publish_id('long', 'start');
publish_all('/publish',
    map { {channel => 'long', text => "$_ $large"} }
        $_ * 100 + 1 .. $_ * 100 + 100) for 0 .. 9;
my $long = follower($httpd, '/events?c=long', $start, cut => 60,
    with => {rcvbuf => 4096});
follow_all(1000, 60, $long);
is faults_of($long, 1000), '',
    'a client that is cut in the middle of a replay loses nothing';
cmp_ok $long->{cuts}, '>=', 10, 'it was cut there often';

# ---- The server comes back -------------------------------------------------

for my $how (qw(graceful restart)) {
    my $last = publish_id('back', "before $how");
    publish($httpd, 'back', 'seen');
    ok $httpd->$how, "$how succeeds";
    publish($httpd, 'back', 'new');
    is received_after('back', $last), 'open seen new',
        "an id from before $how resumes";
    my $newest = publish_id('back', 'newest');
    is received_after('back', $newest), 'open',
        "the newest id resumes after $how";
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
my $stayed = small(['quiet'], $quiet1);
is join(' ', map { $_->{data} } $stayed->events(2, 5)), ' 2',
    'an event that a small journal still has is replayed';
flood('busy', 30);

$client = small(['quiet'], $quiet2);
is $client->next_event(5)->{id}, $quiet2,
    'after events of other channels only there is no reset';
my $quiet3 = small_id('quiet', 3);
is $client->next_event(5)->{data}, 3, 'the next event follows at once';
is $stayed->next_event(5)->{data}, 3, 'a client that stayed receives it, too';

$client = small(['quiet'], $quiet1);
$client->next_event(5);
$reset = $client->next_event(5);
is $reset->{event}, 'stream-reset',
    'an event that another channel evicted gets a reset';
is $reset->{id}, $quiet3, 'the reset has the present position';
is $reset->{data}, '{"channels":["quiet"]}', 'the reset lists the channel';
my $quiet4 = small_id('quiet', 4);
my $next = $client->next_event(5);
is $next->{data}, 4, 'after a reset live events follow, and no replay';
is $next->{id}, $quiet4, 'live events after a reset have their ids';

$client = small(['quiet', 'busy'], $quiet2);
$client->next_event(5);
is $client->next_event(5)->{data}, '{"channels":["quiet","busy"]}',
    'a client of two channels gets a reset when one has evicted';
my $busy = small_id('busy', 'b');
flood('busy', 5);
$client = small(['busy'], $busy);
is $client->next_event(5)->{id}, $busy,
    'a position that the journal has is accepted';
is scalar(grep { length $_->{data} == 20000 } $client->events(5, 5)), 5,
    'a small journal replays what it has';
flood('busy', 30);
is join(' ', map { $_->{event} } small(['busy'], $busy)->events(2, 5)),
    'stream-open stream-reset',
    'the same position gets a reset when its event is evicted';
publish($httpd, 'own', 1, id => 'mine', path => '/small/publish');
is small(['own'], 'mine')->next_event(5)->{event}, 'stream-open',
    'a publisher\'s id resumes while its event is kept';
flood('busy', 30);
is join(' ', map { $_->{event} } small(['own'], 'mine')->events(2, 5)),
    'stream-open stream-reset',
    'a publisher\'s id gets a reset when its event is evicted';

# ---- Stopped and started ---------------------------------------------------

my $old = publish_id('back', 'old');
is $httpd->stop, 0, 'httpd stops with exit status 0';
unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'the error log has no error';
$httpd = EventStream::Httpd->start(conf => $conf);
is received_after('back', $old), 'open reset',
    'an id of the journal before the stop gets a reset';
my $new = publish_id('back', 'new');
is received_after('back', $new), 'open', 'an id of the new journal resumes';
# as if the clock was set back while httpd was stopped
(my $late = $old) =~ s/^\d+/(split m{-}, $new)[0]/e;
publish($httpd, 'back', 'newer');
is received_after('back', $late), 'open reset',
    'an id of the old journal gets a reset, even if its time is in the new one';
like $_, qr/^\d{13}-\d{4,11}$/, "$_ is as short as it can be" for $old, $new;
$httpd->stop;

# ---- Served in turns -------------------------------------------------------

my $turns = <<'CONF';
EventStreamMaxHeld 1
EventStreamDetachTLS off
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
    is $?, 0, 'TLS: all events are published';
    is faults_of($followers[$_ - 1], 600), '',
        "TLS: client $_ received each event once, in order" for 1 .. 4;
    cmp_ok sum_of('ends', @followers), '>=', 6,
        'TLS: the clients were served in turns';
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
is $?, 0, 'above a limit: all events are published';
is faults_of($above, 600), '',
    'above a limit: a client receives each event by reconnecting';
cmp_ok $above->{ends}, '>=', 3, 'above a limit: it reconnected often';
ok $first->is_open, 'the client within the limit stays';
$httpd->stop;

done_testing;
