#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients behind a real Pushpin: held there by our instruction, beside those
# that are served here. What is published to Pushpin here goes to its control
# port by hand.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

EventStream::Pushpin->or_skip;

my $httpd = EventStream::Httpd->start(modules => [qw(deflate filter)],
    conf => <<'CONF');
EventStreamHub keyed size=1m
EventStreamGrip "http://127.0.0.1:@PORT:push@" iss=me key=changeme
EventStreamGripOnError ignore
EventStreamGrip hub=keyed "http://127.0.0.1:@PORT:push@" verify-key=another
EventStreamGripOnError hub=keyed ignore
EventStreamKeepAlive 1
SetOutputFilter DEFLATE
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}" "{?also}"
</LocationMatch>
<LocationMatch "^/keyed/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamUseHub keyed
    EventStreamChannel "{room}"
</LocationMatch>
<Location "/quiet">
    SetHandler eventstream
    EventStreamChannel "quiet"
    EventStreamKeepAlive 60
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $pushpin = EventStream::Pushpin->start(
    origin => $httpd->port, control => $httpd->port_of('push'));

sub frame
{
    my ($data, $id) = @_;
    return ($id ? "id: $id\n" : '') . "data: $data\n\n";
}

# The stream's events but keep-alives.
sub next_data
{
    my ($client) = @_;
    while (my $event = $client->next_event(10)) {
        return $event->{data} if $event->{event} ne 'keep-alive';
    }
    return 'nothing';
}

sub open_stream
{
    my ($where, $path, $name, %opt) = @_;
    my $client = subscribe($where, $path, %opt);
    my $event = $client->next_event(10) || {event => 'nothing'};
    is $event->{event}, 'stream-open', $name;
    return ($client, $event);
}

# ---- the stream --------------------------------------------------------------

my ($one, $open) = open_stream($pushpin, '/events/a?also=b', 'through Pushpin');
is $one->header('content-type'), 'text/event-stream', 'its type';
is $one->header('content-encoding'), undef, 'not compressed';
unlike $one->head, qr/^(Grip-|Content-Length)/mi, 'nothing of GRIP in its head';
like $one->head, qr/^Transfer-Encoding: chunked/mi, 'chunked by Pushpin';
like $open->{id}, qr/^\d+-\d+$/, 'it has the present position';
my ($two) = open_stream($pushpin, '/events/a', 'another client');
my ($direct) = open_stream($httpd, '/events/a', 'a direct one beside them');
my ($quiet) = open_stream($pushpin, '/quiet', 'one of another channel');

is $pushpin->publish('events-a', frame($_))->{status}, 200, "publish $_"
    for 1 .. 5;
is $pushpin->publish('events-b', frame('b'))->{status}, 200, 'to the other';
is_deeply [map { next_data($one) } 1 .. 6], [1 .. 5, 'b'],
    'events of both channels, in order';
is_deeply [map { next_data($two) } 1 .. 5], [1 .. 5],
    'the other client has its own';
is $one->skip_to('keep-alive', 10)->{data}, '', 'keep-alive from Pushpin';
is $direct->skip_to('keep-alive', 10)->{raw},
    $two->skip_to('keep-alive', 10)->{raw}, 'which is as ours, to the byte';
is $quiet->fill(0), 0, 'the quiet stream is quiet';
like $quiet->bytes,
    qr/\Aretry: 3000\n\nevent: stream-open\nid: \S+\ndata: \n\n\z/,
    'and has what a direct one begins with';

my $old = subscribe($pushpin, '/events/a', version => '1.0');
is next_data($old), '', 'an HTTP/1.0 client';
unlike $old->head, qr/^Transfer-Encoding/mi, 'gets no chunks';
$pushpin->publish('events-a', frame('old'));
is next_data($old), 'old', 'but events';

my $odd = "caf\xc3\xa9, \"x;y\" 50%";
(my $path = $odd) =~ s/([^a-z0-9])/sprintf '%%%02X', ord $1/ge;
my ($strange) = open_stream($pushpin, "/events/$path", 'a name with anything');
$pushpin->publish("events-$path", frame('odd'));
is next_data($strange), 'odd', 'is the channel that Pushpin has';

# ---- requests ----------------------------------------------------------------

my $head = request($pushpin, 'HEAD', '/events/a');
is $head->{status}, 200, 'HEAD through Pushpin';
is $head->{headers}{'content-type'}, 'text/event-stream', 'has the type';
ok $head->{complete}, 'and ends';

my $refused = get($pushpin, '/keyed/a');
is $refused->{status}, 403, 'signed with another key: refused';
is $refused->{body}, "GRIP Signature Invalid.\n", 'the sentence passes Pushpin';
my $forged = get($pushpin, '/keyed/a',
    'Grip-Sig: ' . EventStream::Pushpin->sign('another'));
is $forged->{status}, 403, 'what a client itself sends does not pass Pushpin';
is get($pushpin, '/events/a', 'Accept: text/html')->{status}, 406,
    'refusals pass';

# ---- Last-Event-ID -----------------------------------------------------------

publish($httpd, 'c', $_) for 1 .. 3;
my ($late) = open_stream($pushpin, '/events/c', 'one more');
my ($again) = open_stream($pushpin, '/events/c', 'one that comes back',
    headers => ["Last-Event-ID: $open->{id}"]);
is_deeply [map { next_data($again) } 1 .. 3], [1 .. 3],
    'gets through Pushpin what it has missed';
$pushpin->publish('events-c', frame(4));
is next_data($again), 4, 'and what follows';
is next_data($late), 4, 'as the other one, which had missed nothing';

# ---- the end -----------------------------------------------------------------

$pushpin->publish('events-a', '', formats => {
    'http-stream' => {action => 'close'}});
ok $one->is_ended(10), 'a close ends the stream cleanly';
is $httpd->stop, 0, 'httpd stops in good order';
$pushpin->publish('events-b', frame('after'));
ok $quiet->is_open, 'the streams at Pushpin outlive it';
done_testing;
