#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Ten HTTP/2 connections, without TLS and over TLS, ask for thousands of
# streams and reset each soon: afterwards the child has no client, no busy
# worker, and no more memory than after the same requests for a static page.
# ES_STORM=100000 asks for so many.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::H2;
use EventStream::Httpd;
use EventStream::Load;

plan skip_all => 'needs mod_http2' if !EventStream::Httpd->has_module('http2');

my $CONNECTIONS = 10;
my $STREAMS = $ENV{ES_STORM} || 3000;
my $SECONDS = 60 + $STREAMS / 100;    # under load, with a sanitizer
my $AT_ONCE = 20;
my $MB_MORE = 24;    # arenas of malloc differ from run to run

# A quarantine of AddressSanitizer would be all that is measured.
local $ENV{ASAN_OPTIONS} = 'detect_leaks=0:detect_odr_violation=0:'
    . 'abort_on_error=1:quarantine_size_mb=1'
    if EventStream::Httpd->build('sanitize') eq 'yes';

sub server
{
    my ($tls) = @_;
    return EventStream::Httpd->start(
        h2 => 1, ssl => $tls, modules => ['status'],
        files => {'page.txt' => "a page\n"},
        mpm_conf => <<'MPM', conf => status_conf() . <<'CONF');
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MinSpareThreads 1
MaxSpareThreads 25
MPM
MaxMemFree 64
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
}

# httpd answers a last request once it has read all others, or refuses it while
# there are too many, or has closed the connection. (What was sent may still be
# with openssl.)
sub has_read_all
{
    my ($conn, $path, $until) = @_;
    $conn->{h2}->send(h2_get($conn->{next}, $path));
    my $answer = h2_answer($conn->{h2}, $conn->{next}, $until - time);
    return $answer->{headers} || defined $answer->{reset}
        || $conn->{h2}{eof};
}

# A half of the streams is reset with the request, which httpd mostly drops
# then, the other half a round later. httpd may close a connection whose client
# resets too much: then another one begins.
sub storm
{
    my ($httpd, $path, $tls) = @_;
    my ($left, $closed, $until) = ($STREAMS, 0, time + $SECONDS);
    my @of;
    local $SIG{PIPE} = 'IGNORE';
    while ($left > 0 && time < $until) {
        for my $i (0 .. $CONNECTIONS - 1) {
            my $conn = $of[$i]
                ||= {h2 => h2_connect($httpd, tls => $tls), next => 1};
            my $bytes = join '', map { h2_reset($_) } @{$conn->{open}};
            $conn->{open} = [];
            for (1 .. $AT_ONCE) {
                my $stream = $conn->{next};
                $conn->{next} += 2;
                $bytes .= h2_get($stream, $path);
                if ($_ % 2) {
                    $bytes .= h2_reset($stream);
                } else {
                    push @{$conn->{open}}, $stream;
                }
            }
            my $is_sent = $conn->{h2}->send($bytes);
            h2_drop($conn->{h2});
            $left -= $AT_ONCE if $is_sent;
            next if $is_sent && !$conn->{h2}{eof};
            $conn->{h2}->close;
            $of[$i] = undef;
            $closed++;
        }
    }
    my @open = grep { $_ } @of;
    my $read = grep { has_read_all($_, $path, $until) } @open;
    $closed += grep { $_->{h2}{eof} } @open;
    $_->{h2}->close for @open;
    diag "$path: $STREAMS streams, httpd has closed $closed connections";
    return $left <= 0 && $read == @open;
}

# Streams that are reset once they have been answered. httpd may close the
# connection then, too. Returns how many have been answered.
sub reset_when_answered
{
    my ($httpd, $path, $tls) = @_;
    my ($conn, $stream, $answered) = (undef, 1, 0);
    local $SIG{PIPE} = 'IGNORE';
    for (1 .. $AT_ONCE) {
        if (!$conn) {
            $conn = h2_connect($httpd, tls => $tls);
            $stream = 1;
        }
        $conn->send(h2_get($stream, $path));
        my $answer = h2_answer($conn, $stream, 10);
        if ($conn->{eof} && !$answer->{headers} && $stream > 1) {
            $conn->close;
            undef $conn;
            redo;
        }
        $answered++ if $answer->{headers};
        $conn->send(h2_reset($stream));
        $stream += 2;
    }
    $conn->close;
    return $answered;
}

sub resident_mb
{
    my ($httpd) = @_;
    my ($pid) = $httpd->children;
    my ($kb) = text_of_status($pid) =~ /^VmRSS:\s+(\d+)/m;
    return $kb / 1024;
}

sub text_of_status
{
    open my $in, '<', "/proc/$_[0]/status" or return '';
    local $/ = undef;
    return scalar <$in>;
}

sub clients_of
{
    my ($httpd) = @_;
    return get($httpd, '/server-status?auto')->{body}
        =~ /^EventStream\.Clients: (\d+)/m ? $1 : -1;
}

# Returns the memory of the child afterwards.
sub try_storm
{
    my ($path, $tls) = @_;
    my $httpd = server($tls);
    my $name = $tls ? "TLS, $path" : $path;
    my ($child) = $httpd->children;
    is get($httpd, '/page.txt')->{status}, 200, "$name: the server is up";
    my $before = resident_mb($httpd);
    ok storm($httpd, $path, $tls), "$name: all streams are asked for and reset";
    is reset_when_answered($httpd, $path, $tls), $AT_ONCE,
        "$name: and others when they are answered";
    is get($httpd, '/page.txt')->{status}, 200, "$name: pages are served";
    wait_for(sub { clients_of($httpd) == 0 }, $SECONDS,
        "$name: no client is left");
    wait_for(sub { (busy_workers($httpd) // 1) == 0 }, $SECONDS,
        "$name: no worker is busy");
    my $after = resident_mb($httpd);
    diag sprintf '%s: %.1f MB before, %.1f after', $name, $before, $after;
    is +($httpd->children)[0], $child, "$name: the child lives";
    my $served = () = $httpd->access_log =~ /GET \Q$path\E /g;
    diag "$name: $served requests have reached a handler";
    if ($path eq '/events') {
        my $client = subscribe($httpd, '/events');
        is +($client->next_event(10) || {event => ''})->{event}, 'stream-open',
            "$name: a client opens a stream afterwards";
        publish($httpd, 'news', 'hello');
        is +($client->next_event(10) || {data => ''})->{data}, 'hello',
            "$name: it receives events";
    }
    is $httpd->stop, 0, "$name: httpd stops with exit status 0";
    return $after;
}

sub try_both
{
    my ($name, $tls) = @_;
    my $pages = try_storm('/page.txt', $tls);
    my $streams = try_storm('/events', $tls);
    cmp_ok $streams, '<', $pages + $MB_MORE,
        "$name: streams that were reset leave as little memory as pages";
    return;
}

try_both('without TLS', 0);
SKIP: {
    skip 'needs mod_ssl and openssl', 1
        if !EventStream::Httpd->has_module('ssl')
        || system('openssl version >/dev/null 2>&1') != 0;
    try_both('over TLS', 1);
}
done_testing;
