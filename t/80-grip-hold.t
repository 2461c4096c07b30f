#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a GRIP proxy is answered, to the byte: who counts as one, the hold, its
# body, and what is never told to others.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

my $dead = 'http://127.0.0.1:@PORT:dead@';    # nobody listens there
my $httpd = EventStream::Httpd->start(modules => [qw(deflate filter)],
    conf => <<"CONF");
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

# ---- the hold ----------------------------------------------------------------

my $got = get($httpd, '/events?c=a&c=b', $good, 'Accept-Encoding: gzip');
is $got->{status}, 200, 'a proxied request';
ok $got->{complete}, 'is answered to its end';
is $got->{headers}{'content-length'}, length $got->{body}, 'with its length';
is $got->{headers}{'content-type'}, 'text/event-stream', 'the type';
is $got->{headers}{'content-encoding'}, undef, 'not compressed';
is grip_headers($got), join("\n",
    'grip-channel: events-a, events-b', 'grip-hold: stream',
    'grip-keep-alive: event: keep-alive\ndata: \n\n; format=cstring; timeout=20'
), 'the instruction';
like $got->{body},
    qr/\Aretry: 2000\n\nevent: stream-open\nid: (\d+-\d+)\ndata: \n\n\z/,
    'retry, stream-open with the present position, and nothing else';
my ($present) = $got->{body} =~ /^id: (.*)/m;

$got = get($httpd, '/open', 'Grip-Sig: anything');
is grip_headers($got), join("\n", 'grip-channel: a', 'grip-hold: stream',
    'grip-keep-alive: : keep-alive\n\n; format=cstring; timeout=1'),
    'no key: whoever sends a Grip-Sig is believed; prefix none; a comment';
like $httpd->error_log, qr/ES0601: hub open: no proxy has a verify-key=/,
    'which is told at start';
is scalar(() = $httpd->error_log =~ /ES0601/g), 1, 'once, and of no other hub';

$got = request($httpd, 'HEAD', '/events?c=a', headers => [$good]);
is $got->{status}, 200, 'HEAD';
is grip_headers($got), '', 'is not held';
is $got->{headers}{'content-type'}, 'text/event-stream', 'but has the type';

my %dotted = ('comma' => 'a,b', 'semicolon' => 'a;b', 'quote' => 'a"b',
    'percent' => 'a%2Cb', 'blank' => 'a b');
for my $name (sort keys %dotted) {
    (my $query = $dotted{$name}) =~ s/(\W)/sprintf '%%%02X', ord $1/ge;
    $got = get($httpd, "/events?c=$query", $good);
    is $got->{headers}{'grip-channel'}, "events-$query",
        "a $name in a channel is encoded";
}

my $many = join '&', map { "c=$_" } 1 .. 20;
$got = get($httpd, "/events?$many", $good);
is scalar(split /, /, $got->{headers}{'grip-channel'}), 20, '20 channels';
$got = get($httpd, "/events?$many&d=x", $good);
is $got->{status}, 400, 'and not one more';
is $got->{body}, "Too many channels: at most 20 for a client behind a GRIP "
    . "proxy.\n", 'which is told';
is grip_headers($got), '', 'without instruction';

# ---- replay ------------------------------------------------------------------

publish($httpd, 'a', $_) for 1 .. 3;
publish($httpd, 'elsewhere', 'x');
$got = get($httpd, '/events?c=a', $good, "Last-Event-ID: $present");
my @data = $got->{body} =~ /^data: (.*)/mg;
is_deeply \@data, ['', 1, 2, 3], 'Last-Event-ID: what was missed is replayed';
is $got->{headers}{'content-length'}, length $got->{body}, 'as a whole';
my @ids = $got->{body} =~ /^id: (.*)/mg;
is $ids[0], $present, 'stream-open has the position that was asked for';
$got = get($httpd, "/events?c=a&lastEventId=$ids[2]", $good);
@data = $got->{body} =~ /^data: (.*)/mg;
is_deeply \@data, ['', 3], 'or the query parameter';
$got = get($httpd, '/events?c=a', $good, 'Last-Event-ID: 99-99');
my $reset = "event: stream-reset\nid: \\d+-\\d+\n"
    . 'data: \{"channels":\["a"\]\}' . "\n\n";
like $got->{body},
    qr/\Aretry: 2000\n\nevent: stream-open\ndata: \n\n$reset\z/,
    'an id of another journal gets stream-reset';
ok $got->{headers}{'grip-hold'}, '... and is held';

# More than an answer takes: no hold, the client comes back for the rest.
publish($httpd, 'big', 'x' x 60_000) for 1 .. 12;
$got = get($httpd, '/events?c=big', $good, "Last-Event-ID: $present");
is grip_headers($got), '', 'too much for an answer: not held';
@ids = $got->{body} =~ /^id: (.*)/mg;
ok @ids > 6 && @ids < 13, 'a part of the events comes' or diag scalar @ids;
ok length $got->{body} <= 512 * 1024, 'within the bound';
like $got->{body}, qr/x\n\n\z/, 'all of them whole';
my $count = @ids - 1;
$got = get($httpd, '/events?c=big', $good, "Last-Event-ID: $ids[-1]");
is $count + (() = $got->{body} =~ /^data: x/mg), 12,
    'the next request brings the rest, each once';
ok $got->{headers}{'grip-hold'}, 'and is held';

# ---- who is a proxy ----------------------------------------------------------

sub refused
{
    my ($path, $token, $name, $sentence) = @_;
    my $got = get($httpd, $path, $token ? "Grip-Sig: $token" : ());
    is $got->{status}, 403, $name;
    is $got->{body}, $sentence || "GRIP Signature Invalid.\n", '... is told';
    is grip_headers($got), '', '... and no channel is shown';
    return;
}

refused('/events?c=a', EventStream::Pushpin->sign('wrong'), 'another key');
refused('/events?c=a', 'x', 'no token');
refused('/events?c=a', EventStream::Pushpin->sign('changeme', exp => time - 1),
    'expired');
refused('/two', EventStream::Pushpin->sign('x', iss => 'second'),
    'one proxy of two has no key: an unknown signature');
refused('/two', EventStream::Pushpin->sign('two', iss => 'first'),
    'another iss');
refused('/must?c=a', undef, 'GRIP is required',
    "GRIP Signature Required.\n");
like $httpd->error_log,
    qr/ES0701: 403 GRIP Signature Invalid\. .* is no good: .* verify-key=/,
    'the error log tells the remedy';

$got = get($httpd, '/two', 'Grip-Sig: '
    . EventStream::Pushpin->sign('two', iss => 'second'));
is grip_headers($got), "grip-channel: events-a\ngrip-hold: stream",
    'the right one; no keep-alive where there is none';
# ---- others ------------------------------------------------------------------

my $direct = subscribe($httpd, '/events?c=a');
is $direct->next_event(5)->{event}, 'stream-open', 'a direct client is served';
unlike $direct->head, qr/^Grip-/mi, 'and told nothing of GRIP';
publish($httpd, 'a', 'hello');
is $direct->next_event(5)->{data}, 'hello', 'it gets events from here';

$got = get($httpd, '/events?c=a', $good, 'Accept: text/html');
is "$got->{status} $got->{body}", "406 Not Acceptable.\n", 'Accept counts';
$got = get($httpd, '/events', $good);
is "$got->{status} $got->{body}", "400 No specified channels.\n", 'no channel';
is grip_headers($got), '', 'no instruction with refusals';
$got = get($httpd, '/events?c=a', $good, 'Last-Event-ID: error');
is "$got->{status} $got->{body}",
    "400 last-event-id header may not be 'error'.\n", 'Last-Event-ID: error';

$got = get($httpd, '/cors', $good, 'Origin: https://www.example.com');
is $got->{headers}{'access-control-allow-origin'}, 'https://www.example.com',
    'CORS stays';
ok $got->{headers}{'grip-hold'}, 'with the hold';

$got = publish($httpd, 'a', 'x');
is $got->{json}{clients}, 1, 'held elsewhere: only the direct client counts';
is $httpd->stop, 0, 'httpd stops in good order';
done_testing;
