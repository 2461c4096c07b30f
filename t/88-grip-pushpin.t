#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing through real Pushpins: proxied and direct clients receive the same
# events in the same order, whichever child publishes, also when a Pushpin is
# down for a while.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

EventStream::Pushpin->or_skip;

my $httpd = EventStream::Httpd->start(
    mpm_conf => "StartServers 3\nServerLimit 3\nThreadsPerChild 10\n"
        . "MaxRequestWorkers 30\nMinSpareThreads 1\nMaxSpareThreads 30\n",
    conf => <<'CONF');
EventStreamHub both size=8m
EventStreamGrip "http://127.0.0.1:@PORT:one@" verify-key=changeme
EventStreamGrip hub=both "http://127.0.0.1:@PORT:one@" verify-key=changeme
EventStreamGrip hub=both "http://127.0.0.1:@PORT:two@" verify-key=changeme
EventStreamGripPrefix hub=both "both-"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/both/events">
    SetHandler eventstream
    EventStreamUseHub both
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/both/publish">
    SetHandler eventstream-publish
    EventStreamUseHub both
</Location>
CONF
my ($one, $two) = map {
    EventStream::Pushpin->start(
        origin => $httpd->port, control => $httpd->port_of($_))
} qw(one two);

sub open_stream
{
    my ($where, $path, $name, %opt) = @_;
    my $client = subscribe($where, $path, %opt);
    is +($client->next_event(10) || {})->{event}, 'stream-open', $name;
    return $client;
}

sub data_of
{
    my ($client, $count) = @_;
    return [map { ($client->next_event(10) || {})->{data} } 1 .. $count];
}

# ---- One Pushpin -----------------------------------------------------------

my $proxied = open_stream($one, '/events?c=a&c=b',
    'a client opens through Pushpin');
my $direct = open_stream($httpd, '/events?c=a&c=b', 'a direct client opens');
my $answer = publish($httpd, 'a', "two\nlines", event => 'order');
is $answer->{status}, 200, 'publishing gets 200';
is $answer->{json}{grip}[0]{ok}, JSON::PP::true,
    'the answer lists Pushpin as ok';
is $proxied->next_event(10)->{raw}, $direct->next_event(10)->{raw},
    'both clients receive the same bytes';
is publish($httpd, 'b', 'b')->{status}, 200,
    'publishing to another channel gets 200';
is $proxied->next_event(10)->{data}, 'b',
    'a client of both channels receives it through Pushpin';
$direct->next_event(10);

# ---- Order -----------------------------------------------------------------

my @writers;
for my $writer (1 .. 4) {
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        my $bad = grep { publish($httpd, 'a', "$writer-$_")->{status} != 200 }
            1 .. 25;
        POSIX::_exit($bad ? 1 : 0);
    }
    push @writers, $pid;
}
my $got = data_of($proxied, 100);
my $failed = grep { waitpid($_, 0) && $? } @writers;
is $failed, 0, '4 processes publish 25 events each, over three children';
is_deeply $got, data_of($direct, 100),
    'both clients receive them in the same order';

# ---- Sizes -----------------------------------------------------------------

my $large = 'x' x 60_000;
is publish($httpd, 'a', $large)->{status}, 200,
    'an event of 60,000 bytes gets 200';
is length($proxied->next_event(10)->{data}), 60_000,
    'an event of 60,000 bytes arrives whole';
$direct->next_event(10);

# ---- The end of a channel --------------------------------------------------

my $ends = open_stream($one, '/events?c=c',
    'a client of another channel opens');
is request($httpd, 'DELETE', '/publish?channel=c')->{status}, 200,
    'the channel is closed';
ok $ends->is_ended(10), 'its stream ends at Pushpin';
ok !$ends->is_cut, 'its stream ends with its last chunk';

# ---- Two Pushpins ----------------------------------------------------------

my @clients = map { open_stream($_, '/both/events?c=a',
    'a client of each Pushpin opens') }
    $one, $two;
$answer = publish($httpd, 'a', 'both', path => '/both/publish');
is $answer->{status}, 200, 'publishing to two Pushpins gets 200';
is_deeply [map { $_->next_event(10)->{data} } @clients], [qw(both both)],
    'the clients of both receive it';

$two->stop;
$answer = publish($httpd, 'a', 'down', path => '/both/publish');
is $answer->{status}, 502, 'a Pushpin that is down is 502';
is_deeply [map { $_->{ok} ? 1 : 0 } @{$answer->{json}{grip}}], [1, 0],
    'the answer lists which one';
is $clients[0]->next_event(10)->{data}, 'down',
    'the client of the other one receives the event';
$two->restart;
is publish($httpd, 'a', 'up', path => '/both/publish')->{status}, 200,
    'Pushpin runs again: the answer is 200';
is $clients[0]->next_event(10)->{data}, 'up',
    'the client of the other one goes on';
my $resumed = open_stream($two, '/both/events?c=a',
    'a client of the restarted Pushpin opens',
    headers => ["Last-Event-ID: $answer->{json}{id}"]);
is $resumed->next_event(10)->{data}, 'up', 'it receives what it has missed';
publish($httpd, 'a', 'live', path => '/both/publish');
is $resumed->next_event(10)->{data}, 'live', 'it receives new events then';

is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
