#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that cannot be detached, over HTTP/1.1: TLS, or a filter in the way.
# Some are held, the others served in turns, and the site goes on.

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

sub idle_again
{
    my ($name, $seconds) = @_;
    return wait_for(sub { (busy_workers($httpd) // 1) == 0 }, $seconds, $name);
}

# ---- Held ------------------------------------------------------------------

my @held = map { subscribe($httpd, '/events', tls => 1) } 1 .. $HELD;
is join(' ', map { $_->status } @held), join(' ', (200) x $HELD),
    'TLS: streams';
is $held[0]->header('content-type'), 'text/event-stream', '... their type';
is scalar(grep { opens($_) } @held), $HELD, '... which open';
is publish($httpd, 'news', 'hello')->{json}{clients}, $HELD,
    '... and are counted';
is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @held),
    join(' ', ('hello') x $HELD), '... receive an event';
is $held[0]->next_event(1), undef, '... once';
ok $held[0]->is_open && $held[1]->is_open, '... and stay, longer than a turn';
is busy_workers($httpd), $HELD, '... each keeps a worker';

# ---- In turns --------------------------------------------------------------

my $turn = subscribe($httpd, '/events', tls => 1);
my $began = time;
ok opens($turn), 'beyond EventStreamMaxHeld: a stream opens';
publish($httpd, 'news', 'in my turn');
is $turn->next_event(5)->{data}, 'in my turn', '... is live';
ok $turn->is_ended(5), '... and ends cleanly';
cmp_ok time - $began, '<', 5, '... soon';
like $turn->bytes, qr/\n\nretry: \d+\n\n\z/, '... with retry';
my $missed = publish($httpd, 'news', 'missed')->{json}{id};
my $next = subscribe($httpd, '/events', tls => 1,
    headers => ['Last-Event-ID: ' . $turn->last_id]);
ok opens($next), '... and when it comes back';
is(($next->next_event(5) || {data => ''})->{data}, 'missed',
    '... it gets what it has missed');
$next->close;
$_->next_event(5), $_->next_event(5) for @held;

# several turns of one connection
my ($exit, $text) = curl('--http1.1', '-i', '-w', "connects %{num_connects}\n",
    ($httpd->ssl_url('/events')) x 2, $httpd->ssl_url('/page.txt'));
is $exit, 0, 'two turns and a file on one connection';
is join(' ', $text =~ /^connects (\d)/mg), '1 0 0', '... which is used again';
is scalar(() = $text =~ /\n\nretry: \d+\n\n/g), 2, '... after a clean end';
like $text, qr/^a page$/m, '... the file is served';

# a turn that has much to catch up with
my $away = subscribe($httpd, '/events', tls => 1);
opens($away);
ok $away->is_ended(5), 'a client is away';
publish($httpd, 'news', "$_ " . 'x' x 20000) for 1 .. 50;
# in one turn, or as many as this machine needs for it
my ($last, @came) = ($away->last_id);
for (1 .. 50) {
    my $busy = subscribe($httpd, '/events', tls => 1,
        headers => ["Last-Event-ID: $last"]);
    opens($busy);
    push @came, map { $_->{data} =~ /^(\d+) / } $busy->events(50 - @came, 10);
    ok $busy->is_ended(5), '... its turn ends';
    $last = $busy->last_id;
    last if @came >= 50;
}
is "@came", join(' ', 1 .. 50),
    '... and gets all of a megabyte when it is back';
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
is $served, 10, 'many more clients than workers: files are served';
cmp_ok $slowest, '<', 5, '... in time';
is scalar(grep { $_->read_head(20) && $_->status == 200 } @many), @many + 0,
    '... all of them are answered';
is scalar(grep { opens($_) } @many), @many + 0, '... their streams open';
is scalar(grep { $_->is_ended(10) } @many), @many + 0, '... and end cleanly';
publish($httpd, 'news', 'still');
is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @held),
    join(' ', ('still') x $HELD), '... who is held is not disturbed';
$_->close for @many;

# ---- Going away ------------------------------------------------------------

my $victim = shift @held;
kill KILL => $victim->pid;
wait_for(sub { (busy_workers($httpd) // 0) == $HELD - 1 }, 4,
    'a client that is killed frees its worker');
$victim->close;
$_->close for @held;
idle_again('clients that close free theirs', 4);
is wait_clients($httpd, 'news', 0, 4), 0, '... and are not counted any more';
my $new = subscribe($httpd, '/events', tls => 1);
ok opens($new), 'their places are free again';
is $new->next_event(1.5), undef, '... and nothing comes unasked';
ok $new->is_open, '... for longer than a turn';
$new->close;
idle_again('... until it goes', 4);

my $often = subscribe($httpd, '/often', tls => 1);
opens($often);
is(($often->next_event(5) || {raw => ''})->{raw},
    "event: keep-alive\ndata: \n", 'a keep-alive after silence')
    for 1 .. 2;
$often->close;
idle_again('... until it goes', 4);

# ---- Filters in the way ----------------------------------------------------

for my $path ('/deflate', '/substitute') {
    for my $coding ('', 'Accept-Encoding: gzip') {
        my $client = subscribe($httpd, $path,
            headers => $coding ? [$coding] : []);
        my $name = "$path, " . ($coding || 'no Accept-Encoding');
        is $client->status, 200, "$name: a stream";
        is $client->header('content-encoding'), undef, '... as it is';
        ok opens($client), '... opens at once';
        for my $text ('one', 'sheep') {
            publish($httpd, 'news', $text);
            my $want = $path eq '/substitute' && $text eq 'sheep' ? 'wolf'
                : $text;
            is +($client->next_event(3) || {data => ''})->{data}, $want,
                "... and nothing is held back: $want";
        }
        $client->close;
        idle_again('... its worker is free when it goes', 4);
    }
}

# ---- One that never reads ---------------------------------------------------

my $never = subscribe($httpd, '/hasty', rcvbuf => 4096);
ok opens($never), 'one that never reads';
publish($httpd, 'news', 'x' x 60000) for 1 .. 10;
idle_again('... is ended after EventStreamSendTimeout', 8);
ok static_file($httpd), '... and the site goes on';

# ---- Those that never read, and go ------------------------------------------

# Published until the client's end and the server's buffer are full: the worker
# waits in the middle of a write, which lasts for Timeout if nothing happens.
sub stuff
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
    ok opens($client), 'TLS: one that reads no more';
    ok stuff($httpd->ssl_port), '... its worker waits to write';
    kill $how => $client->pid;
    idle_again("... $how frees the worker", 4);
    $client->close;
}
for my $how (qw(close reset)) {
    my $client = subscribe($httpd, '/substitute', rcvbuf => 4096);
    ok opens($client), 'behind a filter: one that reads no more';
    ok stuff($httpd->port), '... its worker waits to write';
    $how eq 'close' ? $client->close : reset_client($client);
    idle_again("... a $how frees the worker", 4);
}
is wait_clients($httpd, 'news', 0, 4), 0, '... and none is counted any more';

# httpd itself may say that all workers are busy: that was the test
unlike $httpd->error_log =~ s/^.*AH00484.*\n//mgr,
    qr/:(?:error|crit|alert|emerg)\]/, 'no error in the log';
done_testing;
