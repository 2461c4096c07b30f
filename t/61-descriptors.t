#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A child with 256 descriptors, and no more left: those who have a stream keep
# it, others are asked to come back, no thread spins, and when clients leave
# all is as before.

use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $LIMIT = 256;
my $MOST = $LIMIT * 3 / 4;    # streams of a child: see ES0007
my $HERTZ = 100;              # of the times in /proc
my $PAUSE = 1.5;

# One child, and room for the one that takes its place. Keep-alive connections
# do not count as workers, so that many of them use up descriptors. A user of
# its own: the kernel limits descriptors on their way between processes by user,
# and other tests send many. (Seen: no client could move to another child.)
my $httpd = EventStream::Httpd->start(
    descriptors => $LIMIT, user => 'daemon',
    files => {'page.txt' => "a page\n"},
    modules => ['status'], mpm_conf => <<'MPM',
StartServers 1
ServerLimit 2
ThreadsPerChild 10
MaxRequestWorkers 20
MinSpareThreads 1
MaxSpareThreads 20
AsyncRequestWorkerFactor 100
KeepAliveTimeout 300
MaxKeepAliveRequests 0
MPM
    conf => status_conf() . <<'CONF');
EventStreamDrain 1
<Directory "/">
    AllowOverride None
</Directory>
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamRetry 2
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my ($child) = $httpd->children;
like $httpd->error_log, qr/ES0007: .* at most $MOST clients in a child/,
    'the limit is told at start';

sub descriptors_of
{
    my ($pid) = @_;
    opendir my $dir, "/proc/$pid/fd" or return -1;
    return scalar grep { /^\d+$/ } readdir $dir;
}

# Seconds of CPU that a process has used.
sub cpu
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return -1;
    my @fields = split ' ', (<$in> =~ s/.*\) //r);
    return ($fields[11] + $fields[12]) / $HERTZ;
}

# A loop that spins takes all of a core, or its share of a busy machine.
sub is_calm
{
    my ($pid, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = cpu($pid);
    sleep $PAUSE;
    my $used = cpu($pid) - $before;
    return cmp_ok $used, '<', $PAUSE / 10,
        "$name: no spin ($used s of CPU in $PAUSE s)";
}

# A connection that stays after its answer.
sub keep
{
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $httpd->port, Timeout => 5)
        or return;
    ask($socket, "OPTIONS /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return $socket;
}

sub ask
{
    my ($socket, $request) = @_;
    print {$socket} $request;
    my $in = '';
    vec($in, fileno $socket, 1) = 1;
    select($in, undef, undef, 5) or return '';
    sysread $socket, my $answer, 4096;
    return $answer // '';
}

sub publish_over
{
    my ($socket, $text) = @_;
    return ask($socket, "POST /publish?channel=news HTTP/1.1\r\n"
        . "Host: localhost\r\nContent-Type: text/plain\r\nContent-Length: "
        . length($text) . "\r\n\r\n$text");
}

# How many of the clients have this as their next event; what is asked for
# counts (clients) has published nothing but empty ones.
sub heard
{
    my ($text, @clients) = @_;
    my $count = 0;
    for my $client (@clients) {
        my $event;
        do {
            $event = $client->next_event(5);
        } while ($event && $event->{data} eq '');
        $count++ if $event && $event->{data} eq $text;
    }
    return $count;
}

sub is_sent_away
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, '/events');
    is $client->status, 200, "$name: another one gets a stream";
    is $client->is_ended(5), 1, '... that ends cleanly';
    like $client->bytes, qr/\nretry: \d+\n\n\z/, '... and says come back';
    return;
}

# ---- The limit on clients of a child ---------------------------------------

is_calm($child, 'idle');
my @clients = map { subscribe($httpd, '/events') } 1 .. $MOST;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @clients), $MOST, "$MOST clients have a stream";
is_sent_away('at the limit');
is publish($httpd, 'news', 'one')->{status}, 200, '... publishing works';
is heard('one', @clients), $MOST, '... and is heard by all';
ok static_file($httpd), '... a file is served';
is_calm($child, '... idle');

# ---- One descriptor left: it takes the connection, not its copy ------------

(pop @clients)->close;    # so that the limit on clients is not met
wait_clients($httpd, 'news', $MOST - 1);
my @kept;
while (descriptors_of($child) < $LIMIT - 1 && @kept < $LIMIT) {
    my $socket = keep() or last;
    push @kept, $socket;
}
is descriptors_of($child), $LIMIT - 1, 'one descriptor is left';
is_sent_away('no descriptor to detach with');
like $httpd->error_log, qr/ES0340/, '... it is told';
is_calm($child, '... one descriptor left');

# ---- None left -------------------------------------------------------------

wait_for(sub { descriptors_of($child) == $LIMIT - 1 }, 5);
push @kept, keep();
is descriptors_of($child), $LIMIT, 'none is left';
like publish_over($kept[0], 'two'), qr/^HTTP\/1.1 200 /,
    '... publishing over an open connection works';
is heard('two', @clients), $MOST - 1, '... all clients hear it';
is_calm($child, '... none left');

# ---- httpd cannot accept: the child goes, its clients stay -----------------

is publish($httpd, 'news', 'three')->{status}, 200,
    'one more connection is served, by another child';
is heard('three', @clients), $MOST - 1, '... all clients hear of it';
is scalar(grep { $_->is_open } @clients), $MOST - 1, '... over their stream';
ok wait_for(sub { !grep { $_ == $child } $httpd->children }, 10),
    '... the child without descriptors is gone';
close $_ for @kept;
ok wait_for(
    sub {
        my @now = $httpd->children;
        return @now == 1 && descriptors_of($now[0]) < $LIMIT - 8;
    }, 15), '... and a new one has room';
my ($new) = $httpd->children;
is_calm($new, '... the new one');
is publish($httpd, 'news', 'four')->{status}, 200, '... publishing works';
is heard('four', @clients), $MOST - 1, '... all clients hear it';

# ---- Back under it ---------------------------------------------------------

$_->close for @clients;
is wait_clients($httpd, 'news', 0, 10), 0, 'when all have left';
my $again = subscribe($httpd, '/events');
is $again->next_event(5)->{event}, 'stream-open', '... one comes';
is publish($httpd, 'news', 'five')->{status}, 200, '... publishing works';
is $again->skip_to('message', 5)->{data}, 'five', '... it is served';
ok static_file($httpd), '... and a file';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
