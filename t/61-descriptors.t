#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A child with 256 descriptors that has none left: clients keep their streams,
# new clients get a stream that ends, no thread spins, and when clients close
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

# One child, and room for the one that replaces it. Keep-alive connections do
# not count as workers, so that many of them use up descriptors. The server has
# a user of its own: the kernel limits descriptors that are under way between
# processes by user, and other tests send many. (Seen: no client could be handed
# over.)
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
like $httpd->error_log, qr/ES0007.*\b$MOST\b/,
    'the limit of clients is logged at start';

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
sub does_not_spin
{
    my ($pid, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = cpu($pid);
    sleep $PAUSE;
    my $used = cpu($pid) - $before;
    return cmp_ok $used, '<', $PAUSE / 10,
        "$name: no thread spins ($used s of CPU in $PAUSE s)";
}

# A connection that stays open after its answer.
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

# How many of the clients have this as their next event, apart from the empty
# ones that clients() has published.
sub received_by
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
    is $client->status, 200, "$name: one more client gets 200";
    is $client->is_ended(5), 1, "$name: its stream ends cleanly";
    like $client->bytes, qr/\n\nretry: \d+\n\z/,
        "$name: its stream ends with a retry";
    return;
}

# ---- The limit on clients of a child ---------------------------------------

does_not_spin($child, 'idle');
my @clients = map { subscribe($httpd, '/events') } 1 .. $MOST;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @clients), $MOST, "$MOST clients have a stream";
is_sent_away('at the limit of clients');
is publish($httpd, 'news', 'one')->{status}, 200,
    'at the limit of clients: publishing works';
is received_by('one', @clients), $MOST,
    'at the limit of clients: all of them receive the event';
ok static_file($httpd), 'at the limit of clients: a file is served';
does_not_spin($child, 'at the limit of clients');

# ---- One descriptor left: the connection takes it, no copy is possible -----

(pop @clients)->close;    # so that the limit of clients is not reached
wait_clients($httpd, 'news', $MOST - 1);
my @kept;
# what httpd closes a moment later leaves room for one more
wait_for(sub {
    while (descriptors_of($child) < $LIMIT - 1 && @kept < $LIMIT) {
        my $socket = keep() or last;
        push @kept, $socket;
    }
    sleep 0.3;
    return descriptors_of($child) == $LIMIT - 1;
}, 15);
is descriptors_of($child), $LIMIT - 1, 'one descriptor is left';
is_sent_away('one descriptor left');
like $httpd->error_log, qr/ES0340/, 'one descriptor left: it is logged';
does_not_spin($child, 'one descriptor left');

# ---- None left -------------------------------------------------------------

wait_for(sub { descriptors_of($child) == $LIMIT - 1 }, 5);
push @kept, keep();
is descriptors_of($child), $LIMIT, 'no descriptor is left';
like publish_over($kept[0], 'two'), qr/^HTTP\/1.1 200 /,
    'no descriptor left: publishing over an open connection works';
is received_by('two', @clients), $MOST - 1,
    'no descriptor left: all clients receive the event';
does_not_spin($child, 'no descriptor left');

# ---- httpd cannot accept: the child ends, its clients stay -----------------

is publish($httpd, 'news', 'three')->{status}, 200,
    'another child serves one more connection';
is received_by('three', @clients), $MOST - 1,
    'all clients receive its event';
is scalar(grep { $_->is_open } @clients), $MOST - 1,
    'all clients keep their streams';
ok wait_for(sub { !grep { $_ == $child } $httpd->children }, 10),
    'the child without descriptors exits';
close $_ for @kept;
ok wait_for(
    sub {
        my @now = $httpd->children;
        return @now == 1 && descriptors_of($now[0]) < $LIMIT - 8;
    }, 15), 'a single child is left, with free descriptors';
my ($new) = $httpd->children;
does_not_spin($new, 'the new child');
is publish($httpd, 'news', 'four')->{status}, 200,
    'the new child: publishing works';
is received_by('four', @clients), $MOST - 1,
    'the new child: all clients receive the event';

# ---- Below the limit again -------------------------------------------------

$_->close for @clients;
is wait_clients($httpd, 'news', 0, 10), 0,
    'clients that close are not counted any more';
my $again = subscribe($httpd, '/events');
is $again->next_event(5)->{event}, 'stream-open', 'a new client is served';
is publish($httpd, 'news', 'five')->{status}, 200, 'publishing works after all';
is $again->skip_to('message', 5)->{data}, 'five',
    'the new client receives the event';
ok static_file($httpd), 'a file is served after all';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
