#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients over HTTP/1.1 that are not detached, because EventStreamDetachTLS is
# off or because of a filter: some are held, the others are served in turns, and
# the site goes on.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $WORKERS = 8;
my $HELD = 2;

my $httpd = EventStream::Httpd->start(
    ssl => 1, modules => ['status', 'deflate', 'substitute'],
    files => {'page.txt' => "a page\n"}, mpm_conf => <<"MPM",
StartServers 1
ServerLimit 1
ThreadsPerChild $WORKERS
MaxRequestWorkers $WORKERS
MinSpareThreads 1
MaxSpareThreads $WORKERS
MPM
    conf => status_conf() . <<"CONF" . <<'CONF');
EventStreamMaxHeld $HELD
CONF
EventStreamDetachTLS off
EventStreamTurn 500ms
KeepAliveTimeout 2
SendBufferSize 65536
<LocationMatch "^/(events|often|deflate|substitute|hasty)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/often">
    EventStreamKeepAlive 1
</Location>
<Location "/deflate">
    SetOutputFilter DEFLATE
</Location>
<Location "/substitute">
    SetOutputFilter SUBSTITUTE
    Substitute "s/sheep/wolf/n"
</Location>
<Location "/hasty">
    SetOutputFilter SUBSTITUTE
    Substitute "s/sheep/wolf/n"
    EventStreamSendTimeout 1
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $id = qr/\d{13}-\d+/;

sub opens
{
    my ($client) = @_;
    return ($client->next_event(5) || {event => ''})->{event}
        eq 'stream-open';
}

sub workers_are_idle
{
    my ($name, $seconds) = @_;
    return wait_for(sub { (busy_workers($httpd) // 1) == 0 }, $seconds, $name);
}

# ---- Held clients ----------------------------------------------------------

my @held = map { subscribe($httpd, '/events', tls => 1) } 1 .. $HELD;
is join(' ', map { $_->status } @held), join(' ', (200) x $HELD),
    'TLS: as many clients as EventStreamMaxHeld get 200';
is $held[0]->header('content-type'), 'text/event-stream; charset=utf-8',
    'TLS: the answer is a stream';
is scalar(grep { opens($_) } @held), $HELD, 'TLS: their streams open';
is publish($httpd, 'news', 'hello')->{json}{clients}, $HELD,
    'TLS: they are counted';
is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @held),
    join(' ', ('hello') x $HELD), 'TLS: they receive an event';
is $held[0]->next_event(1), undef, 'TLS: they receive it once';
ok $held[0]->is_open && $held[1]->is_open,
    'TLS: they stay for longer than a turn';
wait_for(sub { (busy_workers($httpd) // 0) == $HELD }, 5,
    'TLS: each occupies a worker');

# ---- Clients in turns ------------------------------------------------------

my $turn = subscribe($httpd, '/events', tls => 1);
my $began = time;
ok opens($turn), 'TLS: a client above EventStreamMaxHeld opens';
publish($httpd, 'news', 'in my turn');
is $turn->next_event(5)->{data}, 'in my turn',
    'TLS: it receives an event during its turn';
ok $turn->is_ended(5), 'TLS: its turn ends cleanly';
cmp_ok time - $began, '<', 15, 'TLS: its turn ends soon';
like $turn->bytes, qr/\n\nretry: \d+\n\z/, 'TLS: its turn ends with a retry';
my $missed = publish($httpd, 'news', 'missed')->{json}{id};
my $next = subscribe($httpd, '/events', tls => 1,
    headers => ['Last-Event-ID: ' . $turn->last_id]);
ok opens($next), 'TLS: it opens again when it reconnects';
is(($next->next_event(5) || {data => ''})->{data}, 'missed',
    'TLS: it receives what it has missed');
$next->close;
$_->next_event(5), $_->next_event(5) for @held;

# several turns on one connection
my ($exit, $text) = curl('--http1.1', '-i', '-w', "connects %{num_connects}\n",
    ($httpd->ssl_url('/events')) x 2, $httpd->ssl_url('/page.txt'));
is $exit, 0, 'two turns and a file on one connection succeed';
is join(' ', $text =~ /^connects (\d)/mg), '1 0 0',
    'the connection is used again';
unlike $text, qr/^Connection:.*close/mi, 'the heads do not say otherwise';
is scalar(() = $text =~ /\n\nretry: \d+\n(?!\n)/g), 2, 'both turns end cleanly';
like $text, qr/^a page$/m, 'the file is served after them';

# A plain client with a filter: before the head it is not known that the filter
# stays, so the head says that the connection ends, and it does.
($exit, $text) = curl('-i', '-w', "connects %{num_connects}\n", '-H',
    'Connection: keep-alive', ($httpd->url('/substitute')) x 2);
is $exit, 0, 'two turns of a plain client with a filter succeed';
is join(' ', $text =~ /^connects (\d)/mg), '1 1', 'each has its own connection';
is scalar(() = $text =~ /^Connection: close\r$/mg), 2, 'as their heads say';
is scalar(() = $text =~ /\n\nretry: \d+\n(?!\n)/g), 2, 'both turns end cleanly';

# a turn of a client that has missed many events
my $away = subscribe($httpd, '/events', tls => 1);
opens($away);
ok $away->is_ended(5), 'the turn of a client ends before 50 events';
publish($httpd, 'news', "$_ " . 'x' x 20000) for 1 .. 50;
# in one turn, or in as many as this machine needs for it
my ($last, @came) = ($away->last_id);
for (1 .. 50) {
    my $busy = subscribe($httpd, '/events', tls => 1,
        headers => ["Last-Event-ID: $last"]);
    opens($busy);
    push @came, map { $_->{data} =~ /^(\d+) / } $busy->events(50 - @came, 10);
    ok $busy->is_ended(5), 'a turn of the client with 50 missed events ends';
    $last = $busy->last_id;
    last if @came >= 50;
}
is "@came", join(' ', 1 .. 50),
    'it receives all of the megabyte that it has missed';
$_->events(50, 5) for @held;

# ---- More clients than workers ---------------------------------------------

my @many = map { subscribe($httpd, '/events', tls => 1, head => 0) }
    1 .. 3 * $WORKERS;
my ($served, $slowest) = (0, 0);
for (1 .. 10) {
    my $before = time;
    $served++ if static_file($httpd);
    my $took = time - $before;
    $slowest = $took if $took > $slowest;
}
is $served, 10, 'files are served while there are more clients than workers';
cmp_ok $slowest, '<', 15, 'files are served in time';
is scalar(grep { $_->read_head(20) && $_->status == 200 } @many), @many + 0,
    'all of these clients get 200';
is scalar(grep { opens($_) } @many), @many + 0, 'all of their streams open';
is scalar(grep { $_->is_ended(10) } @many), @many + 0,
    'all of their streams end cleanly';
publish($httpd, 'news', 'still');
is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @held),
    join(' ', ('still') x $HELD), 'held clients receive events meanwhile';
$_->close for @many;

# ---- Clients that close ----------------------------------------------------

my $victim = shift @held;
kill KILL => $victim->pid;
wait_for(sub { (busy_workers($httpd) // 0) == $HELD - 1 }, 5,
    'a client that is killed frees its worker');
$victim->close;
$_->close for @held;
workers_are_idle('clients that close free their workers', 5);
is wait_clients($httpd, 'news', 0, 5), 0,
    'clients that close are not counted any more';
my $new = subscribe($httpd, '/events', tls => 1);
ok opens($new), 'a new client is served then';
is $new->next_event(1.5), undef,
    'a new client receives nothing that was not published';
ok $new->is_open, 'a new client is held for longer than a turn';
$new->close;
workers_are_idle('the new client frees its worker when it closes', 5);

my $often = subscribe($httpd, '/often', tls => 1);
opens($often);
is(($often->next_event(5) || {raw => ''})->{raw},
    "event: keep-alive\ndata: \n",
    'a keep-alive follows a second without events')
    for 1 .. 2;
$often->close;
workers_are_idle('that client frees its worker when it closes', 5);

# ---- Filters ---------------------------------------------------------------

for my $path ('/deflate', '/substitute') {
    for my $coding ('', 'Accept-Encoding: gzip') {
        my $client = subscribe($httpd, $path,
            headers => $coding ? [$coding] : []);
        my $name = "$path, " . ($coding || 'no Accept-Encoding');
        is $client->status, 200, "$name: the answer is 200";
        is $client->header('content-encoding'), undef,
            "$name: the answer is not encoded";
        ok opens($client), "$name: the stream opens at once";
        if ($path eq '/deflate') {
            workers_are_idle("$name: no worker is held", 5);
        } else {
            # that of the request before may still be at its end
            wait_for(sub { (busy_workers($httpd) // 0) == 1 }, 5,
                "$name: a worker is held");
        }
        for my $text ('one', 'sheep') {
            publish($httpd, 'news', $text);
            my $want = $path eq '/substitute' && $text eq 'sheep' ? 'wolf'
                : $text;
            is +($client->next_event(3) || {data => ''})->{data}, $want,
                "$name: the filter passes an event on at once: $want";
        }
        $client->close;
        workers_are_idle("$name: the client frees its worker when it closes",
            4);
    }
}

# ---- A client that never reads ----------------------------------------------

my $never = subscribe($httpd, '/hasty', rcvbuf => 4096);
ok opens($never), 'a client that never reads opens';
publish($httpd, 'news', 'x' x 60000) for 1 .. 10;
workers_are_idle('EventStreamSendTimeout frees its worker', 8);
ok static_file($httpd), 'a file is served then';

# ---- A client in turns that reads slowly ------------------------------------

# Those above EventStreamMaxHeld are not counted, so each may block its worker
# for some seconds only.
my @keep = map { subscribe($httpd, '/events', tls => 1) } 1 .. $HELD;
opens($_) for @keep;
my $slow = subscribe($httpd, '/substitute', rcvbuf => 4096,
    headers => ["Last-Event-ID: $missed"]);
$slow->next_event(5);
ok wait_for(sub {
    $slow->fill(0, 4096);
    return $httpd->wait_for(sub { (busy_workers($httpd) // 0) == $HELD }, 0.5);
}, 20), 'a client in turns that reads slowly does not keep its worker';
$_->close for @keep, $slow;
workers_are_idle('all workers are idle then', 5);

# ---- Clients that stop reading and close ------------------------------------

# Published until the buffers of client and server are full: the worker blocks
# in a write, which lasts for Timeout if nothing else happens.
sub fill_buffers
{
    my ($port) = @_;
    for (1 .. 400) {
        publish($httpd, 'news', 'x' x 60000);
        return 1 if unsent($port) > 40000;
    }
    return 0;
}

for my $how (qw(KILL TERM)) {
    my $client = subscribe($httpd, '/events', tls => 1);
    ok opens($client), 'TLS: a client that stops reading opens';
    ok fill_buffers($httpd->ssl_port), 'TLS: its worker blocks in a write';
    kill $how => $client->pid;
    workers_are_idle("TLS: $how of the client frees the worker", 5);
    $client->close;
}
for my $how (qw(close reset)) {
    my $client = subscribe($httpd, '/substitute', rcvbuf => 4096);
    ok opens($client), 'a filter: a client that stops reading opens';
    ok fill_buffers($httpd->port), 'a filter: its worker blocks in a write';
    $how eq 'close' ? $client->close : close_with_rst($client);
    workers_are_idle("a filter: $how of the client frees the worker", 5);
}
is wait_clients($httpd, 'news', 0, 5), 0,
    'none of these clients is counted any more';

# httpd may log that all workers are busy: the test provokes that
unlike $httpd->error_log =~ s/^.*AH00484.*\n//mgr,
    qr/:(?:error|crit|alert|emerg)\]/, 'the error log has no other error';
done_testing;
