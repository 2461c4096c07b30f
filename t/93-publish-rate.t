#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPublishRate: how many events a publisher may publish, by user or
# address, over all children. Where a fact must not depend on the speed of this
# machine, the rate is some events in an hour.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $conf = <<'CONF';
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<LocationMatch "^/(publish|own|shared|other|off|login|address|all)$">
    SetHandler eventstream-publish
    EventStreamPublishFrom any
</LocationMatch>
<LocationMatch "^/(soon|slow|stuck|wait)$">
    SetHandler eventstream-publish
    EventStreamPublishFrom any
    LimitRequestBody 0
</LocationMatch>
<Location "/own">
    EventStreamPublishRate 1/h burst 5
</Location>
<LocationMatch "^/(shared|other|off)$">
    EventStreamPublishRate 1/h burst 3
</LocationMatch>
<Location "/off">
    EventStreamPublishRate off
</Location>
<LocationMatch "^/(login|address)$">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
    EventStreamPublishRate 2/h
</LocationMatch>
<Location "/address">
    EventStreamPublishRate 2/h per=address
</Location>
<Location "/all">
    EventStreamPublishRate 2/h per=all
</Location>
<Location "/soon">
    EventStreamPublishRate 60/min burst 1
</Location>
<Location "/slow">
    EventStreamPublishRate 20/s burst 5
</Location>
<Location "/stuck">
    EventStreamPublishRate 1/h burst 3
    EventStreamPublishTimeout 1
</Location>
<Location "/wait">
    EventStreamPublishRate 1/h burst 3
    EventStreamPublishTimeout 0
</Location>
CONF

# ann and bob, password "secret"
my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user status)],
    files => {'users' => "ann:$hash\nbob:$hash\n"},
    conf => $conf . status_conf());

sub reached
{
    my ($count) = get($httpd, '/server-status?auto')->{body} =~
        /^EventStream\.Reached\.PublishRate: (\d+)$/m;
    return $count;
}

# Posts events to channel a. Returns what request returns.
sub post
{
    my ($path, $events, %options) = @_;
    my @headers = ('Content-Type: '
            . (delete $options{type} || 'application/json'));
    if (my $user = delete $options{user}) {
        push @headers, 'Authorization: Basic '
            . encode_base64("$user:secret", '');
    }
    my @events = map { qq({"channel": "a", "data": $_}) } 1 .. $events;
    return request($httpd, 'POST', $path, headers => \@headers,
        body => $headers[0] =~ /ndjson/ ? join("\n", @events)
        : '[' . join(',', @events) . ']', %options);
}

sub statuses
{
    my ($path, $times, %options) = @_;
    return join ' ', map { post($path, 1, %options)->{status} } 1 .. $times;
}

# ---- A bucket ----------------------------------------------------------------

my $sse = subscribe($httpd, '/events');
$sse->next_event(5);

is statuses('/publish', 20), join(' ', (200) x 20),
    'there is no rate by preset';
$sse->next_event(5) for 1 .. 20;
is post('/own', 6)->{status}, 413,
    'a body of more events than the burst can never pass';
my $refused = post('/own', 6);
is $refused->{body}, "The body has 6 events, and at most 5 may be published at "
    . "once. Send them in parts, or as NDJSON.\n", '413 names both numbers';
is $refused->{headers}{'retry-after'}, undef, '413 has no Retry-After';
is post('/own', 3)->{status}, 200, 'each event of a body counts';
my $from = $httpd->log_size;
my $before = reached();
$refused = post('/own', 3);
is $refused->{status}, 429, 'more than is left is refused';
cmp_ok $refused->{headers}{'retry-after'}, '>', 3000,
    '429 has Retry-After: an event of the third is given back in an hour';
cmp_ok $refused->{headers}{'retry-after'}, '<=', 3600, 'and not later';
like $refused->{body}, qr/^Too many events; try again in \d+ seconds\.$/,
    '429 says so';
is reached(), $before + 1, 'mod_status counts the refusal';
like $httpd->error_log($from),
    qr/429: .*EventStreamPublishRate 1\/h burst 5 .*: address 127\.0\.0\.1/,
    'the error log has the directive and whom it limits';
is post('/own', 2)->{status}, 200, 'a refused body took nothing';
is statuses('/own', 3), '429 429 429', 'then nothing is left';
is post('/own', 1, body => '{"channel": "a"')->{status}, 400,
    'a bad body is refused for what it is';
is request($httpd, 'POST', '/own', body =>
        '{"items": [{"channel": "a", "formats": {"http-stream": '
        . '{"content": "data: x\n\n"}}}]}',
    headers => ['Content-Type: application/json'])->{status}, 429,
    'GRIP items count, too';
is request($httpd, 'POST', '/own?channel=a', body => 'x')->{status}, 429,
    'so does any other body';
is join(' ', map { $sse->next_event(5)->{data} } 1 .. 5), '1 2 3 1 2',
    'what is refused is not published';

# ---- Whom it limits ----------------------------------------------------------

is statuses('/own', 1, from => '127.0.0.2'), '200',
    'another address has a rate of its own';
is statuses('/shared', 2), '200 200', 'a Location';
is statuses('/other', 2), '200 429',
    'another one with the same directive shares its rate';
is statuses('/off', 5), join(' ', (200) x 5), 'off in an inner section';
is statuses('/login', 3, user => 'ann'), '200 200 429',
    'the burst is that of the rate without one';
is statuses('/login', 3, user => 'ann', from => '127.0.0.3'), '429 429 429',
    'a user is limited at each address';
is statuses('/login', 3, user => 'bob'), '200 200 429',
    'another user has a rate of its own';
is statuses('/address', 2, user => 'ann'), '200 200', 'with per=address';
is statuses('/address', 1, user => 'bob'), '429',
    'all users of an address are limited together';
is statuses('/address', 1, user => 'bob', from => '127.0.0.3'), '200',
    'those of another one are not';
is statuses('/all', 2), '200 200', 'with per=all';
is statuses('/all', 1, from => '127.0.0.4'), '429',
    'all publishers are limited together';

# ---- All children, and graceful ----------------------------------------------

is scalar($httpd->children), 2, 'there are two children';
is statuses('/own', 3, from => '127.0.0.5'), '200 200 200', 'three of five';
$httpd->kill_child(($httpd->children)[0]);
is statuses('/own', 1, from => '127.0.0.5'), '200',
    'a killed child leaves what is left';
ok $httpd->graceful, 'graceful succeeds';
is statuses('/own', 3, from => '127.0.0.5'), '200 429 429',
    'and what is left is still known';
undef $sse;

# ---- Back under it -----------------------------------------------------------

ok wait_for(
    sub { $refused = post('/soon', 1); return $refused->{status} == 429 }, 60),
    'events that follow each other at once are refused';
is $refused->{headers}{'retry-after'}, 1,
    'Retry-After is a whole number of seconds, rounded up';
ok wait_for(sub { post('/soon', 1)->{status} == 200 }, 60),
    'after its interval another one is admitted';

# ---- NDJSON ------------------------------------------------------------------

my $ndjson = 'application/x-ndjson';
$sse = subscribe($httpd, '/events');
$sse->next_event(5);
$before = reached();
my $begun = time;
my $answer = post('/slow', 25, type => $ndjson, timeout => 60);
my $took = time - $begun;
like $answer->{body}, qr/^\{"published": 25,/,
    'a fast stream is slowed down, and all of it is published';
# the clock of this test is another one, and may be adjusted
cmp_ok $took, '>=', 0.9, 'at its rate: 5 at once, and 20 in a second';
is join(' ', map { $sse->next_event(5)->{data} } 1 .. 25), join(' ', 1 .. 25),
    'its clients get all in order';
is reached(), $before + 1, 'mod_status counts the stream once';

$answer = post('/stuck', 5, type => $ndjson);
is $answer->{status}, 429,
    'a stream that would wait for longer than EventStreamPublishTimeout ends';
like $answer->{body},
    qr/^Line 4: Too many events; .* second.*Events published before: 3/,
    'the answer has the line, and how many were published';
cmp_ok $answer->{headers}{'retry-after'}, '>', 3000, 'and Retry-After';
is join(' ', map { $sse->next_event(5)->{data} } 1 .. 3), '1 2 3',
    'those before the line are published';

my $stream = subscribe($httpd, undef, head => 0,
    raw => "POST /wait HTTP/1.1\r\nHost: localhost\r\nContent-Type: $ndjson\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
my $lines = join '', map { qq({"channel": "a", "data": $_}\n) } 1 .. 6;
$stream->send(sprintf "%x\r\n%s\r\n", length $lines, $lines);
is join(' ', map { $sse->next_event(5)->{data} } 1 .. 3), '1 2 3',
    'what has been read is published before the stream waits';
ok $httpd->graceful, 'graceful ends the wait';
$stream->read_head(20);
$stream->is_ended(20);
like $stream->bytes, qr/^\{"published": 6,/,
    'the lines that were read are published then, and the answer counts them';
is join(' ', map { $sse->next_event(10)->{data} } 1 .. 3), '4 5 6',
    'and clients get them';
undef $sse;
undef $httpd;

# ---- Configuration -----------------------------------------------------------

my %refused = (
    'soon' => 'takes off, or a rate', '0/s' => 'takes off, or a rate',
    '100' => 'takes off, or a rate', '100/d' => 'takes off, or a rate',
    '-1/s' => 'takes off, or a rate', '' => 'takes off, or a rate',
    '100001/s' => 'takes off, or a rate', '1/s burst' => 'takes burst',
    '1/s burst 0' => 'after burst', '1/s burst 1x' => 'after burst',
    '1/s burst 1000001' => 'after burst', '1/s per=host' => 'per=address',
    '1/s 5' => 'takes burst', '1/h burst 25' => 'within a day',
    'off burst 5' => 'takes off, or a rate');
for my $words (sort keys %refused) {
    my ($ok, $output) =
        EventStream::Httpd->config_test("EventStreamPublishRate $words\n");
    ok !$ok, "configtest refuses '$words'";
    like $output, qr/EventStreamPublishRate .*\Q$refused{$words}\E/,
        'with the reason';
}
my ($ok, $output) = EventStream::Httpd->config_test(join '',
    map { "EventStreamPublishRate $_\n" } 'off', 'OFF', '1/S',
    '100000/s BURST 1000000 PER=User', '1/h burst 24',
    '30/min per=all burst 7');
ok $ok, 'configtest accepts rates' or diag $output;
done_testing;
