#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing lines as they come, in a body that may be endless: what is
# published and when, what a bad line, a limit or the writer's death leaves,
# and what it costs.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use Compress::Zlib ();
use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $conf = <<'CONF';
RequestReadTimeout body=1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a b room-kitchen
</Location>
<LocationMatch "^/(publish|hasty|inflate|small)$">
    SetHandler eventstream-publish
    LimitRequestBody 0
</LocationMatch>
<LocationMatch "^/publish/(?<room>[^/]+)$">
    SetHandler eventstream-publish
    EventStreamChannel "room-{room}"
    LimitRequestBody 0
</LocationMatch>
<Location "/hasty">
    EventStreamPublishTimeout 1
</Location>
<Location "/limited">
    SetHandler eventstream-publish
    LimitRequestBody 200
    EventStreamAllowChannel "a*"
</Location>
<Location "/inflate">
    SetInputFilter DEFLATE
</Location>
<Location "/small">
    EventStreamMaxBody 100
</Location>
CONF
my $with_h2 = EventStream::Httpd->has_module('http2')
    && `curl --version` =~ /^Features:.* HTTP2\b/m;
my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => $with_h2, modules => [qw(deflate filter reqtimeout)],
    conf => $conf,
    mpm_conf => <<'MPM');
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
MPM

my @notices = $httpd->error_log =~ /notice\].*(ES0110: .*)/g;
is @notices, 1, 'LimitRequestBody is told at start, once';
like $notices[0], qr/in 1 section\(s\), first in .*httpd\.conf, line \d+/,
    '... with the place';

my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream is open';

my $type = 'Content-Type: application/x-ndjson';

sub head
{
    my ($path, @headers) = @_;
    return join "\r\n", "POST $path HTTP/1.1", 'Host: localhost', $type,
        @headers, '', '';
}

# A writer whose body is open.
sub feed
{
    my ($where, $path, @headers) = @_;
    my $client = EventStream::Client->connect(
        ref $where ? $where->port : $where);
    $client->{method} = 'POST';
    $client->send(head($path, 'Transfer-Encoding: chunked', @headers));
    return $client;
}

sub chunk
{
    my ($bytes, $extension) = @_;
    return sprintf("%x%s\r\n", length $bytes, $extension || '') . "$bytes\r\n";
}

sub line
{
    my ($data, $channel) = @_;
    return JSON::PP->new->canonical->encode(
        {channel => $channel || 'a', data => $data}) . "\n";
}

sub answer
{
    my ($client) = @_;
    $client->read_head(10);
    $client->is_ended(10);
    return {status => $client->status, body => $client->bytes,
        json => eval { JSON::PP::decode_json($client->bytes) } || {}};
}

# Ends the body.
sub finish
{
    my ($client) = @_;
    $client->send("0\r\n\r\n");
    return answer($client);
}

sub data
{
    my ($client) = @_;
    my $event = $client->next_event(5);
    return $event ? $event->{data} : 'nothing';
}

# A whole body at once.
sub post
{
    my ($path, $body, @headers) = @_;
    my $client = EventStream::Client->connect($httpd->port);
    $client->{method} = 'POST';
    $client->send(head($path, 'Content-Length: ' . length $body, @headers)
        . $body);
    return answer($client);
}

sub curl_feed
{
    my (@arguments) = @_;
    open my $in, '|-', 'curl', '-s', '-k', '-N', '-T', '.', '-X', 'POST',
        '--no-progress-meter', '-H', $type, @arguments or die "curl: $!";
    $in->autoflush(1);
    return $in;
}

sub slurp
{
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}

# ---- As they come ----------------------------------------------------------

my $feed = feed($httpd, '/publish');
for my $n (1 .. 3) {
    $feed->send(chunk(line($n)));
    is data($sse), $n, "line $n is published while the body is open";
}
my $answer = finish($feed);
is $answer->{status}, 200, 'the end';
is $answer->{json}{published}, 3, 'how many';
is $answer->{json}{id}, $sse->last_id, 'the last id';
is $answer->{json}{clients}, 1, 'the clients of the last one';
ok !$feed->is_open, 'the connection is closed';

$feed = feed($httpd, '/publish');
for my $byte (split //, chunk(line('byte')) . chunk(line('by')) . chunk("\n")) {
    $feed->send($byte);
    sleep 0.002;
}
is data($sse), '"byte"', 'sent byte by byte';
is data($sse), '"by"', '... and the next one';
$feed->send(chunk($_)) for split //, line('chunks of a byte');
is data($sse), '"chunks of a byte"', 'in chunks of a byte';
is finish($feed)->{json}{published}, 3, '... all are counted';

$feed = feed($httpd, '/publish');
$feed->send(chunk("\n\r\n \t\n" . line(1) . "\n" . line(2) . line(3)));
is join(' ', map { data($sse) } 1 .. 3), '1 2 3', 'empty lines are nothing';
$feed->send(chunk('{"channel": "a", "data": 4}' . "\r\n"));
is data($sse), 4, 'CR LF';
$feed->send(chunk('{"channel":"a","text":"5",'));
$feed->send(chunk('"event":"e","id":"mine","retry":7}'));
is finish($feed)->{json}{published}, 5, 'a last line without LF counts';
my $event = $sse->next_event(5);
is "@$event{qw(event data id retry)}", 'e 5 mine 7', '... with all fields';

$answer = finish(feed($httpd, '/publish'));
is $answer->{body}, qq({"published": 0, "id": null, "clients": 0}\n),
    'no line at all';
$answer = post('/publish', line(1) . line(2));
is $answer->{json}{published}, 2, 'with Content-Length';
is data($sse) . data($sse), 12, '... they arrive';

my $many = join '', map { line($_) } 1 .. 5000;
is post('/publish', $many)->{json}{published}, 5000, 'many at once';
is join(' ', map { $_->{data} } $sse->events(5000, 10)), join(' ', 1 .. 5000),
    '... all, in order';

# ---- Channels and presets --------------------------------------------------

is post('/publish?channel=b&event=preset', qq({"data":1}\n{"data":2,)
    . qq("event":"own"}\n{"data":3,"channel":["a","b"]}))->{json}{clients}, 2,
    'presets of the query';
is join(' ', map { "$_->{event} $_->{data}" } $sse->events(3, 5)),
    'preset 1 own 2 preset 3', '... and what wins over them';
is post('/publish/kitchen', qq({"data":1}\n{"data":2,"channel":"b"}\n)
    . qq({"data":3}))->{json}{published}, 3, 'the channel of the Location';
is join('', map { data($sse) } 1 .. 3), '123', '... they arrive';
$answer = post('/publish?channel=a&id=x', line('bad'));
is $answer->{status}, 400, 'an id for all lines';
like $answer->{body}, qr/'id' is for one event/, '... is told';

# ---- Bad lines -------------------------------------------------------------

my $good = line('good');
my @bad = (
    ['nonsense', 400, qr/^JSON, line 3, column 8: not valid JSON\./],
    ['{"channel":"a","data":"x" "y"}', 400, qr/^JSON, line 3, column \d+: /],
    ['[{"channel":"a"}]', 400, qr/^Line 3: A line is one event, not a list/],
    ['7', 400, qr/^Line 3: An event must be an object/],
    ['{"channel":7}', 400, qr/^Line 3: The field 'channel' must be/],
    ['{"chanel":"a"}', 400, qr/^Line 3: No channel: .*'chanel'/],
    ['{"channel":"a","event":"x\ny"}', 400, qr/^Line 3: The field 'event'/],
    ['{"channel":"a","id":"1-1"}', 400, qr/^Line 3: The field 'id'/],
    ["{\"channel\":\"a\",\"text\":\"\xff\"}", 400, qr/^JSON, line 3.*UTF-8/],
    ['{"channel":"a","text":"' . 'x' x 65537 . '"}', 413,
        qr/^Line 3: The field 'data' has 65537 bytes/],
    ["\0", 400, qr/^JSON, line 3/],
);
for my $case (@bad) {
    my ($bad, $status, $sentence) = @$case;
    my $name = substr $bad, 0, 30;
    $name =~ s/[^ -~]/?/g;
    $feed = feed($httpd, '/publish');
    $feed->send(chunk($good . "\n" . "$bad\n" . line('never')));
    $answer = answer($feed);
    is $answer->{status}, $status, "$name: refused at once";
    like $answer->{body}, $sentence, '... tells the line';
    like $answer->{body}, qr/ Events published before: 1\.\n\z/,
        '... and how many were published';
    is data($sse), '"good"', '... which were';
}
$feed = feed($httpd, '/publish');
$feed->send(chunk("bad\n") . chunk(line('x' x 60000)) x 60);
is answer($feed)->{status}, 400, 'who goes on after a bad line hears of it';

$answer = post('/limited', $good . line('bad', 'b'));
is $answer->{status}, 403, 'a channel that is not allowed';
like $answer->{body}, qr/^Line 2: Channel not allowed: b\. .*before: 1\./,
    '... with its line';
is data($sse), '"good"', '... the one before is published';

sub with_id
{
    my ($id, $data) = @_;
    return qq({"channel":"a","id":"$id","data":$data}\n);
}

$answer = post('/publish', with_id('i', 1) . with_id('j', 2));
is $answer->{json}{published}, 2, 'ids of the publisher';
is data($sse) . data($sse), 12, '... arrive';
$answer = post('/publish', with_id('i', 1) . with_id('k', 3) . "\n"
    . with_id('j', 7) . with_id('never', 8));
is $answer->{status}, 409, 'an id that belongs to another event';
like $answer->{body}, qr/^Line 4: .*before: 2\./,
    '... is told, with its line';
is data($sse), 3, '... those before it stand, the known one is not sent again';

my $room = 100 - length('{"channel":"a","text":""}');
is post('/small', '{"channel":"a","text":"' . 'x' x $room . "\"}\n")
    ->{json}{published}, 1, 'a line of just EventStreamMaxBody';
is length data($sse), $room, '... arrives';
for my $end ("\n", '') {
    $feed = feed($httpd, '/small');
    $feed->send(chunk($good . '{"channel":"a","text":"' . 'x' x ($room + 1)
        . '"}' . $end));
    $answer = answer($feed);
    is $answer->{status}, 413, 'a byte more, whole or not';
    like $answer->{body}, qr/^Line 2: .*EventStreamMaxBody.*before: 1\./,
        '... is told';
    is data($sse), '"good"', '... the one before is published';
}

# ---- How the body comes ----------------------------------------------------

$feed = feed($httpd, '/publish', 'Trailer: X-Sum');
$feed->send(chunk(line('extended'), ';name="va lue"'));
is data($sse), '"extended"', 'chunk extensions';
$feed->send("0\r\nX-Sum: 7\r\n\r\n");
is answer($feed)->{json}{published}, 1, 'trailers';

$feed = feed($httpd, '/publish');
$feed->send(chunk(line('trailer')) . "0\r\nX-Sum:");
is data($sse), '"trailer"', 'trailers that do not come';
$answer = answer($feed);
is $answer->{status}, 400, '... are not waited for';
like $answer->{body}, qr/before: 1\./, '... the lines stand';

$feed = feed($httpd, '/publish');
$feed->send(chunk($good . '{"channel":"a","data":"half') . "zz\r\n");
$answer = answer($feed);
is $answer->{status}, 400, 'a broken chunk';
like $answer->{body}, qr/before: 1\./, '... how many were published';
is data($sse), '"good"', '... which were, and not the half one';

$feed = feed($httpd, '/publish');
$feed->send(chunk(line('before')) . 'f' x 20 . "\r\n");
is data($sse), '"before"', 'what came before a chunk that cannot be';
$answer = answer($feed);
is $answer->{status}, 413, '... which httpd calls too large';
like $answer->{body}, qr/size of a chunk.*before: 1\./, '... is told';

for my $how (qw(close reset)) {
    $feed = feed($httpd, '/publish');
    $feed->send(chunk(line($how) . '{"channel":"a","data":"half'));
    is data($sse), qq("$how"), "a writer that dies by $how";
    $how eq 'close' ? $feed->close : reset_client($feed);
}
$feed = EventStream::Client->connect($httpd->port);
$feed->send(head('/publish', 'Content-Length: 1000') . $good . line('half')
    =~ s/\n//r);
shutdown $feed->socket, 1;
$answer = answer($feed);
is $answer->{status}, 400, 'an end before Content-Length';
is data($sse), '"good"', '... whole lines are published';

is post('/publish', Compress::Zlib::memGzip($good), 'Content-Encoding: gzip')
    ->{status}, 415, 'gzip';
is post('/inflate', Compress::Zlib::memGzip(line('zipped')),
    'Content-Encoding: gzip')->{json}{published}, 1,
    'with a filter that undoes it';
is data($sse), '"zipped"', '... it is undone';

$feed = feed($httpd, '/publish', 'Expect: 100-continue');
$feed->fill(5);
is $feed->wire, "HTTP/1.1 100 Continue\r\n\r\n", '100 Continue';
$feed->send(chunk(line('continued')));
is data($sse), '"continued"', '... then lines';
is finish($feed)->{status}, 200, '... and the end';

# ---- Time and size ---------------------------------------------------------

my %by = (TLS => ['--http1.1', $httpd->ssl_url('/publish')]);
%by = (%by, h2c => ['--http2-prior-knowledge', $httpd->url('/publish')],
    h2 => ['--http2', $httpd->ssl_url('/publish')]) if $with_h2;
my %answers = map { $_ => $httpd->root . "/answer-$_" } keys %by;
my %in = map { $_ => curl_feed('-o', $answers{$_}, @{$by{$_}}) } keys %by;
$feed = feed($httpd, '/publish');
$feed->send(chunk(line('before')));
is data($sse), '"before"', 'RequestReadTimeout body=1';
print $_ line('quiet', 'none') for values %in;
sleep 1.7;
print $_ line('quiet', 'none') for values %in;
$feed->send(chunk(line('after')));
is data($sse), '"after"', '... does not count for lines';
is finish($feed)->{json}{published}, 2, '... nor for the end';
close $in{$_} for keys %in;
like slurp($answers{$_}), qr/"published": 2,/, "... nor over $_"
    for sort keys %in;

$feed = feed($httpd, '/hasty');
$feed->send(chunk(line('in time') . '{"channel":'));
is data($sse), '"in time"', 'EventStreamPublishTimeout';
$answer = answer($feed);
is $answer->{status}, 408, '... counts between lines';
like $answer->{body}, qr/EventStreamPublishTimeout\. .*before: 1\./,
    '... and is told';
$feed = feed($httpd, '/hasty');
for (1 .. 3) {
    sleep 0.5;
    $feed->send(chunk("\n"));
}
$feed->send(chunk(line('kept')));
is data($sse), '"kept"', 'an empty line keeps the body open';
is finish($feed)->{status}, 200, '... to its end';

$feed = feed($httpd, '/limited');
for my $n (1 .. 20) {
    $feed->send(chunk(line($n)));
}
$answer = answer($feed);
is $answer->{status}, 413, 'LimitRequestBody';
like $answer->{body}, qr/LimitRequestBody.*before: (\d+)\./, '... is told';
my ($count) = $answer->{body} =~ /before: (\d+)/;
is join(' ', map { data($sse) } 1 .. $count), join(' ', 1 .. $count),
    '... with what was published';

# ---- Memory ----------------------------------------------------------------

sub resident
{
    my ($pid) = $httpd->children;
    open my $in, '<', "/proc/$pid/smaps_rollup" or return 0;
    my %kb = map { /^(\w+):\s+(\d+) kB/ ? ($1 => $2) : () } <$in>;
    return $kb{Anonymous} // $kb{Private_Dirty} // 0;
}

SKIP: {
    my $block = join '', map { chunk(line("$_ " . 'x' x 80, 'none')) } 1 .. 500;
    $feed = feed($httpd, '/publish');
    my $blocks = 0;
    my $more = sub {
        $feed->send($block) for 1 .. $_[0];
        $blocks += $_[0];
        $feed->send(chunk(line("mark $blocks")));
        return data($sse) eq qq("mark $blocks");
    };
    ok $more->(40), 'a long body';
    my $before = resident();
    skip 'no figures of memory here', 1
        if !$before || (EventStream::Httpd->build('sanitize') || '') eq 'yes';
    ok $more->(200), '... a longer one';
    cmp_ok resident() - $before, '<', 1024,
        '... of 12 MB takes no memory (KB of growth)';
    is finish($feed)->{json}{published}, $blocks * 500 + 2, '... all counted';
}
my $last_id = $sse->last_id;
$sse->close;

# ---- Other ways in, other MPMs, and the child's end -------------------------

sub by_curl
{
    my ($other, $name, $url, @arguments) = @_;
    my $to = $other->root . '/answer';
    my $stream = subscribe($other, '/events');
    $stream->next_event(5);
    my ($in) = curl_feed('-o', $to, @arguments, $url);
    for my $n (1 .. 3) {
        print $in line("$name $n");
        is data($stream), qq("$name $n"), "$name: line $n as it comes";
    }
    close $in;
    is slurp($to) =~ /\A\{"published": 3, / ? 1 : slurp($to), 1,
        "$name: the answer";
    print {curl_feed('-o', $to, @arguments, $url)} line('x') . "bad\n";
    wait_for(sub { slurp($to) =~ /^JSON, line 2, .*before: 1\./ }, 5,
        "$name: a bad line");
}

sub h2_answers
{
    my ($other) = @_;
    return scalar(() = $other->access_log =~ m{POST /publish HTTP/2\S* 200}g);
}

for my $mpm (qw(event worker prefork)) {
    next if !EventStream::Httpd->has_module("mpm_$mpm");
    my $h2 = $with_h2 && $mpm ne 'prefork';
    my $other = EventStream::Httpd->start(
        mpm => $mpm, ssl => 1, h2 => $h2, modules => ['reqtimeout'],
        conf => $conf =~ s/^ *SetInputFilter.*\n//mr);
    by_curl($other, "$mpm", $other->url('/publish'), '--http1.1');
    by_curl($other, "$mpm, TLS", $other->ssl_url('/publish'), '--http1.1');
    if ($h2) {
        by_curl($other, "$mpm, h2c", $other->url('/publish'),
            '--http2-prior-knowledge');
        by_curl($other, "$mpm, h2", $other->ssl_url('/publish'), '--http2');
    }

    my $stream = subscribe($other, '/events');
    $stream->next_event(5);
    my $open = feed($other, '/publish');
    my $h2_before = h2_answers($other);
    my ($in) = $h2 ? curl_feed('-o', '/dev/null', '--http2',
        $other->ssl_url('/publish')) : ();
    $open->send(chunk(line('whole') . '{"channel":"a","data":"half'));
    is data($stream), '"whole"', "$mpm: an open body";
    print $in line('h2') if $h2;
    is data($stream), '"h2"', '... and one of HTTP/2' if $h2;
    $other->graceful;
    $answer = answer($open);
    is $answer->{status}, 200, "$mpm: graceful ends it well";
    is $answer->{json}{published}, 1, '... with its count';
    # curl itself would look for the answer when it has something to send
    wait_for(sub { h2_answers($other) == $h2_before + 1 }, 5,
        '... HTTP/2, too') if $h2;
    close $in if $h2;

    unlike $other->error_log,
        qr/eventstream:(?:error|crit|alert|emerg)\]|exit signal/,
        '... no error in the log';
}

$feed = feed($httpd, '/publish');
$feed->send(chunk(line('last')));
my $lost = subscribe($httpd, '/events', headers => ["Last-Event-ID: $last_id"]);
ok $lost->skip_to('message', 5), 'an open body';
is $httpd->stop, 0, '... does not keep httpd from stopping';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
