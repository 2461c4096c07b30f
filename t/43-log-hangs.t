#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The program of a piped ErrorLog is stopped, and its pipe is full. The delivery
# and the GRIP sender have something to log all the same: streams go on, and
# proxies get their events.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Fcntl qw(O_NONBLOCK O_WRONLY);

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $BIG = 'x' x 60_000;

my $proxy = EventStream::FakeProxy->start;
my $broken = EventStream::FakeProxy->start;
my $httpd = EventStream::Httpd->start(log => 'warn', conf => <<"CONF");
ErrorLog "|\$exec cat >> '\@ROOT\@/logs/piped'"
EventStreamHub default size=1m
EventStreamHub grip size=1m
EventStreamGrip hub=grip "@{[$proxy->url]}"
EventStreamGrip hub=grip "@{[$broken->url]}"
EventStreamGripTimeout hub=grip 2
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/grip">
    SetHandler eventstream-publish
    EventStreamUseHub grip
</Location>
CONF

sub name_of
{
    my ($pid) = @_;
    my $name = EventStream::Httpd::slurp("/proc/$pid/comm");
    chomp $name;
    return $name;
}

sub piped_log { return EventStream::Httpd::slurp($httpd->root . '/logs/piped') }

my ($logger, @children);
ok $httpd->wait_for(
    sub {
        my @all = $httpd->children;
        ($logger) = grep { name_of($_) eq 'cat' } @all;
        @children = grep { name_of($_) eq name_of($httpd->pid) } @all;
        return $logger && @children == 2;
    }), 'httpd has a logger and two children' or BAIL_OUT('no children');
my ($first, $second) = @children;

# The test is not to leave a stopped process behind, however it ends.
END { kill CONT => grep { $_ } $first, $second, $logger }

# All threads stand still: none of them takes a connection any more.
sub stand_still
{
    my ($pid) = @_;
    kill STOP => $pid;
    $httpd->wait_for(
        sub {
            return !grep {
                EventStream::Httpd::slurp($_) !~ /\) [Tt] /
            } glob "/proc/$pid/task/*/stat";
        }) or die "$pid does not stop";
    return;
}

# A full pipe, whatever its size: the next write to it blocks.
sub fill
{
    my ($pid) = @_;
    sysopen my $pipe, "/proc/$pid/fd/2", O_WRONLY | O_NONBLOCK
        or die "the error log of $pid: $!";
    for my $size (4096, 1) {
        1 while syswrite $pipe, 'x' x ($size - 1) . "\n";
    }
    close $pipe;
    return;
}

$httpd->wait_until_idle;
stand_still($second);
my $client = subscribe($httpd, '/events');
is(($client->next_event(5) || {event => 'nothing'})->{event}, 'stream-open',
    'a client of the first child opens');
kill CONT => $second;
publish($httpd, 'news', 'live');
is(($client->next_event(5) || {data => 'nothing'})->{data}, 'live',
    'the delivery of the first child has the client');

stand_still($first);
is scalar(grep { publish($httpd, 'news', $BIG)->{status} == 200 } 1 .. 40), 40,
    'the ring comes round while the first child is stopped';
stand_still($logger);
fill($first);
kill CONT => $first;

my $reset = $client->next_event(10);
$reset = $client->next_event(10)
    while $reset && $reset->{event} ne 'stream-reset';
ok $reset, 'the client gets a stream-reset';
is publish($httpd, 'news', 'now')->{status}, 200, 'a publisher is served';
is(($client->next_event(10) || {data => 'nothing'})->{data}, 'now',
    'the client gets events while the error log hangs');

$broken->mode('status 500');
for my $number (1 .. 3) {
    publish($httpd, 'a', $number, path => '/grip');
}
ok $httpd->wait_for(sub { $proxy->items >= 3 }),
    'a GRIP proxy gets its events while the error log hangs';

kill CONT => $logger;
ok $httpd->wait_for(sub { piped_log() =~ /ES0302/ }),
    'the message of the delivery is written when the log goes on';
ok $httpd->wait_for(sub { piped_log() =~ /ES0630/ }),
    'and so is that of the GRIP sender';
is $httpd->stop, 0, 'httpd stops with exit status 0';
unlike piped_log(), qr/ES0008|ES0635|segfault|AH00052/, 'no thread was late';
done_testing;
