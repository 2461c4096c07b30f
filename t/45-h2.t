#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# HTTP/2: of each connection one stream is held, the others are served in turns,
# and neither the connection nor the site runs out of workers. None is asked to
# use HTTP/1.1, see t/45-http2-asks.t.

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
plan skip_all => 'needs a curl that speaks HTTP/2'
    if `curl --version` !~ /^Features:.* HTTP2\b/m;

my $WORKERS = 8;
my $HELD = 3;

my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => 1, modules => ['status'],
    files => {'page.txt' => "a page\n"},
    mpm_conf => <<"MPM", conf => status_conf() . <<"CONF" . <<'CONF');
StartServers 1
ServerLimit 1
ThreadsPerChild 12
MaxRequestWorkers 12
MinSpareThreads 1
MaxSpareThreads 12
MPM
H2MinWorkers $WORKERS
H2MaxWorkers $WORKERS
EventStreamMaxHeld $HELD
CONF
EventStreamTurn 500ms
EventStreamHttp2 hold
<LocationMatch "^/(events|often)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/often">
    EventStreamKeepAlive 1
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $dir = $httpd->root . '/tmp';
my $id = qr/\d{13}-\d+/;

sub opens
{
    my ($client) = @_;
    return ($client->next_event(5) || {event => ''})->{event}
        eq 'stream-open';
}

sub slurp
{
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/;
    return scalar(<$in>) // '';
}

# curl in the background; what it writes to stderr (which is not buffered) goes
# to a file.
my %running;
END {
    local $?;
    kill KILL => keys %running;
    waitpid $_, 0 for keys %running;
}

sub start_curl
{
    my ($name, @arguments) = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$dir/$name";
        exec 'curl', '-s', '-k', '-N', @arguments or POSIX::_exit(127);
    }
    $running{$pid} = 1;
    return $pid;
}

sub end_curl
{
    my ($pid) = @_;
    kill TERM => $pid;
    waitpid $pid, 0;
    delete $running{$pid};
    return;
}

# A stream whose flow-control window is full, so that its worker blocks in a
# write: the stream ends when the client does.
sub try_full_window
{
    for my $how ('reset of the stream', 'close', 'reset') {
        my $connection = h2_connect($httpd, window => 1000);
        $connection->send(h2_get(1, '/events'));
        like h2_data($connection, 1, qr/retry: \d+\n\n/, 5),
            qr/^event: stream-open$/m,
            "$how: a stream with a small window opens";
        publish($httpd, 'news', 'x' x 60000) for 1 .. 5;
        wait_for(sub {
            return length h2_data($connection, 1, qr/x{1000}/, 0.1) >= 1000;
        }, 5);
        my $data = h2_data($connection, 1, qr/x{1000}/, 0.5);
        is length $data, 1000, "$how: its window is full";
        is clients($httpd, 'news'), 1, "$how: it is counted";
        $connection->send(h2_reset(1))
            if $how eq 'reset of the stream';
        close_with_rst($connection) if $how eq 'reset';
        $connection->close if $how eq 'close';
        is wait_clients($httpd, 'news', 0, 5), 0,
            "$how: it is not counted any more";
    }
    my @new = map { subscribe($httpd, '/events', http2 => 1) } 1 .. $HELD;
    is scalar(grep { opens($_) } @new), $HELD,
        'as many new streams as EventStreamMaxHeld open';
    is scalar(grep { !$_->is_ended(1) } @new), $HELD, 'all of them are held';
    return;
}

sub try_reset
{
    my $connection = h2_connect($httpd);
    for my $round (0 .. $WORKERS) {
        my $stream = 4 * $round + 1;
        $connection->send(h2_get($stream, '/events'));
        my $data = h2_data($connection, $stream, qr/retry: \d+\n\n/, 5);
        like $data, qr/^event: stream-open$/m, "stream $stream opens";
        is wait_clients($httpd, 'news', 1, 5), 1,
            "stream $stream is counted alone";
        my $first = qr/\nid: $id\ndata: \nretry: \d+\n\nid: /;
        like h2_data($connection, $stream, $first, 5), $first,
            "stream $stream receives an event";
        $connection->send(h2_reset($stream));
        is wait_clients($httpd, 'news', 0, 5), 0,
            "stream $stream is not counted any more when it is reset";
        $connection->send(h2_get($stream + 2, '/page.txt'));
        is h2_data($connection, $stream + 2, qr/page\n/, 5), "a page\n",
            "the connection serves a file after the reset of stream $stream";
    }
    return;
}

# ---- The same with curl, over TLS and without ------------------------------

sub try
{
    my ($name, $tls) = @_;
    my $url = sub { $tls ? $httpd->ssl_url(@_) : $httpd->url(@_) };
    unlink glob "$dir/*";
    my $http2 = $tls ? '--http2' : '--http2-prior-knowledge';
    my @how = (http2 => 1, tls => $tls);
    my $page_is_served = sub {
        my ($exit, $text) = curl($http2, '-m', 10, $url->('/page.txt'));
        return $exit == 0 && $text eq "a page\n";
    };

    # ---- One stream --------------------------------------------------------

    my $held = subscribe($httpd, '/events', @how);
    is $held->proto, 'HTTP/2', "$name: the answer is HTTP/2";
    is $held->status, 200, "$name: the answer is 200";
    is $held->header('content-type'), 'text/event-stream; charset=utf-8',
        "$name: the answer is a stream";
    is $held->header('cache-control'), 'no-cache, no-store, no-transform',
        "$name: the answer is not stored";
    is $held->header('connection'), undef, "$name: HTTP/2 has no Connection";
    ok opens($held), "$name: the stream opens";
    like $held->bytes,
        qr/\Aevent: stream-open\nid: $id\ndata: \nretry: 3000\n\n\z/,
        "$name: the stream starts with these bytes";
    is publish($httpd, 'news', 'hello')->{json}{clients}, 1,
        "$name: the stream is counted";
    is(($held->next_event(5) || {data => ''})->{data}, 'hello',
        "$name: the stream receives an event");
    is $held->next_event(1), undef, "$name: the stream receives it once";
    ok $held->is_open, "$name: the stream stays for longer than a turn";
    my $head = subscribe($httpd, '/events', @how, method => 'HEAD');
    is $head->status, 200, "$name: HEAD gets 200";
    $head->close;
    $held->close;
    is wait_clients($httpd, 'news', 0, 5), 0,
        "$name: a closed connection is not counted any more";

    my $often = subscribe($httpd, '/often', @how);
    opens($often);
    is(($often->next_event(5) || {raw => ''})->{raw},
        "event: keep-alive\ndata: \n",
        "$name: a keep-alive follows a second without events")
        for 1 .. 2;
    $often->close;
    is wait_clients($httpd, 'news', 0, 5), 0,
        "$name: that stream is not counted any more when it is closed";

    # ---- Many on one connection --------------------------------------------

    my $streams = 10;
    # (curl cannot do this by prior knowledge: without TLS it upgrades)
    my $pid = start_curl('done', '--http2', '--parallel', '--parallel-max', 50,
        '-w', '%{stderr}%{filename_effective} %{http_code} '
            . 'connects %{num_connects}\n',
        (map { ('-o', "$dir/s$_", $url->('/events')) } 1 .. $streams),
        '-o', "$dir/page", $url->('/page.txt'));
    wait_for(sub { slurp("$dir/page") eq "a page\n" }, 10,
        "$name: $streams streams on one connection leave room for a request");
    wait_for(sub { (() = slurp("$dir/done") =~ m{/s\d+ 200 }g)
        == $streams - 1 }, 10, "$name: all of them but one end");
    my ($stays) = grep { my $n = $_; slurp("$dir/done") !~ m{/s$n } }
        1 .. $streams;
    is scalar(grep { slurp("$dir/s$_") =~ /\n\nretry: \d+\n\z/ }
        grep { $_ != $stays } 1 .. $streams), $streams - 1,
        "$name: they end with a retry";
    is scalar(grep { slurp("$dir/s$_") =~ /^event: stream-open$/m }
        1 .. $streams), $streams, "$name: all of them opened before";
    is wait_clients($httpd, 'news', 1), 1, "$name: one of them stays";
    publish($httpd, 'news', 'for one');
    wait_for(sub { slurp("$dir/s$stays") =~ /^data: for one$/m }, 5,
        "$name: that one receives events");
    my $connects = 0;
    $connects += $_ for slurp("$dir/done") =~ /connects (\d)/g;
    cmp_ok $connects, '<=', 1, "$name: it was one connection";
    end_curl($pid);
    is wait_clients($httpd, 'news', 0, 5), 0,
        "$name: it ends with its connection";

    # ---- More clients than workers -----------------------------------------

    my @held = map { subscribe($httpd, '/events', @how) } 1 .. $HELD;
    is scalar(grep { opens($_) } @held), $HELD, "$name: $HELD streams are held";
    my @many = map { subscribe($httpd, '/events', @how, head => 0) }
        1 .. 2 * $WORKERS;
    ok $page_is_served->(),
        "$name: a file is served while there are more clients than workers";
    ok static_file($httpd), "$name: a file is served over HTTP/1.1, too";
    is scalar(grep { $_->read_head(20) && $_->status == 200 } @many),
        scalar @many, "$name: all of these clients get 200";
    is scalar(grep { opens($_) } @many), scalar @many,
        "$name: all of their streams open";
    is scalar(grep { $_->is_ended(10) } @many), scalar @many,
        "$name: their turns end cleanly";
    publish($httpd, 'news', 'still');
    is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @held),
        join(' ', ('still') x $HELD),
        "$name: held clients receive events meanwhile";

    # a client that resumes with its last id misses nothing
    my $turn = subscribe($httpd, '/events', @how);
    opens($turn);
    ok $turn->is_ended(5), "$name: a turn ends";
    publish($httpd, 'news', 'missed');
    my $back = subscribe($httpd, '/events', @how,
        headers => ['Last-Event-ID: ' . $turn->last_id]);
    opens($back);
    is(($back->next_event(5) || {data => ''})->{data}, 'missed',
        "$name: the client that resumes receives what it has missed");

    # ---- Killed clients ----------------------------------------------------

    kill KILL => map { $_->pid } @held;
    $_->close for @held, @many, $turn, $back;
    is wait_clients($httpd, 'news', 0, 5), 0,
        "$name: killed clients are not counted any more";
    my $new = subscribe($httpd, '/events', @how);
    ok opens($new), "$name: a new client is served then";
    is $new->next_event(1), undef,
        "$name: a new client receives nothing that was not published";
    ok $new->is_open, "$name: a new client is held for longer than a turn";
    $new->close;
    is wait_clients($httpd, 'news', 0, 5), 0,
        "$name: the new client is not counted any more when it closes";
    return;
}

try('TLS', 1);
try('h2c', 0);
try_reset();
try_full_window();
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'the error log has no error';
done_testing;
