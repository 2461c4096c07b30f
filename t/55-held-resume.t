#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that hold a worker, over TLS and HTTP/2, when children end: those end
# cleanly at graceful, are cut by a kill and may be at restart, and in each case
# come back by their last id and have missed nothing.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $h2 = EventStream::Httpd->has_module('http2')
    && `curl --version` =~ /^Features:.* HTTP2\b/m;

my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => $h2, conf => <<'CONF', mpm_conf => <<'MPM');
EventStreamMaxHeld 4
EventStreamDrain 2
EventStreamRetry 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
StartServers 1
ServerLimit 4
ThreadsPerChild 16
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
MPM

sub with
{
    my ($how, $last) = @_;
    my $client = subscribe($httpd, '/events', %$how,
        headers => [defined $last ? "Last-Event-ID: $last" : ()]);
    my $open = $client->next_event(10);
    is $open && $open->{event}, 'stream-open', '... a stream';
    return $client;
}

# The data of its next so many events.
sub heard
{
    my ($client, $count) = @_;
    return join ' ',
        map { ($client->next_event(10) || {data => '-'})->{data} } 1 .. $count;
}

my $n = 0;
for my $how (['TLS', {tls => 1}],
    $h2 ? (['h2', {tls => 1, http2 => 1}], ['h2c', {http2 => 1}]) : ())
{
    my ($name, $options) = @$how;
    my $client = with($options);
    for my $fault (qw(graceful kill restart)) {
        publish($httpd, 'news', ++$n);
        is heard($client, 1), $n, "$name: an event, then $fault";
        if ($fault eq 'kill') {
            $httpd->kill_child($_) for $httpd->children;
        } else {
            $httpd->$fault;
        }
        ok defined $client->is_ended(10), '... the stream ends';
        if ($fault eq 'graceful') {
            ok !$client->is_cut, '... cleanly';
            cmp_ok $client->retry // 0, '>=', 1000, '... with retry';
        }
        my $last = $client->last_id;
        $client->close;
        publish($httpd, 'news', ++$n) for 1 .. 3;
        $client = with($options, $last);
        is heard($client, 3), join(' ', $n - 2 .. $n),
            '... and the next one goes on where it was';
    }
    $client->close;
    is wait_clients($httpd, 'news', 0, 10), 0, "$name: all are counted out";
}
is $httpd->faults // '', '', 'the shared memory is well';
done_testing;
