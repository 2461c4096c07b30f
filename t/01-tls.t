#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The library that makes clients over TLS of a test's sockets: what a plain
# socket would not show is not hidden, and all else is as with plain ones.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

BEGIN { $ENV{ES_TEST_TLS} ||= '1.3' }

use IO::Select;
use IO::Socket::INET;
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Tls;

my $text = join '', map { "line $_\n" } 1 .. 2000;
my $httpd = EventStream::Httpd->start(
    module => 0, files => {'hello.txt' => $text}, conf => '');

# ---- A relay between client and server, which sees the wire ----------------

my @relays;
END {
    local $?;
    kill KILL => @relays if @relays;
}

# Carries one connection, and changes each record of the server: $change gets it
# and the number of bytes before it, and returns what is sent instead, undef to
# close both. Returns the port, which speaks TLS as far as this test knows.
sub relay
{
    my ($change) = @_;
    my $listen = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "no free port: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        delete $ENV{ES_TLS_PORTS};
        my $client = $listen->accept;
        my $server = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $httpd->port);
        carry($client, $server, $change) if $client && $server;
        POSIX::_exit(0);
    }
    push @relays, $pid;
    EventStream::Tls::listens($listen->sockport);
    return $listen->sockport;
}

# A record with its head; undef at the end.
sub record
{
    my ($from) = @_;
    my $bytes = '';
    my $left = 5;
    while ($left > 0) {
        sysread $from, $bytes, $left, length $bytes or return;
        $left = 5 - length $bytes;
        $left = 5 + unpack('x3 n', $bytes) - length $bytes if $left <= 0;
    }
    return $bytes;
}

sub carry
{
    my ($client, $server, $change) = @_;
    my $select = IO::Select->new($client, $server);
    my $count = 0;    # bytes of the server
    while (1) {
        for my $from ($select->can_read) {
            my $bytes = record($from) // return;
            if ($from == $server) {
                $bytes = $change->($bytes, $count) // return;
                $count += length $bytes;
            }
            syswrite $from == $server ? $client : $server, $bytes;
        }
    }
    return;
}

# ---- What is as with plain sockets ------------------------------------------

my $answer = get(relay(sub {
    return $_[0] =~ /HTTP|line/ ? undef : $_[0];    # readable: cut
}), '/hello.txt');
ok $answer->{body} eq $text,
    'an answer arrives, and nothing of it is readable on the wire';

my $client = subscribe($httpd, '/hello.txt', head => 0);
my @sizes = map { $client->fill(5, 10) } 1 .. 100;
is_deeply \@sizes, [(10) x 100],
    'a test that reads ten bytes at a time gets no more';
ok $client->read_head(10) && $client->is_ended(10) && $client->bytes eq $text,
    'it gets all of them';
ok !$client->fill(0.1), 'then there is nothing to read';

$client = EventStream::Client->connect($httpd->port);
ok !IO::Select->new($client->socket)->can_read(0.2),
    'a server that sends nothing makes no socket readable';
$client->send("GET /hello.txt HTTP/1.0\r\n\r\n");
ok $client->read_head(10) && $client->is_ended(10),
    'an answer that ends with its connection ends';
ok $client->is_closed(10), 'as it must: with a close_notify';

kill STOP => $httpd->children;
my @waiting = map { subscribe($httpd, '/hello.txt', head => 0) } 1 .. 5;
pass 'a test can write to a server that does not answer the handshake';
kill CONT => $httpd->children;
is scalar(grep { $_->read_head(10) && $_->status == 200 } @waiting), 5,
    'the server answers later';

# ---- What a plain socket would not show --------------------------------------

# the last record of the server, and the shortest, is its close_notify
my $cut = EventStream::Client->connect(relay(sub {
    my ($bytes, $before) = @_;
    return $before > length $text && length $bytes < 40 ? undef : $bytes;
}));
$cut->send("GET /hello.txt HTTP/1.0\r\n\r\n");
$cut->read_head(10);
wait_for(sub { $cut->fill(1); $cut->{eof} }, 10, 'a connection ends');
ok $cut->bytes eq $text, 'the answer has come';
ok !$cut->is_ended(10), 'without a close_notify it is no clean end';

my $port = relay(sub {
    my ($bytes, $before) = @_;
    substr($bytes, -1) ^= "\1" if $before > 4096;
    return $bytes;
});
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDERR, '>', '/dev/null';
    get($port, '/hello.txt');
    POSIX::_exit(0);
}
waitpid $pid, 0;
is $? & 127, POSIX::SIGABRT(),
    'bytes that cannot be decrypted end a test, whatever it looks at';

unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';
done_testing;
