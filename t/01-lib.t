#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The test library itself: how it reads answers and event streams, and that a
# server of its own starts, restarts and goes.

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
is $sse->retry, 3000, 'retry alone is no event, but remembered';
is $event->{event}, 'a', 'type';
is $event->{data}, "x\ny", 'data lines are joined, one blank is dropped';
is $event->{id}, 1, 'id';
is_deeply [$sse->comments], [' hello'], 'comments are kept apart';
$event = $sse->next_event(0);
is $event->{event}, 'message', 'default type';
is $event->{data}, '', 'empty data, CR LF';
is $event->{id}, undef, 'no id of its own';
is $sse->last_id, 2, 'an id without data counts';
is $sse->next_event(0)->{data}, 'cr', 'CR';
is $sse->next_event(0), undef, 'half an event is none';

$sse = reader('chunked', "5\r\ndata:\r\n3;x=y\r\n a\n\r\n1\r\n\n\r\n");
is $sse->next_event(0)->{data}, 'a', 'an event over three chunks';
ok $sse->is_cut, 'no last chunk: cut';
$sse = reader('chunked', "9\r\ndata: a\n\n\r\n0\r\n\r\n");
ok $sse->is_ended(0), 'last chunk: ended';
is $sse->bytes, "data: a\n\n", 'bytes without framing';

# ---- A server --------------------------------------------------------------

my $httpd = EventStream::Httpd->start(
    module => 0, files => {'hello.txt' => "hello\n"},
    conf => 'Redirect /old http://localhost:@PORT:other@/new');
my $answer = get($httpd, '/hello.txt');
is $answer->{status}, 200, 'answers';
is $answer->{body}, "hello\n", 'a file';
is $answer->{complete}, 1, 'whole';
is request($httpd, 'HEAD', '/hello.txt')->{body}, '', 'HEAD has no body';
is request($httpd, 'GET', '/', raw => "nonsense\r\n\r\n")->{status}, 400,
    'raw bytes';
like get($httpd, '/old')->{headers}{location},
    qr{:@{[$httpd->port_of('other')]}/new$}, 'a second port';
my @before = $httpd->children;
cmp_ok scalar @before, '>=', 2, 'children';
ok $httpd->kill_child($before[0]), 'a killed child is replaced';
ok $httpd->graceful, 'graceful';
ok $httpd->restart, 'restart';
is get($httpd, '/hello.txt')->{status}, 200, 'answers after them';
like $httpd->access_log, qr{GET /hello.txt}, 'access log';
unlike $httpd->access_log, qr/OPTIONS/, 'without our own request';
is $httpd->stop, 0, 'stops';
ok !$httpd->is_alive, 'is gone';

my ($ok, $text) = EventStream::Httpd->config_test("Nonsense on\n",
    module => 0);
is $ok, 0, 'a bad configuration is refused';
like $text, qr/Invalid command 'Nonsense'/, 'and why';

done_testing;
