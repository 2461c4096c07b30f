#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Which past events a client receives: a new client by EventStreamReplay or by
# the id "earliest", a client that reconnects within history= and age=.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

use EventStream::Client;
use EventStream::Httpd;

# each hub has paths of its own
my $hubs = join '', map { <<"CONF" } qw(few young small);
<LocationMatch "^/$_/">
    EventStreamUseHub $_
</LocationMatch>
<Location "/$_/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/$_/all">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamReplay all
</Location>
<Location "/$_/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $conf = <<"CONF";
EventStreamHub few history=3
EventStreamHub young age=1s
EventStreamHub small size=256k
$hubs
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<LocationMatch "^/(all|one|two)">
    EventStreamReplay ALL
    SetHandler eventstream
    EventStreamChannel "{?c}"
</LocationMatch>
<Location "/one">
    EventStreamReplay 1
</Location>
<Location "/two">
    EventStreamReplay 2
    <If "%{QUERY_STRING} =~ /nothing/">
        EventStreamReplay none
    </If>
</Location>
CONF

my $httpd = EventStream::Httpd->start(conf => $conf);

sub publish_id
{
    my ($channel, $data, $hub) = @_;
    return publish($httpd, $channel, $data, path => ($hub || '') . '/publish')
        ->{json}{id};
}

# What a client receives that subscribes in this way, up to a mark that is
# published after it subscribed: "open 1 2", "open reset".
my $marks = 0;

sub received
{
    my ($path, @headers) = @_;
    my ($hub, $channel) = $path =~ m{^((?:/few|/young|/small)?)/.*?c=([^&]*)};
    my $client = subscribe($httpd, $path, headers => \@headers);
    my $mark = 'mark' . ++$marks;
    my @received;
    publish_id($channel, $mark, $hub);
    while (my $event = $client->next_event(30)) {
        last if $event->{data} eq $mark;
        push @received, $event->{event} eq 'message'
            ? $event->{data} : $event->{event} =~ /^stream-(.*)/;
    }
    return join ' ', @received;
}

# ---- New clients -----------------------------------------------------------

sub fill
{
    my ($channel, $hub) = @_;
    return map { publish_id($channel, $_, $hub) } 1 .. 5;
}

is received('/all?c=empty'), 'open', 'an empty channel has nothing to replay';
my @id = fill('a');
is received('/events?c=a'), 'open', 'the preset replays nothing';
@id = fill('b');
is received('/two?c=b'), 'open 4 5',
    'EventStreamReplay 2 replays the latest two';
@id = fill('c');
is received('/all?c=c'), 'open 1 2 3 4 5', 'EventStreamReplay all replays all';
@id = fill('d');
is received('/two?c=d&nothing'), 'open',
    'EventStreamReplay none holds in an inner section';
@id = fill('e');
is received('/all?c=e', "Last-Event-ID: $id[2]"), 'open 4 5',
    'a Last-Event-ID goes before EventStreamReplay';
@id = fill('f');
is received("/all?c=f&lastEventId=$id[3]"), 'open 5',
    'an id in the query goes before EventStreamReplay';
is received('/all?c=f', 'Last-Event-ID: unknown'), 'open reset',
    'an unknown id goes before EventStreamReplay, too';
@id = fill('g');
is received('/all?c=g', 'Last-Event-ID: '), 'open 1 2 3 4 5',
    'an empty Last-Event-ID does not';

# ---- The id "earliest" -----------------------------------------------------

@id = fill('h');
is received('/events?c=h&lastEventId=earliest'), 'open 1 2 3 4 5',
    'lastEventId=earliest replays all';
@id = fill('i');
is received('/events?c=i&last-event-id=earliest'), 'open 1 2 3 4 5',
    'last-event-id=earliest replays all';
@id = fill('j');
is received('/one?c=j', 'Last-Event-ID: earliest'), 'open 1 2 3 4 5',
    'Last-Event-ID: earliest replays all';
@id = fill('k');
is received("/events?c=k&lastEventId=earliest", "Last-Event-ID: $id[3]"),
    'open 5',
    'an EventSource that reconnects to that URL sends its last id, which wins';
is received('/events?c=none&lastEventId=earliest'), 'open',
    'earliest in an empty channel replays nothing';
my $refused = publish($httpd, 'h', 'x', id => 'earliest');
is $refused->{status}, 400, 'an event with the id earliest is refused';
like $refused->{body}, qr/'earliest'/, 'the answer names that id';

# ---- stream-open -----------------------------------------------------------

@id = fill('l');
my $client = subscribe($httpd, '/two?c=l');
my $open = $client->next_event(5);
is $open->{event}, 'stream-open', 'the stream opens';
is join(' ', map { $_->{id} } $client->events(2, 5)), "@id[3, 4]",
    'replayed events have their ids';
is received('/two?c=l', "Last-Event-ID: $open->{id}"), 'open 4 5',
    'a client that is cut after stream-open resumes before the replay';

# ---- Several channels ------------------------------------------------------

publish_id('quiet', $_) for qw(q1 q2);
fill('busy');
publish_id('quiet', 'q3');
publish_id('busy', 6);
is received('/two?c=busy&c=quiet&c=unused'), 'open q2 5 q3 6',
    'the latest two of each channel are replayed in order';
publish($httpd, 'x', 'x1');
my $answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'], body =>
        '[{"channel": ["x", "y"], "text": "xy"}, {"channel": "x", "text": "x2"},
          {"channel": "y", "text": "y2"}]');
is $answer->{status}, 200, 'an event is published to two channels';
is received('/two?c=x&c=y'), 'open xy x2 y2',
    'an event of two channels is replayed once';

# ---- history= --------------------------------------------------------------

@id = fill('a', '/few');
is received('/few/events?c=a', "Last-Event-ID: $id[4]"), 'open',
    'history= is no limit where nothing was missed';
@id = fill('b', '/few');
is received('/few/events?c=b', "Last-Event-ID: $id[1]"), 'open 3 4 5',
    'as many missed events as history= allows are replayed';
@id = fill('c', '/few');
is received('/few/events?c=c', "Last-Event-ID: $id[0]"), 'open reset',
    'one more missed event gets a reset';
@id = fill('d', '/few');
is received('/few/all?c=d'), 'open 3 4 5',
    'EventStreamReplay all stays within history=';
@id = fill('e', '/few');
is received('/few/events?c=e&lastEventId=earliest'), 'open 3 4 5',
    'earliest stays within history=';
@id = fill('f', '/few');
publish_id('other', $_, '/few') for 1 .. 9;
is received('/few/events?c=f', "Last-Event-ID: $id[1]"), 'open 3 4 5',
    'events of other channels do not count for history=';

# ---- age= ------------------------------------------------------------------

my $young = publish_id('a', 'old', '/young');
publish_id('d', 'old', '/young');
# an age is taken from the clock: this event is past it
sleep 1.1;
is received('/young/all?c=a'), 'open',
    'EventStreamReplay leaves out events older than age=';
$client = subscribe($httpd, '/young/events?c=d&lastEventId=earliest');
is $client->next_event(5)->{event}, 'stream-open',
    'earliest leaves out events older than age=';
publish_id('d', 'new', '/young');
is $client->next_event(5)->{data}, 'new', 'live events follow at once';
is received('/young/events?c=b', "Last-Event-ID: $young"), 'open',
    'an old id is good as long as nothing was missed';
my $known = publish_id('c', 'known', '/young');
publish_id('c', 'missed', '/young');
sleep 1.1;
is received('/young/events?c=c', "Last-Event-ID: $known"), 'open reset',
    'a missed event older than age= gets a reset';

# ---- Ceilings follow the configuration -------------------------------------

# Waits until the old children have exited: they accept for a while besides the
# new ones, with the old ceilings.
sub renew
{
    my ($text) = @_;
    my %old = map { ($_ => 1) } $httpd->children;
    $httpd->rewrite_conf($text);
    return $httpd->graceful && $httpd->wait_for(
        sub { my @now = $httpd->children; @now && !grep { $old{$_} } @now },
        30);
}

@id = fill('late');
(my $tight = $conf) =~ s/^/EventStreamHub default history=2 age=1h\n/;
ok renew($tight), 'graceful with a lower ceiling';
is received('/events?c=late', "Last-Event-ID: $id[2]"), 'open 4 5',
    'after graceful the lower ceiling allows two missed events';
is received('/events?c=late', "Last-Event-ID: $id[1]"), 'open reset',
    'after graceful the lower ceiling does not allow three';
ok renew($conf), 'graceful with the first ceiling';
is received('/events?c=late', "Last-Event-ID: $id[2]"),
    'open 4 5 mark' . ($marks - 2) . ' mark' . ($marks - 1),
    'without the lower ceiling all events are replayed again';

# ---- Replay joins the live stream ------------------------------------------

# Publishes from 1 to count, nine at a time, into these channels in turn.
sub publisher
{
    my ($count, @channels) = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return $pid if $pid;
    for (my $next = 1; $next <= $count; $next += 9) {
        my @batch = map { {channel => $channels[$_ % @channels],
            text => "$_ " . '.' x ($_ * 7 % 300)} } $next .. $next + 8;
        my $done = request($httpd, 'POST', '/publish',
            headers => ['Content-Type: application/json'],
            body => JSON::PP::encode_json(\@batch));
        POSIX::_exit(1) if $done->{status} != 200;
    }
    POSIX::_exit(0);
}

# What is wrong with the events of a client up to $count: '' is good.
sub faults_of
{
    my ($count, $from, $path) = @_;
    my $new = subscribe($httpd, $path);
    my ($first, $last);
    while (my $event = $new->next_event(20)) {
        return 'a reset' if $event->{event} eq 'stream-reset';
        next if $event->{event} ne 'message';
        my ($number) = $event->{data} =~ /^(\d+)/;
        $first = $number if !defined $first;
        return "$number after $last" if defined $last && $number != $last + 1;
        $last = $number;
        last if $number >= $count;
    }
    return 'not all' if !defined $last || $last < $count;
    return $first == $from || !$from ? '' : "from $first";
}

for my $case (['all', 1, 'j1'], ['all', 1, map { "k$_" } 1 .. 7],
    ['two', 0, 'l1'])
{
    my ($path, $from, @channels) = @$case;
    my $count = 5994;
    my $query = join '&', map { "c=$_" } @channels;
    my $pid = publisher($count, @channels);
    my @readers;
    for my $i (1 .. 8) {
        my $reader = fork;
        die "fork: $!" if !defined $reader;
        if (!$reader) {
            sleep 0.04 * $i;
            my $wrong = faults_of($count, $from, "/$path?$query");
            print STDERR "# reader $i: $wrong\n" if $wrong;
            POSIX::_exit($wrong ? 1 : 0);
        }
        push @readers, $reader;
    }
    waitpid $pid, 0;
    is $?, 0, "/$path, " . @channels . ' channel(s): all events are published';
    my $bad = 0;
    for (@readers) {
        waitpid $_, 0;
        $bad++ if $?;
    }
    is $bad, 0, "/$path, " . @channels . ' channel(s): each of 8 clients '
        . 'receives replay and live events in one sequence';
}

# The journal wraps around all the time. The id "earliest" gets no reset, since
# it does not name an event that could be missed.
my $flood = fork;
die "fork: $!" if !defined $flood;
if (!$flood) {
    for my $i (1 .. 200) {
        publish($httpd, 'flood', "$i " . 'x' x 5000, path => '/small/publish');
        # what is evicted before a new client's turn comes was missed: the
        # journal has room for two seconds
        sleep 0.04;
    }
    POSIX::_exit(0);
}
my @began;
for my $i (1 .. 10) {
    my $new = subscribe($httpd, '/small/events?c=flood&lastEventId=earliest');
    my @first = $new->events(2, 20);
    push @began, $first[1]{event};
    sleep 0.6;
}
waitpid $flood, 0;
is "@began", join(' ', ('message') x 10),
    'earliest gets no reset while the journal wraps around';

$httpd->stop;

# ---- Clients that hold a worker, or are above a limit -----------------------

my $limits = "EventStreamMaxClients 1\n$conf";
SKIP: {
    skip 'this httpd has no mod_ssl', 1
        if !EventStream::Httpd->has_module('ssl');
    $httpd = EventStream::Httpd->start(conf => $conf, ssl => 1);
    fill('tls');
    my $tls = subscribe($httpd, '/two?c=tls', tls => 1);
    is join(' ', map { $_->{data} } $tls->events(3, 5)), ' 4 5',
        'a client over TLS gets its replay';
    publish($httpd, 'tls', 'live');
    is $tls->next_event(5)->{data}, 'live',
        'a client over TLS gets live events after it';
    $tls->close;
    $httpd->stop;
}
$httpd = EventStream::Httpd->start(conf => $limits);
my $first = subscribe($httpd, '/events?c=z');
$first->next_event(5);
fill('above');
$client = subscribe($httpd, '/two?c=above');
is join(' ', map { $_->{data} } $client->events(3, 5)), ' 4 5',
    'a client above a limit gets its replay';
$httpd->stop;

# ---- Mistakes --------------------------------------------------------------

my %mistakes = (
    'EventStreamReplay some' => qr/takes none, all, or a number/,
    'EventStreamReplay 0' => qr/takes none, all, or a number/,
    'EventStreamReplay 1000001' => qr/takes none, all, or a number/,
    'EventStreamReplay -1' => qr/takes none, all, or a number/,
    'EventStreamReplay 1x' => qr/takes none, all, or a number/,
    'EventStreamHub a history=0' => qr/history= takes a number of events/,
    'EventStreamHub a history=x' => qr/history= takes a number of events/,
    'EventStreamHub a history=99999999999' => qr/history= takes a number/,
    'EventStreamHub a age=0' => qr/age= takes a time/,
    'EventStreamHub a age=soon' => qr/age= takes a time/,
    'EventStreamHub a age=366d' => qr/age= takes a time/,
    'EventStreamHub a populate=1' => qr/populate= takes on or off/,
    'EventStreamHub a sise=1m' => qr/unknown parameter 'sise=1m'/,
);
for my $line (sort keys %mistakes) {
    my ($ok, $text) = EventStream::Httpd->config_test("$line\n");
    ok !$ok, "refused: $line";
    like $text, $mistakes{$line}, "refused with the reason: $line";
}
my ($ok, $text) = EventStream::Httpd->config_test(
    "EventStreamHub a history=1 age=1s\nEventStreamHub b age=8760h\n"
    . "EventStreamReplay 1000000\n");
ok $ok, 'values at their limits are accepted' or diag $text;

done_testing;
