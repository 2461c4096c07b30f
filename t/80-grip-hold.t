#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a GRIP proxy is answered, to the byte: which requests count as proxied,
# the hold, its body, and what direct clients never see.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

my $dead = 'http://127.0.0.1:@PORT:dead@';    # no proxy listens there
my $httpd = EventStream::Httpd->start(presets => 1,
    modules => [qw(deflate filter)], conf => <<"CONF");
EventStreamHub open size=1m
EventStreamHub two size=1m
EventStreamHub must size=1m
EventStreamGrip "$dead" iss=me key=changeme
EventStreamGripOnError ignore
EventStreamGrip hub=open "$dead"
EventStreamGripPrefix hub=open none
EventStreamGrip hub=two "$dead"
EventStreamGrip hub=two "$dead/second" verify-key=two verify-iss=second
EventStreamGrip hub=must "$dead" verify-key=changeme
EventStreamGripRequired hub=must on
SetOutputFilter DEFLATE
EventStreamRetry 2
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}" "{?d}"
</Location>
<Location "/open">
    SetHandler eventstream
    EventStreamUseHub open
    EventStreamChannel "a"
    EventStreamKeepAliveForm comment
    EventStreamKeepAlive 1500ms
</Location>
<Location "/two">
    SetHandler eventstream
    EventStreamUseHub two
    EventStreamChannel "a"
    EventStreamKeepAlive 0
</Location>
<Location "/must">
    SetHandler eventstream
    EventStreamUseHub must
    EventStreamChannel "{?c}"
</Location>
<Location "/cors">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamAllowOrigin https://www.example.com
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamPublishFrom any
</Location>
CONF

my $good = 'Grip-Sig: ' . EventStream::Pushpin->sign('changeme');

sub grip_headers
{
    my ($answer) = @_;
    return join "\n", map { "$_: $answer->{headers}{$_}" }
        sort grep { /^grip-/ } keys %{$answer->{headers}};
}

# ---- The hold ----------------------------------------------------------------

my $got = get($httpd, '/events?c=a&c=b', $good, 'Accept-Encoding: gzip');
is $got->{status}, 200, 'a proxied request gets 200';
ok $got->{complete}, 'its answer is complete';
is $got->{headers}{'content-length'}, length $got->{body},
    'its answer has a Content-Length';
is $got->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
    'its answer has the type of a stream';
is $got->{headers}{'content-encoding'}, undef, 'its answer is not compressed';
is grip_headers($got), join("\n",
    'grip-channel: events-a, events-b', 'grip-hold: stream',
    'grip-keep-alive: event: keep-alive\ndata: \n\n; format=cstring; timeout=20'
), 'the answer has the instruction';
like $got->{body},
    qr/\Aevent: stream-open\nid: (\d+-\d+)\ndata: \nretry: 2000\n\n\z/,
    'the body is retry and stream-open with the present position, nothing else';
my ($present) = $got->{body} =~ /^id: (.*)/m;

$got = get($httpd, '/open', 'Grip-Sig: anything');
is grip_headers($got), join("\n", 'grip-channel: a', 'grip-hold: stream',
    'grip-keep-alive: : keep-alive\n; format=cstring; timeout=1'),
    'without verify-key= any Grip-Sig counts; no prefix; a comment as'
    . ' keep-alive';
like $httpd->error_log, qr/ES0601.*\bopen\b.*verify-key=/,
    'a hub without verify-key= is logged at start';
is scalar(() = $httpd->error_log =~ /ES0601/g), 1,
    'it is logged once, and no other hub';

$got = request($httpd, 'HEAD', '/events?c=a', headers => [$good]);
is $got->{status}, 200, 'HEAD gets 200';
is grip_headers($got), '', 'HEAD is not held';
is $got->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
    'HEAD has the type of a stream';

my %special = ('comma' => 'a,b', 'semicolon' => 'a;b', 'quote' => 'a"b',
    'percent' => 'a%2Cb', 'blank' => 'a b');
for my $name (sort keys %special) {
    (my $query = $special{$name}) =~ s/(\W)/sprintf '%%%02X', ord $1/ge;
    $got = get($httpd, "/events?c=$query", $good);
    is $got->{headers}{'grip-channel'}, "events-$query",
        "a $name in a channel name is encoded";
}

my $many = join '&', map { "c=$_" } 1 .. 20;
$got = get($httpd, "/events?$many", $good);
is scalar(split /, /, $got->{headers}{'grip-channel'}), 20,
    'a hold may have 20 channels';
$got = get($httpd, "/events?$many&d=x", $good);
is $got->{status}, 400, 'a hold with 21 channels is refused';
is $got->{body}, "Too many channels: at most 20 for a client behind a GRIP "
    . "proxy.\n", 'the answer gives the limit';
is grip_headers($got), '', 'the refusal has no instruction';

# ---- Replay ------------------------------------------------------------------

publish($httpd, 'a', $_) for 1 .. 3;
publish($httpd, 'elsewhere', 'x');
$got = get($httpd, '/events?c=a', $good, "Last-Event-ID: $present");
my @data = $got->{body} =~ /^data: (.*)/mg;
is_deeply \@data, ['', 1, 2, 3], 'Last-Event-ID replays what was missed';
is $got->{headers}{'content-length'}, length $got->{body},
    'a replay has a Content-Length';
my @ids = $got->{body} =~ /^id: (.*)/mg;
is $ids[0], $present, 'stream-open has the id that the client sent';
$got = get($httpd, "/events?c=a&lastEventId=$ids[2]", $good);
@data = $got->{body} =~ /^data: (.*)/mg;
is_deeply \@data, ['', 3], 'lastEventId replays what was missed';
$got = get($httpd, '/events?c=a', $good, 'Last-Event-ID: 99-99');
my $reset = "event: stream-reset\nid: \\d+-\\d+\n"
    . 'data: \{"channels":\["a"\]\}' . "\n\n";
like $got->{body},
    qr/\Aevent: stream-open\ndata: \nretry: 2000\n\n$reset\z/,
    'an id of another journal gets a reset';
ok $got->{headers}{'grip-hold'}, 'a client with a reset is held';

# More than one answer takes: no hold, the client reconnects for the rest.
publish($httpd, 'big', 'x' x 60_000) for 1 .. 12;
$got = get($httpd, '/events?c=big', $good, "Last-Event-ID: $present");
is grip_headers($got), '',
    'a client whose replay does not fit into an answer is not held';
@ids = $got->{body} =~ /^id: (.*)/mg;
ok @ids > 6 && @ids < 13,
    'the answer has a part of its events' or diag scalar @ids;
ok length $got->{body} <= 512 * 1024, 'the answer is no longer than its limit';
like $got->{body}, qr/x\n\n\z/, 'the answer ends with a whole event';
my $count = @ids - 1;
$got = get($httpd, '/events?c=big', $good, "Last-Event-ID: $ids[-1]");
is $count + (() = $got->{body} =~ /^data: x/mg), 12,
    'the next answer has the rest, each event once';
ok $got->{headers}{'grip-hold'}, 'the client is held then';

# ---- Which requests are proxied ----------------------------------------------

sub is_refused
{
    my ($path, $token, $name, $sentence) = @_;
    my $got = get($httpd, $path, $token ? "Grip-Sig: $token" : ());
    is $got->{status}, 403, "$name: the answer is 403";
    is $got->{body}, $sentence || "GRIP Signature Invalid.\n",
        "$name: the answer gives the reason";
    is grip_headers($got), '', "$name: the answer shows no channel";
    return;
}

is_refused('/events?c=a', EventStream::Pushpin->sign('wrong'),
    'a signature by another key');
is_refused('/events?c=a', 'x', 'a Grip-Sig that is no token');
is_refused('/events?c=a',
    EventStream::Pushpin->sign('changeme', exp => time - 1),
    'an expired token');
is_refused('/two', EventStream::Pushpin->sign('x', iss => 'second'),
    'one of two proxies has no key: a signature that no key verifies');
is_refused('/two', EventStream::Pushpin->sign('two', iss => 'first'),
    'a token of another iss');
is_refused('/must?c=a', undef, 'EventStreamGripRequired without Grip-Sig',
    "GRIP Signature Required.\n");
like $httpd->error_log,
    qr/ES0701.*GRIP Signature Invalid.*verify-key=/,
    'the error log names the parameter that helps';

$got = get($httpd, '/two', 'Grip-Sig: '
    . EventStream::Pushpin->sign('two', iss => 'second'));
is grip_headers($got), "grip-channel: events-a\ngrip-hold: stream",
    'a token of the right iss is held; EventStreamKeepAlive 0 gives no'
    . ' keep-alive';

# ---- Other requests ----------------------------------------------------------

my $direct = subscribe($httpd, '/events?c=a');
is $direct->next_event(5)->{event}, 'stream-open', 'a direct client is served';
unlike $direct->head, qr/^Grip-/mi, 'a direct client sees no header of GRIP';
publish($httpd, 'a', 'hello');
is $direct->next_event(5)->{data}, 'hello', 'a direct client receives events';

$got = get($httpd, '/events?c=a', $good, 'Accept: text/html');
is "$got->{status} $got->{body}", "406 Not Acceptable.\n",
    'Accept is checked for a proxied request';
$got = get($httpd, '/events', $good);
is "$got->{status} $got->{body}", "400 No specified channels.\n",
    'a proxied request without channel is refused';
is grip_headers($got), '', 'a refusal has no instruction';
$got = get($httpd, '/events?c=a', $good, 'Last-Event-ID: error');
is "$got->{status} $got->{body}",
    "400 last-event-id header may not be 'error'.\n",
    'a proxied request with Last-Event-ID: error is refused';

$got = get($httpd, '/cors', $good, 'Origin: https://www.example.com');
is $got->{headers}{'access-control-allow-origin'}, 'https://www.example.com',
    'a proxied request gets the CORS headers';
ok $got->{headers}{'grip-hold'}, 'a proxied request with Origin is held';

$got = publish($httpd, 'a', 'x');
is $got->{json}{clients}, 1, 'clients that a proxy holds are not counted';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
