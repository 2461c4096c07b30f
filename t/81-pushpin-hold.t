#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients behind a real Pushpin, held there by our instruction, besides clients
# that are served here. The test itself publishes to Pushpin, at its control
# port.

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

# Data of the stream's next event that is no keep-alive.
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

# ---- The stream --------------------------------------------------------------

my ($one, $open) = open_stream($pushpin, '/events/a?also=b',
    'a stream opens through Pushpin');
is $one->header('content-type'), 'text/event-stream; charset=utf-8',
    'its type is text/event-stream';
is $one->header('content-encoding'), undef, 'it is not compressed';
unlike $one->head, qr/^(Grip-|Content-Length)/mi,
    'its head has no header of GRIP';
like $one->head, qr/^Transfer-Encoding: chunked/mi,
    'Pushpin sends it in chunks';
like $open->{id}, qr/^\d+-\d+$/, 'stream-open has the present position';
my ($two) = open_stream($pushpin, '/events/a', 'another client opens');
my ($direct) = open_stream($httpd, '/events/a', 'a direct client opens');
my ($quiet) = open_stream($pushpin, '/quiet',
    'a client of another channel opens');

is $pushpin->publish('events-a', frame($_))->{status}, 200,
    "Pushpin takes event $_"
    for 1 .. 5;
is $pushpin->publish('events-b', frame('b'))->{status}, 200,
    'Pushpin takes an event of another channel';
is_deeply [map { next_data($one) } 1 .. 6], [1 .. 5, 'b'],
    'a client receives the events of both its channels in order';
is_deeply [map { next_data($two) } 1 .. 5], [1 .. 5],
    'the other client receives those of its channel';
is $one->skip_to('keep-alive', 10)->{data}, '', 'Pushpin sends keep-alives';
is $direct->skip_to('keep-alive', 10)->{raw},
    $two->skip_to('keep-alive', 10)->{raw},
    'a keep-alive of Pushpin has the bytes of ours';
is $quiet->fill(0), 0, 'a client of another channel receives nothing';
like $quiet->bytes,
    qr/\Aevent: stream-open\nid: \S+\ndata: \nretry: 3000\n\n\z/,
    'its stream starts as a direct one does';

my $old = subscribe($pushpin, '/events/a', version => '1.0');
is next_data($old), '', 'an HTTP/1.0 client opens';
unlike $old->head, qr/^Transfer-Encoding/mi,
    'an HTTP/1.0 client gets no chunks';
$pushpin->publish('events-a', frame('old'));
is next_data($old), 'old', 'an HTTP/1.0 client receives events';

my $odd = "caf\xc3\xa9, \"x;y\" 50%";
(my $path = $odd) =~ s/([^a-z0-9])/sprintf '%%%02X', ord $1/ge;
my ($strange) = open_stream($pushpin, "/events/$path",
    'a channel name with any character opens');
$pushpin->publish("events-$path", frame('odd'));
is next_data($strange), 'odd', 'Pushpin has the channel under the same name';

# ---- Requests ----------------------------------------------------------------

my $head = request($pushpin, 'HEAD', '/events/a');
is $head->{status}, 200, 'HEAD through Pushpin gets 200';
is $head->{headers}{'content-type'}, 'text/event-stream; charset=utf-8',
    'HEAD through Pushpin has the type of a stream';
ok $head->{complete}, 'HEAD through Pushpin is complete';

my $refused = get($pushpin, '/keyed/a');
is $refused->{status}, 403,
    'a request that Pushpin signs with another key gets 403';
is $refused->{body}, "GRIP Signature Invalid.\n",
    'Pushpin passes the reason on';
my $forged = get($pushpin, '/keyed/a',
    'Grip-Sig: ' . EventStream::Pushpin->sign('another'));
is $forged->{status}, 403, 'Pushpin replaces a Grip-Sig that a client sends';
is get($pushpin, '/events/a', 'Accept: text/html')->{status}, 406,
    'Pushpin passes a 406 on';

# ---- Last-Event-ID -----------------------------------------------------------

publish($httpd, 'c', $_) for 1 .. 3;
my ($late) = open_stream($pushpin, '/events/c', 'one more client opens');
my ($again) = open_stream($pushpin, '/events/c', 'a client that resumes opens',
    headers => ["Last-Event-ID: $open->{id}"]);
is_deeply [map { next_data($again) } 1 .. 3], [1 .. 3],
    'a client that resumes through Pushpin receives what it has missed';
$pushpin->publish('events-c', frame(4));
is next_data($again), 4, 'it receives new events then';
is next_data($late), 4, 'a client that missed nothing receives new events, too';

# ---- The end -----------------------------------------------------------------

$pushpin->publish('events-a', '', formats => {
    'http-stream' => {action => 'close'}});
ok $one->is_ended(10), 'the action close ends the stream cleanly';
is $httpd->stop, 0, 'httpd stops with exit status 0';
$pushpin->publish('events-b', frame('after'));
ok $quiet->is_open, 'streams at Pushpin stay open when httpd stops';
done_testing;
