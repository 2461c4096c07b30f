#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# TLS that is not detached, where a worker is a process: no client is held,
# unless EventStreamMaxHeld allows it; each client receives its missed events
# and reconnects.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

sub start
{
    my ($conf) = @_;
    return EventStream::Httpd->start(
        mpm => 'prefork', ssl => 1, modules => ['status'],
        files => {'page.txt' => "a page\n"}, mpm_conf => <<'MPM',
StartServers 4
ServerLimit 4
MaxRequestWorkers 4
MinSpareServers 1
MaxSpareServers 4
MPM
        conf => $conf . status_conf() . <<'CONF');
EventStreamDetachTLS off
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
}

sub opens
{
    my ($client) = @_;
    return ($client->next_event(5) || {event => ''})->{event}
        eq 'stream-open';
}

my $httpd = start('');
my $client = subscribe($httpd, '/events', tls => 1);
is $client->status, 200, 'a client over TLS gets 200';
ok opens($client), 'its stream opens';
ok $client->is_ended(5), 'its stream ends at once';
like $client->bytes, qr/\n\nretry: \d+\n\z/, 'its stream ends with a retry';
my @missed = map { "$_ " . 'x' x 20000 } 1 .. 50;
publish($httpd, 'news', $_) for @missed;
my $back = subscribe($httpd, '/events', tls => 1,
    headers => ['Last-Event-ID: ' . $client->last_id]);
ok opens($back), 'the client opens again when it reconnects';
is_deeply [map { $_->{data} } $back->events(50, 10)], \@missed,
    'it receives all that it has missed';
ok $back->is_ended(5), 'its stream ends then';

my @many = map { subscribe($httpd, '/events', tls => 1, head => 0) } 1 .. 16;
ok static_file($httpd),
    'a file is served while there are more clients than processes';
is scalar(grep { $_->read_head(20) && opens($_) && $_->is_ended(10) } @many),
    16, 'all of these clients get their stream';
my @plain = map { subscribe($httpd, '/events') } 1 .. 16;
is scalar(grep { opens($_) } @plain), 16,
    'more plain clients than processes open';
publish($httpd, 'news', 'hello');
is scalar(grep { ($_->next_event(5) || {data => ''})->{data} eq 'hello' }
    @plain), 16, 'all plain clients receive an event';
ok static_file($httpd), 'a file is served meanwhile';

$httpd = start("EventStreamMaxHeld 1\n");
my $held = subscribe($httpd, '/events', tls => 1);
ok opens($held), 'EventStreamMaxHeld 1: a client opens';
is $held->next_event(2), undef,
    'EventStreamMaxHeld 1: it receives nothing that was not published';
ok $held->is_open, 'EventStreamMaxHeld 1: it is held by a process';
publish($httpd, 'news', 'hello');
is(($held->next_event(5) || {data => ''})->{data}, 'hello',
    'EventStreamMaxHeld 1: it receives an event');
$held->close;
is wait_clients($httpd, 'news', 0, 5), 0,
    'EventStreamMaxHeld 1: it is not counted any more when it closes';
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';

# ---- graceful and graceful-stop --------------------------------------------

# httpd does not call a prefork child about them while it serves a request.
$httpd = start("EventStreamMaxHeld 1\nEventStreamDrain 4\n");

sub ends_within
{
    my ($client, $seconds, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $begun = time;
    is $client->is_ended($seconds + 10), 1, "$name: the held stream ends";
    cmp_ok time - $begun, '<', $seconds, "$name: it ends within $seconds s";
    1 while $client->next_event(0);
    cmp_ok $client->retry, '>=', 2400, "$name: its retry is EventStreamRetry";
    cmp_ok $client->retry, '<=', 3600 + 4000,
        "$name: or up to EventStreamDrain more";
    return;
}

$held = subscribe($httpd, '/events', tls => 1);
ok opens($held), 'graceful: a client is held';
publish($httpd, 'news', 'before');
is(($held->next_event(5) || {data => ''})->{data}, 'before',
    'graceful: it receives an event');
ok $httpd->graceful, 'graceful succeeds while a client is held';
ends_within($held, 4, 'graceful');
publish($httpd, 'news', 'between');
$back = subscribe($httpd, '/events', tls => 1,
    headers => ['Last-Event-ID: ' . $held->last_id]);
ok opens($back), 'graceful: the client reconnects';
is(($back->next_event(5) || {data => ''})->{data}, 'between',
    'graceful: it resumes');
is wait_clients($httpd, 'news', 1, 5), 1,
    'graceful: only the new stream is counted';
my $begun = time;
is $httpd->graceful_stop, 0,
    'graceful-stop exits with status 0 while a client is held';
cmp_ok time - $begun, '<', 5, 'graceful-stop takes less than 5 seconds';
ends_within($back, 1, 'graceful-stop');

unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]|signal Seg/,
    'the error log has no error then';

# ---- HTTP/2 -----------------------------------------------------------------

SKIP: {
    skip 'this httpd has no mod_http2', 2
        if !EventStream::Httpd->has_module('http2');
    $httpd = EventStream::Httpd->start(mpm => 'prefork', ssl => 1, h2 => 1);
    my ($line) = $httpd->error_log =~ /(ES0115: .*)/;
    like $line, qr{over HTTP/1\.1}, 'the start tells how clients are served';
    unlike $line, qr{over HTTP/2},
        'it does not speak of HTTP/2, which prefork has not over TLS';
}
done_testing;
