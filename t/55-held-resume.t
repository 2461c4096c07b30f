#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that hold a worker, over TLS and HTTP/2, when children end: their
# streams end cleanly at graceful, are cut by a kill and may be cut at restart.
# In each case they resume by their last id and miss nothing.

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
EventStreamDetachTLS off
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
    is $open && $open->{event}, 'stream-open', 'the stream opens';
    return $client;
}

# The data of its next $count events.
sub data_of
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
        is data_of($client, 1), $n, "$name: an event arrives before $fault";
        if ($fault eq 'kill') {
            $httpd->kill_child($_) for $httpd->children;
        } else {
            $httpd->$fault;
        }
        ok defined $client->is_ended(10), "$name: the stream ends at $fault";
        if ($fault eq 'graceful') {
            ok !$client->is_cut, "$name: the stream ends cleanly at $fault";
            cmp_ok $client->retry // 0, '>=', 1000,
                "$name: the stream ends with a retry at $fault";
        }
        my $last = $client->last_id;
        $client->close;
        publish($httpd, 'news', ++$n) for 1 .. 3;
        $client = with($options, $last);
        is data_of($client, 3), join(' ', $n - 2 .. $n),
            "$name: the client that resumes after $fault receives what it has"
            . " missed";
    }
    $client->close;
    is wait_clients($httpd, 'news', 0, 10), 0,
        "$name: clients that have closed are not counted any more";
}
is $httpd->faults // '', '', 'the shared memory is consistent';
done_testing;
