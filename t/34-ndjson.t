#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing NDJSON, line by line, in a body that may be endless: when a line is
# published, what remains after a bad line, a limit or the publisher's death,
# and how much memory a long body takes.

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
    EventStreamAllowChannel "room-{room}" b
    LimitRequestBody 0
</LocationMatch>
<Location "/hasty">
    EventStreamPublishTimeout 3
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
is @notices, 1, 'LimitRequestBody is logged once at start';
like $notices[0], qr/\b1\b.*httpd\.conf.*line \d+/,
    'the message has the number of Locations and the first line';

my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

my $type = 'Content-Type: application/x-ndjson';

sub head
{
    my ($path, @headers) = @_;
    return join "\r\n", "POST $path HTTP/1.1", 'Host: localhost', $type,
        @headers, '', '';
}

# A publisher whose body is open.
sub open_body
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

# Publishes a whole body at once.
sub post
{
    my ($path, $body, @headers) = @_;
    my $client = EventStream::Client->connect($httpd->port);
    $client->{method} = 'POST';
    $client->send(head($path, 'Content-Length: ' . length $body, @headers)
        . $body);
    return answer($client);
}

sub curl_body
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

# ---- Lines are published as they arrive ------------------------------------

my $writer = open_body($httpd, '/publish');
for my $n (1 .. 3) {
    $writer->send(chunk(line($n)));
    is data($sse), $n, "line $n is published while the body is open";
}
my $answer = finish($writer);
is $answer->{status}, 200, 'the end of the body gets 200';
is $answer->{json}{published}, 3, 'the answer counts the events';
is $answer->{json}{id}, $sse->last_id, 'the answer has the last id';
is $answer->{json}{clients}, 1,
    'the answer counts the clients of the last event';
ok !$writer->is_open, 'the connection is closed after the answer';

$writer = open_body($httpd, '/publish');
for my $byte (split //, chunk(line('byte')) . chunk(line('by')) . chunk("\n")) {
    $writer->send($byte);
    sleep 0.002;
}
is data($sse), '"byte"', 'a line that is sent byte by byte is published';
is data($sse), '"by"', 'the next line of such a body is published';
$writer->send(chunk($_)) for split //, line('chunks of a byte');
is data($sse), '"chunks of a byte"',
    'a line in chunks of one byte is published';
is finish($writer)->{json}{published}, 3,
    'lines that are sent byte by byte are counted';

$writer = open_body($httpd, '/publish');
$writer->send(chunk("\n\r\n \t\n" . line(1) . "\n" . line(2) . line(3)));
is join(' ', map { data($sse) } 1 .. 3), '1 2 3',
    'empty lines between events are skipped';
$writer->send(chunk('{"channel": "a", "data": 4}' . "\r\n"));
is data($sse), 4, 'a line may end with CR LF';
$writer->send(chunk('{"channel":"a","text":"5",'));
$writer->send(chunk('"event":"e","id":"mine","retry":7}'));
is finish($writer)->{json}{published}, 5, 'a last line without LF is published';
my $event = $sse->next_event(5);
is "@$event{qw(event data id retry)}", 'e 5 mine 7',
    'the last line has all its fields';

$answer = finish(open_body($httpd, '/publish'));
is $answer->{body}, qq({"published": 0, "id": null, "clients": 0}\n),
    'a body without lines publishes nothing';
$answer = post('/publish', line(1) . line(2));
is $answer->{json}{published}, 2, 'a body with Content-Length is published';
is data($sse) . data($sse), 12, 'its lines arrive';

my $many = join '', map { line($_) } 1 .. 5000;
is post('/publish', $many)->{json}{published}, 5000,
    '5000 lines at once are published';
is join(' ', map { $_->{data} } $sse->events(5000, 10)), join(' ', 1 .. 5000),
    '5000 lines at once arrive in order';

# ---- Names of the type -----------------------------------------------------

# The number of events that were published, or the refusal.
sub post_as
{
    my ($as, $body) = @_;
    $answer = request($httpd, 'POST', '/publish', body => $body,
        headers => ["Content-Type: $as"]);
    my ($count) = $answer->{body} =~ /\A\{"published": (\d+)/;
    return defined $count ? $count : "$answer->{status} $answer->{body}";
}

for my $as (qw(application/ndjson application/jsonl application/x-jsonlines
    application/stream+json text/x-ndjson), 'application/jsonl; charset=utf-8')
{
    is post_as($as, line(1) . line(2)), 2, "$as is a stream of lines";
    is data($sse) . data($sse), 12, "$as: the lines arrive";
}
is post_as('application/json-seq', "\x1e" . line(1) . "\x1e\x1e" . line(2)
    . "\x1e\n" . "\x1e" . line(3)), 3, 'application/json-seq is such a stream';
is join('', map { data($sse) } 1 .. 3), '123', 'its texts arrive';
like post_as('application/json-seq', "\x1e" . line(1) . "\x1e{\n\"data\":1}\n"),
    qr/^400 JSON, line 2.*published before: 1/,
    'a text of several lines is refused';
is data($sse), 1, 'the text before it is published';

my $marked = "\xef\xbb\xbf" . line(1);
is post_as('application/x-ndjson', $marked x 2), 2,
    'a byte order mark before a line is skipped';
is data($sse) . data($sse), 11, 'lines with a byte order mark arrive';

# ---- Channels and presets --------------------------------------------------

is post('/publish?channel=b&event=preset', qq({"data":1}\n{"data":2,)
    . qq("event":"own"}\n{"data":3,"channel":["a","b"]}))->{json}{clients}, 2,
    'presets of the query are accepted';
is join(' ', map { "$_->{event} $_->{data}" } $sse->events(3, 5)),
    'preset 1 own 2 preset 3', 'fields of a line win over presets of the query';
is post('/publish/kitchen', qq({"data":1}\n{"data":2,"channel":"b"}\n)
    . qq({"data":3}))->{json}{published}, 3,
    'lines without channel are accepted where the Location has one';
is join('', map { data($sse) } 1 .. 3), '123',
    'they go to the channel of the Location';
$answer = post('/publish?channel=a&id=x', line('bad'));
is $answer->{status}, 400, 'an id in the query is refused';
like $answer->{body}, qr/'id' is for one event/,
    'the answer says that an id is for one event';

# ---- Bad lines -------------------------------------------------------------

my $good = line('good');
my @bad = (
    ['nonsense', 400, qr/^JSON, line 3, column 8: not valid JSON\./],
    ['{"channel":"a","data":"x" "y"}', 400, qr/^JSON, line 3, column \d+: /],
    ['{"channel":"a","data":[1e999,x]}', 400,
        qr/^JSON, line 3, column 30: not valid JSON/],
    ['[{"channel":"a"}]', 400, qr/^Line 3: A line is one event, not a list/],
    ['7', 400, qr/^Line 3: An event must be an object/],
    ['{"channel":7}', 400, qr/^Line 3: The field 'channel' must be/],
    ['{"channel":"a","message":"x"}', 400, qr/^Line 3: No data: .*'message'/],
    ['{"chanel":"a","data":1}', 400, qr/^Line 3: No channel: .*'chanel'/],
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
    $writer = open_body($httpd, '/publish');
    $writer->send(chunk($good . "\n" . "$bad\n" . line('never')));
    $answer = answer($writer);
    is $answer->{status}, $status, "bad line $name: refused at once";
    like $answer->{body}, $sentence, "bad line $name: the answer names it";
    like $answer->{body}, qr/ Events published before: 1\.\n\z/,
        "bad line $name: the answer counts the events before it";
    is data($sse), '"good"', "bad line $name: the event before it arrives";
}
$writer = open_body($httpd, '/publish');
$writer->send(chunk("bad\n") . chunk(line('x' x 60000)) x 60);
is answer($writer)->{status}, 400,
    'a publisher that goes on after a bad line reads the answer';

$answer = post('/limited', $good . line('bad', 'b'));
is $answer->{status}, 403, 'a line with a channel that is not allowed gets 403';
like $answer->{body}, qr/^Line 2: Channel not allowed: b\. .*before: 1\./,
    'the answer has the number of that line';
is data($sse), '"good"', 'the line before it is published';

sub with_id
{
    my ($id, $data) = @_;
    return qq({"channel":"a","id":"$id","data":$data}\n);
}

$answer = post('/publish', with_id('i', 1) . with_id('j', 2));
is $answer->{json}{published}, 2, 'lines with ids are published';
is data($sse) . data($sse), 12, 'lines with ids arrive';
$answer = post('/publish', with_id('i', 1) . with_id('k', 3) . "\n"
    . with_id('j', 7) . with_id('never', 8));
is $answer->{status}, 409, 'an id that another event has gets 409';
like $answer->{body}, qr/^Line 4: .*before: 2\./,
    'the answer has the number of that line';
is data($sse), 3,
    'lines before it are published, those with a known id are not sent again';

my $text_bytes = 100 - length('{"channel":"a","text":""}');
is post('/small', '{"channel":"a","text":"' . 'x' x $text_bytes . "\"}\n")
    ->{json}{published}, 1, 'a line of just EventStreamMaxBody is published';
is length data($sse), $text_bytes, 'a line of just EventStreamMaxBody arrives';
for my $end ("\n", '') {
    $writer = open_body($httpd, '/small');
    $writer->send(chunk($good . '{"channel":"a","text":"'
        . 'x' x ($text_bytes + 1) . '"}' . $end));
    $answer = answer($writer);
    is $answer->{status}, 413,
        'a longer line gets 413, with and without its end';
    like $answer->{body}, qr/^Line 2: .*EventStreamMaxBody.*before: 1\./,
        'the answer has the line and the directive';
    is data($sse), '"good"', 'the line before it is published';
}

# ---- How the body is sent --------------------------------------------------

$writer = open_body($httpd, '/publish', 'Trailer: X-Sum');
$writer->send(chunk(line('extended'), ';name="va lue"'));
is data($sse), '"extended"', 'chunk extensions are ignored';
$writer->send("0\r\nX-Sum: 7\r\n\r\n");
is answer($writer)->{json}{published}, 1, 'trailers are ignored';

$writer = open_body($httpd, '/publish');
$writer->send(chunk(line('trailer')) . "0\r\nX-Sum:");
is data($sse), '"trailer"',
    'a line before a trailer that is cut off is published';
$answer = answer($writer);
is $answer->{status}, 400, 'a trailer that is cut off gets 400';
like $answer->{body}, qr/before: 1\./, 'the answer counts the lines before it';

$writer = open_body($httpd, '/publish');
$writer->send(chunk($good . '{"channel":"a","data":"half') . "zz\r\n");
$answer = answer($writer);
is $answer->{status}, 400, 'a broken chunk gets 400';
like $answer->{body}, qr/before: 1\./,
    'the answer counts the lines before the broken chunk';
is data($sse), '"good"',
    'the whole line before the broken chunk is published, the half one is not';

$writer = open_body($httpd, '/publish');
$writer->send(chunk(line('before')) . 'f' x 20 . "\r\n");
is data($sse), '"before"',
    'a line before a chunk of an impossible size is published';
$answer = answer($writer);
is $answer->{status}, 413, 'a chunk of an impossible size gets 413';
like $answer->{body}, qr/chunks has an impossible size.*before: 1\./,
    'the answer names the size and counts the lines before it';

for my $how (qw(close reset)) {
    $writer = open_body($httpd, '/publish');
    $writer->send(chunk(line($how) . '{"channel":"a","data":"half'));
    is data($sse), qq("$how"),
        "a line is published before the connection ends by $how";
    $how eq 'close' ? $writer->close : close_with_rst($writer);
}
$writer = EventStream::Client->connect($httpd->port);
$writer->send(head('/publish', 'Content-Length: 1000') . $good . line('half')
    =~ s/\n//r);
shutdown $writer->socket, 1;
$answer = answer($writer);
is $answer->{status}, 400, 'an end before Content-Length gets 400';
is data($sse), '"good"', 'whole lines before that end are published';

is post('/publish', Compress::Zlib::memGzip($good), 'Content-Encoding: gzip')
    ->{status}, 415, 'a body in gzip gets 415';
is post('/inflate', Compress::Zlib::memGzip(line('zipped')),
    'Content-Encoding: gzip')->{json}{published}, 1,
    'a body in gzip is published where a filter decodes it';
is data($sse), '"zipped"', 'its lines arrive decoded';

$writer = open_body($httpd, '/publish', 'Expect: 100-continue');
$writer->fill(5);
is $writer->wire, "HTTP/1.1 100 Continue\r\n\r\n",
    '100 Continue is sent before the body';
$writer->send(chunk(line('continued')));
is data($sse), '"continued"', 'lines after 100 Continue are published';
is finish($writer)->{status}, 200, 'their body gets 200';

# ---- Time and size ---------------------------------------------------------

my %by = (TLS => ['--http1.1', $httpd->ssl_url('/publish')]);
%by = (%by, h2c => ['--http2-prior-knowledge', $httpd->url('/publish')],
    h2 => ['--http2', $httpd->ssl_url('/publish')]) if $with_h2;
my %answers = map { $_ => $httpd->root . "/answer-$_" } keys %by;
my %in = map { $_ => curl_body('-o', $answers{$_}, @{$by{$_}}) } keys %by;
$writer = open_body($httpd, '/publish');
$writer->send(chunk(line('before')));
is data($sse), '"before"',
    'a line is published under RequestReadTimeout body=1';
print $_ line('quiet', 'none') for values %in;
sleep 1.7;
print $_ line('quiet', 'none') for values %in;
$writer->send(chunk(line('after')));
is data($sse), '"after"',
    'a line after a pause longer than RequestReadTimeout is published';
is finish($writer)->{json}{published}, 2, 'its body ends with 200';
close $in{$_} for keys %in;
like slurp($answers{$_}), qr/"published": 2,/,
    "$_: a body outlives RequestReadTimeout, too"
    for sort keys %in;

$writer = open_body($httpd, '/hasty');
$writer->send(chunk(line('in time') . '{"channel":'));
is data($sse), '"in time"',
    'a line within EventStreamPublishTimeout is published';
$answer = answer($writer);
is $answer->{status}, 408,
    'a pause longer than EventStreamPublishTimeout gets 408';
like $answer->{body}, qr/EventStreamPublishTimeout\. .*before: 1\./,
    'the answer names the directive and counts the lines before it';
$writer = open_body($httpd, '/hasty');
for (1 .. 4) {
    sleep 1;
    $writer->send(chunk("\n"));
}
$writer->send(chunk(line('kept')));
is data($sse), '"kept"',
    'empty lines keep a body open beyond EventStreamPublishTimeout';
is finish($writer)->{status}, 200, 'its body ends with 200';

$writer = open_body($httpd, '/limited');
for my $n (1 .. 20) {
    $writer->send(chunk(line($n)));
}
$answer = answer($writer);
is $answer->{status}, 413, 'a body above LimitRequestBody gets 413';
like $answer->{body}, qr/LimitRequestBody.*before: (\d+)\./,
    'the answer names the directive and counts the lines before it';
my ($count) = $answer->{body} =~ /before: (\d+)/;
is join(' ', map { data($sse) } 1 .. $count), join(' ', 1 .. $count),
    'the lines that it counts arrive';

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
    $writer = open_body($httpd, '/publish');
    my $blocks = 0;
    my $more = sub {
        $writer->send($block) for 1 .. $_[0];
        $blocks += $_[0];
        $writer->send(chunk(line("mark $blocks")));
        return data($sse) eq qq("mark $blocks");
    };
    ok $more->(40), 'a body of 20,000 lines is published';
    my $before = resident();
    skip 'no memory statistics of the child here', 1
        if !$before || (EventStream::Httpd->build('sanitize') || '') eq 'yes';
    ok $more->(200), 'a body of 100,000 more lines is published';
    cmp_ok resident() - $before, '<', 1024,
        'these 12 MB let the child grow by less than 1024 KB';
    is finish($writer)->{json}{published}, $blocks * 500 + 2,
        'the answer counts all lines of a long body';
}
my $last_id = $sse->last_id;
$sse->close;

# ---- TLS, HTTP/2, other MPMs, and the child's end ---------------------------

sub by_curl
{
    my ($other, $name, $url, @arguments) = @_;
    my $to = $other->root . '/answer';
    my $stream = subscribe($other, '/events');
    $stream->next_event(5);
    my ($in) = curl_body('-o', $to, @arguments, $url);
    for my $n (1 .. 3) {
        print $in line("$name $n");
        is data($stream), qq("$name $n"),
            "$name: line $n is published while the body is open";
    }
    close $in;
    is slurp($to) =~ /\A\{"published": 3, / ? 1 : slurp($to), 1,
        "$name: the answer counts the lines";
    # curl 7.88 loses an answer that comes with RST_STREAM while it has not sent
    # the end of its body
    my $got = '';
    for (1 .. 10) {
        unlink $to;
        my $in = curl_body('-o', $to, @arguments, $url);
        print $in line('x') . "bad\n";
        close $in;
        $got = slurp($to);
        last if $got ne '';
    }
    like $got, qr/^JSON, line 2, .*before: 1\./,
        "$name: a bad line ends the body";
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
    my $open = open_body($other, '/publish');
    my $h2_before = h2_answers($other);
    my ($in) = $h2 ? curl_body('-o', '/dev/null', '--http2',
        $other->ssl_url('/publish')) : ();
    $open->send(chunk(line('whole') . '{"channel":"a","data":"half'));
    is data($stream), '"whole"', "$mpm: a line is published before graceful";
    print $in line('h2') if $h2;
    is data($stream), '"h2"',
        "$mpm: a line is published over HTTP/2 before graceful" if $h2;
    $other->graceful;
    $answer = answer($open);
    is $answer->{status}, 200, "$mpm: an open body gets 200 at graceful";
        is $answer->{json}{published}, 1,
            "$mpm: the answer counts its lines";
    # curl reads the answer only when it has more to send
    wait_for(sub { h2_answers($other) == $h2_before + 1 }, 5,
        "$mpm: an open body over HTTP/2 gets 200 at graceful") if $h2;
    close $in if $h2;

    unlike $other->error_log,
        qr/eventstream:(?:error|crit|alert|emerg)\]|exit signal/,
        "$mpm: the error log has no error";
}

$writer = open_body($httpd, '/publish');
$writer->send(chunk(line('last')));
my $lost = subscribe($httpd, '/events', headers => ["Last-Event-ID: $last_id"]);
ok $lost->skip_to('message', 5), 'a line is published before stop';
is $httpd->stop, 0, 'an open body does not keep httpd from stopping';
unlike $httpd->error_log, qr/exit signal/, 'no child has crashed';
done_testing;
