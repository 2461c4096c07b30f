#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The test library itself: how it parses answers and event streams, and whether
# a server of a test starts, restarts and stops.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

# ---- Event streams: each line end, fields, comments, chunks ----------------

sub reader
{
    my ($framing, $bytes) = @_;
    my $client = EventStream::Client->new(framing => $framing, status => 200);
    $client->{rest} = $bytes;
    $client->take_body;
    $client->{eof} = 1;
    return $client;
}

my $sse = reader('plain', "retry: 3000\n\n: hello\nevent: a\nid: 1\n"
    . "data: x\ndata:y\n\nid: 2\n\ndata\r\n\r\ndata: cr\r\rdata: lost\n");
my $event = $sse->next_event(0);
is $sse->retry, 3000, 'a block with retry alone gives no event but sets retry';
is $event->{event}, 'a', 'event: sets the type';
is $event->{data}, "x\ny",
    'data lines are joined by LF; one blank after the colon is dropped';
is $event->{id}, 1, 'id: sets the id';
is_deeply [$sse->comments], [' hello'], 'comments are kept apart from events';
$event = $sse->next_event(0);
is $event->{event}, 'message', 'without event: the type is message';
is $event->{data}, '',
    'a data line without colon gives empty data, also with CR LF';
is $event->{id}, undef, 'a block without id: has no id';
is $sse->last_id, 2, 'an id in a block without data sets last_id';
is $sse->next_event(0)->{data}, 'cr', 'CR ends a line';
is $sse->next_event(0), undef,
    'a block that the stream cuts off gives no event';

$sse = reader('plain', "data: a\n\n: hello\nretry: 7\n");
$sse->next_event(0) for 1 .. 2;
is $sse->retry, 7, 'a retry without a blank line after it counts';
is_deeply [$sse->comments], [' hello'], 'so does a comment';

$sse = reader('chunked', "5\r\ndata:\r\n3;x=y\r\n a\n\r\n1\r\n\n\r\n");
is $sse->next_event(0)->{data}, 'a', 'an event in three chunks is joined';
ok $sse->is_cut, 'a body without its last chunk is cut';
$sse = reader('chunked', "9\r\ndata: a\n\n\r\n0\r\n\r\n");
ok $sse->is_ended(0), 'a body with its last chunk is ended';
is $sse->bytes, "data: a\n\n", 'bytes are without chunk framing';

# ---- A server --------------------------------------------------------------

my $httpd = EventStream::Httpd->start(
    module => 0, files => {'hello.txt' => "hello\n"},
    conf => 'Redirect /old http://localhost:@PORT:other@/new');
my $answer = get($httpd, '/hello.txt');
is $answer->{status}, 200, 'a started server answers';
is $answer->{body}, "hello\n", 'a file arrives with its content';
is $answer->{complete}, 1, 'a whole body counts as complete';
is request($httpd, 'HEAD', '/hello.txt')->{body}, '',
    'an answer to HEAD has no body';
is request($httpd, 'GET', '/', raw => "nonsense\r\n\r\n")->{status}, 400,
    'raw bytes are sent as they are';
like get($httpd, '/old')->{headers}{location},
    qr{:@{[$httpd->port_of('other')]}/new$},
    '@PORT:name@ is a second free port';
my @before = $httpd->children;
cmp_ok scalar @before, '>=', 2, 'the server has at least two children';
ok $httpd->kill_child($before[0]), 'a killed child is replaced';
ok $httpd->graceful, 'graceful returns when the new generation runs';
ok $httpd->restart, 'restart returns when the new generation runs';
is get($httpd, '/hello.txt')->{status}, 200, 'the server answers after both';
like $httpd->access_log, qr{GET /hello.txt}, 'the access log has the request';
unlike $httpd->access_log, qr/OPTIONS/,
    'the access log is without the request of start';
is $httpd->stop, 0, 'stop returns exit status 0';
ok !$httpd->is_alive, 'a stopped server is not alive';

my ($ok, $text) = EventStream::Httpd->config_test("Nonsense on\n",
    module => 0);
is $ok, 0, 'config_test reports a bad configuration';
like $text, qr/Invalid command 'Nonsense'/,
    'config_test returns what httpd printed';

done_testing;
