#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# HTTP/2: each connection has one stream that is held, the others are served in
# turns, and neither the connection nor the site runs out of workers.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
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

# curl in the background; what it tells (%{stderr} is not buffered) goes to a
# file.
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

# ---- A client that can reset a stream, which curl cannot ---------------------

sub frame
{
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

my ($DATA, $HEADERS, $RST_STREAM, $SETTINGS) = (0, 1, 3, 4);
my ($END_STREAM, $ACK, $END_HEADERS) = (1, 1, 4);
my $INITIAL_WINDOW_SIZE = 4;
my $CANCEL = 8;

sub h2_get
{
    my ($stream, $path) = @_;
    my @fields = (':method', 'GET', ':scheme', 'http', ':path', $path,
        ':authority', 'localhost');
    my $block = '';    # literals, not indexed, not compressed
    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= pack 'x C/a* C/a*', $name, $value;
    }
    return frame($HEADERS, $END_STREAM | $END_HEADERS, $stream, $block);
}

# The data of a stream, when they match; else what came within the time.
sub h2_data
{
    my ($connection, $stream, $pattern, $seconds) = @_;
    my $data = \$connection->{data}{$stream};
    $$data = '' if !defined $$data;
    my $until = time + $seconds;
    while ($$data !~ $pattern && time < $until && !$connection->{eof}) {
        $connection->fill($until - time);
        while (length $connection->{rest} >= 9) {
            my ($high, $low, $type, $flags, $of) =
                unpack 'CnCCN', $connection->{rest};
            my $length = ($high << 16) + $low;
            last if length $connection->{rest} < 9 + $length;
            my $payload = substr $connection->{rest}, 9, $length;
            substr $connection->{rest}, 0, 9 + $length, '';
            $connection->{data}{$of} .= $payload if $type == $DATA;
            $connection->send(frame($SETTINGS, $ACK, 0, ''))
                if $type == $SETTINGS && !($flags & $ACK);
        }
    }
    return $$data;
}

sub h2_connect
{
    my ($settings) = @_;
    return subscribe($httpd, '', head => 0, raw =>
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            . frame($SETTINGS, 0, 0, $settings));
}

# A stream whose window of flow control is full, so that its worker waits in the
# middle of a write: it ends all the same when the client goes.
sub try_full_window
{
    for my $how ('reset of the stream', 'close', 'reset') {
        my $connection = h2_connect(pack 'nN', $INITIAL_WINDOW_SIZE, 1000);
        $connection->send(h2_get(1, '/events'));
        like h2_data($connection, 1, qr/data: \n\n/, 5),
            qr/^event: stream-open$/m, "$how: a stream with a small window";
        publish($httpd, 'news', 'x' x 60000) for 1 .. 5;
        my $data = h2_data($connection, 1, qr/x{1000}/, 0.5);
        is length $data, 1000, '... which is full';
        is clients($httpd, 'news'), 1, '... is there';
        $connection->send(frame($RST_STREAM, 0, 1, pack 'N', $CANCEL))
            if $how eq 'reset of the stream';
        reset_client($connection) if $how eq 'reset';
        $connection->close if $how eq 'close';
        is wait_clients($httpd, 'news', 0, 4), 0, '... and gone';
    }
    my @new = map { subscribe($httpd, '/events', http2 => 1) } 1 .. $HELD;
    is scalar(grep { opens($_) } @new), $HELD, 'all their places';
    is scalar(grep { !$_->is_ended(1) } @new), $HELD, '... are free';
    return;
}

sub try_reset
{
    my $connection = h2_connect('');
    for my $round (0 .. $WORKERS) {
        my $stream = 4 * $round + 1;
        $connection->send(h2_get($stream, '/events'));
        my $data = h2_data($connection, $stream, qr/data: \n\n/, 5);
        like $data, qr/^event: stream-open$/m, "stream $stream opens";
        is wait_clients($httpd, 'news', 1, 4), 1, '... is the only one';
        like h2_data($connection, $stream, qr/\nid: $id\ndata: \n\nid: /, 5),
            qr/\nid: $id\ndata: \n\nid: /, '... is live';
        $connection->send(
            frame($RST_STREAM, 0, $stream, pack 'N', $CANCEL));
        is wait_clients($httpd, 'news', 0, 4), 0, '... is reset and gone';
        $connection->send(h2_get($stream + 2, '/page.txt'));
        is h2_data($connection, $stream + 2, qr/page\n/, 5), "a page\n",
            '... and its connection goes on';
    }
    return;
}

# ---- The rest with curl, over TLS and without ------------------------------

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
    is $held->proto, 'HTTP/2', "$name: HTTP/2";
    is $held->status, 200, '... status 200';
    is $held->header('content-type'), 'text/event-stream', '... its type';
    is $held->header('cache-control'), 'no-cache, no-store', '... not stored';
    ok opens($held), '... the stream opens';
    like $held->bytes,
        qr/\Aretry: 3000\n\nevent: stream-open\nid: $id\ndata: \n\n\z/,
        '... with these bytes';
    is publish($httpd, 'news', 'hello')->{json}{clients}, 1, '... is counted';
    is(($held->next_event(5) || {data => ''})->{data}, 'hello',
        '... receives an event');
    is $held->next_event(1), undef, '... once';
    ok $held->is_open, '... and stays, longer than a turn';
    my $head = subscribe($httpd, '/events', @how, method => 'HEAD');
    is $head->status, 200, 'HEAD is answered';
    $head->close;
    $held->close;
    is wait_clients($httpd, 'news', 0, 4), 0, 'a closed connection is noticed';

    my $often = subscribe($httpd, '/often', @how);
    opens($often);
    is(($often->next_event(5) || {raw => ''})->{raw},
        "event: keep-alive\ndata: \n", 'a keep-alive after silence')
        for 1 .. 2;
    $often->close;
    is wait_clients($httpd, 'news', 0, 4), 0, '... until it goes';

    # ---- Many on one connection --------------------------------------------

    my $streams = 10;
    # (curl cannot do this by prior knowledge: without TLS it upgrades)
    my $pid = start_curl('done', '--http2', '--parallel', '--parallel-max', 50,
        '-w', '%{stderr}%{filename_effective} %{http_code} '
            . 'connects %{num_connects}\n',
        (map { ('-o', "$dir/s$_", $url->('/events')) } 1 .. $streams),
        '-o', "$dir/page", $url->('/page.txt'));
    wait_for(sub { slurp("$dir/page") eq "a page\n" }, 10,
        "$streams streams on one connection: its next request is answered");
    wait_for(sub { (() = slurp("$dir/done") =~ m{/s\d+ 200 }g)
        == $streams - 1 }, 10, '... all streams but one end');
    my ($stays) = grep { my $n = $_; slurp("$dir/done") !~ m{/s$n } }
        1 .. $streams;
    is scalar(grep { slurp("$dir/s$_") =~ /\n\nretry: \d+\n\n\z/ }
        grep { $_ != $stays } 1 .. $streams), $streams - 1,
        '... with retry';
    is scalar(grep { slurp("$dir/s$_") =~ /^event: stream-open$/m }
        1 .. $streams), $streams, '... after having opened';
    is publish($httpd, 'news', 'for one')->{json}{clients}, 1, '... one stays';
    wait_for(sub { slurp("$dir/s$stays") =~ /^data: for one$/m }, 5,
        '... and is live');
    my $connects = 0;
    $connects += $_ for slurp("$dir/done") =~ /connects (\d)/g;
    cmp_ok $connects, '<=', 1, '... it was one connection';
    end_curl($pid);
    is wait_clients($httpd, 'news', 0, 4), 0, '... and is gone with it';

    # ---- More clients than workers -----------------------------------------

    my @held = map { subscribe($httpd, '/events', @how) } 1 .. $HELD;
    is scalar(grep { opens($_) } @held), $HELD, "$HELD are held";
    my @many = map { subscribe($httpd, '/events', @how, head => 0) }
        1 .. 2 * $WORKERS;
    ok $page_is_served->(), 'many more clients than workers: a file is served';
    ok static_file($httpd), '... over HTTP/1.1, too';
    is scalar(grep { $_->read_head(20) && $_->status == 200 } @many),
        scalar @many, '... all are answered';
    is scalar(grep { opens($_) } @many), scalar @many, '... all open';
    is scalar(grep { $_->is_ended(10) } @many), scalar @many,
        '... and end cleanly, in turns';
    publish($httpd, 'news', 'still');
    is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @held),
        join(' ', ('still') x $HELD), '... who is held is not disturbed';

    # coming back with the last id, nothing is missed
    my $turn = subscribe($httpd, '/events', @how);
    opens($turn);
    ok $turn->is_ended(5), 'a turn ends';
    publish($httpd, 'news', 'missed');
    my $back = subscribe($httpd, '/events', @how,
        headers => ['Last-Event-ID: ' . $turn->last_id]);
    opens($back);
    is(($back->next_event(5) || {data => ''})->{data}, 'missed',
        '... and the next one goes on where it was');

    # ---- Killed clients ----------------------------------------------------

    kill KILL => map { $_->pid } @held;
    $_->close for @held, @many, $turn, $back;
    is wait_clients($httpd, 'news', 0, 5), 0,
        'clients that are killed are not counted any more';
    my $new = subscribe($httpd, '/events', @how);
    ok opens($new), 'their places are free';
    is $new->next_event(1), undef, '... and nothing comes unasked';
    ok $new->is_open, '... for longer than a turn';
    $new->close;
    is wait_clients($httpd, 'news', 0, 4), 0, '... until it goes';
    return;
}

try('TLS', 1);
try('h2c', 0);
try_reset();
try_full_window();
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'no error in the log';
done_testing;
