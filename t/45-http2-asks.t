#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients over HTTP/2 that cannot be held are asked to use HTTP/1.1
# (EventStreamHttp2): only those that are known to understand, only over TLS,
# and once in a minute if they do not.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::H2;
use EventStream::Httpd;
use EventStream::Load;

plan skip_all => 'needs mod_http2' if !EventStream::Httpd->has_module('http2');
plan skip_all => 'needs a curl that speaks HTTP/2'
    if `curl --version` !~ /^Features:.* HTTP2\b/m;

my $HELD = 5;
my $STREAMS = 3;    # of a browser that was asked, over HTTP/1.1
my $HTTP_1_1_REQUIRED = 13;

my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => 1, modules => ['status', 'remoteip'],
    files => {'page.txt' => "a page\n", 'refused.txt' => "refused\n"},
    mpm_conf => <<'MPM', conf => status_conf() . <<"CONF" . <<'CONF');
StartServers 1
ServerLimit 1
ThreadsPerChild 40
MaxRequestWorkers 40
MinSpareThreads 1
MaxSpareThreads 40
MPM
EventStreamMaxHeld $HELD
CONF
EventStreamTurn 500ms
EventStreamHttp2 auto
ErrorDocument 403 /refused.txt
RemoteIPHeader X-Client
<LocationMatch "^/(events|hold|own|private)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/hold">
    EventStreamHttp2 hold
</Location>
<Location "/own">
    EventStreamHttp2 http/1.1
</Location>
<Location "/private">
    EventStreamAllowChannel other
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<VirtualHost 127.0.0.1:@SSL_PORT@>
    ServerName www.example.com
    SSLEngine on
    SSLCertificateFile "@CERT@"
    SSLCertificateKeyFile "@KEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@SSL_PORT@>
    ServerName events.example.com
    Protocols http/1.1
    EventStreamHttp2 http/1.1
    SSLEngine on
    SSLCertificateFile "@CERT@"
    SSLCertificateKeyFile "@KEY@"
</VirtualHost>
CONF

# Another browser each time, and one that ignores what it is asked.
my $number = 0;
sub agent { return ['user-agent', 'Mozilla/5.0 Browser/' . ++$number] }
my $dest = ['sec-fetch-dest', 'empty'];

# ask($path, @headers): what becomes of a request over HTTP/2 and TLS
sub ask
{
    my ($path, @headers) = @_;
    my $connection = h2_connect($httpd, tls => 1);
    $connection->send(h2_get(1, $path, @headers));
    my $answer = h2_answer($connection, 1, 20);
    $connection->close;
    return 'reset ' . $answer->{reset} if defined $answer->{reset};
    return 'opens' if $answer->{data} =~ /^event: stream-open$/m;
    return $answer->{headers} ? 'answer' : 'nothing';
}
my $asked = "reset $HTTP_1_1_REQUIRED";

# version_of($path, @arguments): the version of HTTP over which a stream of curl
# opened
sub version_of
{
    my ($path, @arguments) = @_;
    return version_by({tls => 1}, $path, @arguments);
}

sub version_by
{
    my ($how, $path, @arguments) = @_;
    my $client = subscribe($httpd, $path, http2 => 1, %$how,
        curl => \@arguments);
    my $open = $client->next_event(10) || {event => 'nothing'};
    return $open->{event} if $open->{event} ne 'stream-open';
    return $client->proto =~ s/^HTTP\///r;
}

# ---- EventStreamHttp2 http/1.1: a host name of its own --------------------

is version_of('/own'), '1.1', 'http/1.1: curl is asked and uses HTTP/1.1';
is version_of('/own'), '2', 'http/1.1: within a minute it is not asked again';
my $browser = agent();
is ask('/own', $browser, $dest), $asked, 'http/1.1: a browser is asked';
is ask('/own', $browser, $dest), 'opens',
    'http/1.1: one that ignores it is served at its second request';
is ask('/own', $browser, $dest), 'opens', 'http/1.1: and at its third one';
is ask('/own', agent()), 'opens',
    'http/1.1: who may not understand is served over HTTP/2';
is version_of('/own', '-A', 'program/1.0'), '2',
    'http/1.1: so is another program than curl';
is version_by({}, '/own', '-A', 'curl/1.0'), '2',
    'http/1.1: without TLS none is asked';
my ($exit, $text) = curl('--http2', '-I', '-o', '/dev/null', '-w',
    '%{http_code} %{http_version}', '-A', 'curl/2.0', $httpd->ssl_url('/own'));
is $text, '200 2', 'http/1.1: HEAD is answered';
is ask('/private', agent(), $dest), 'answer',
    'a request that is refused is refused over HTTP/2';

is wait_clients($httpd, 'news', 0, 5), 0, 'those that were served have left';

# A browser uses the connection to one host for another one, if the certificate
# has both names.
is ask('/events', [':authority', 'events.example.com'], agent(), $dest), $asked,
    'a browser is asked on a connection to another host, too';
is ask('/events', [':authority', 'www.example.com'], agent(), $dest), 'opens',
    'on that host it is not';

# ---- Proxies pass on what browsers send -------------------------------------

for my $header (['x-forwarded-for', '192.0.2.1'], ['via', '2 proxy'],
    ['forwarded', 'for=192.0.2.1'], ['x-client', '192.0.2.1'])
{
    is ask('/own', agent(), $dest, $header), 'opens',
        "a client of a proxy ($header->[0]) is not asked";
}

# ---- EventStreamHttp2 auto: within the budget nothing changes ----------------

is wait_clients($httpd, 'news', 0, 5), 0, 'all clients have left';
$browser = agent();
is ask('/events', $browser, $dest), 'opens',
    'auto: within the budget a browser is held over HTTP/2';
is version_of('/events', '-A', 'curl/3.0'), '2', 'auto: so is curl';
is wait_clients($httpd, 'news', 0, 5), 0, 'both have left';

my @held = map { subscribe($httpd, '/events', http2 => 1) } 1 .. $HELD;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @held), $HELD, 'the budget is used up';

is ask('/events', $browser, $dest), $asked,
    'auto: beyond the budget it is asked';
is ask('/events', $browser, $dest), 'opens',
    'auto: one that ignores it takes turns';
is version_of('/events', '-A', 'curl/4.0'), '1.1', 'auto: curl is asked';
is ask('/events', agent()), 'opens',
    'auto: who may not understand takes turns';
is ask('/hold', agent(), $dest), 'opens', 'hold: none is asked';

# ---- A browser that has complied -------------------------------------------

my $name = $browser->[1];
my @how = (tls => 1, headers => ["User-Agent: $name", 'Sec-Fetch-Dest: empty']);
my @streams = map { subscribe($httpd, '/events', @how) } 1 .. $STREAMS;
is join(' ', map { ($_->next_event(5) || {event => ''})->{event} } @streams),
    join(' ', ('stream-open') x $STREAMS),
    "$STREAMS streams of the browser open over HTTP/1.1";
my $more = subscribe($httpd, '/events', @how);
ok $more->is_ended(5), 'one more ends: pages need the other connections';
is(($more->next_event(1) || {event => ''})->{event}, 'stream-open',
    'it has opened before');
like $more->bytes, qr/\nretry: \d+\n\z/, 'and has a retry at the end';
is scalar(grep { $_->is_open } @streams), $STREAMS, 'the others stay';
publish($httpd, 'news', 'hello');
is join(' ', map { ($_->next_event(5) || {data => ''})->{data} } @streams),
    join(' ', ('hello') x $STREAMS), 'they receive an event';
$more = subscribe($httpd, '/events', @how[0, 1],
    headers => [@{$how[3]}, 'Last-Event-ID: ' . $more->last_id]);
is(($more->skip_to('message', 5) || {data => ''})->{data}, 'hello',
    'the one in turns receives it when it reconnects');
like get($httpd, '/server-status?auto')->{body},
    qr/^EventStream\.Reached\.Http2: 2$/m, 'mod_status counts both';
is ask('/events', $browser, $dest), 'opens',
    'over HTTP/2 it is not asked: it has as many streams as it may have';
my $other = subscribe($httpd, '/events', tls => 1,
    headers => ['User-Agent: Mozilla/5.0 Other', 'Sec-Fetch-Dest: empty']);
is(($other->next_event(5) || {event => ''})->{event}, 'stream-open',
    'the stream of a browser that was not asked opens');

(shift @streams)->close;
wait_for(sub { my $new = subscribe($httpd, '/events', @how);
    my $stays = $new->next_event(5) && !$new->is_ended(1);
    push @streams, $new if $stays;
    return $stays }, 15, 'when one closes, another one stays');
$_->close for @streams;
wait_for(sub { ask('/events', $browser, $dest) eq $asked }, 15,
    'a browser that has complied may be asked again at once');

# ---- What outlives a restart ------------------------------------------------

$browser = agent();
is ask('/own', $browser, $dest), $asked, 'a browser is asked';
$httpd->graceful;
is ask('/own', $browser, $dest), 'opens', 'after graceful it is known';

like $httpd->error_log, qr/ES0412: the client is asked to use HTTP\/1\.1/,
    'the log tells who was asked';
like $httpd->error_log,
    qr{:notice\].* ES0115: .*HTTP/1\.1 they.*over HTTP/2 .*HTTP/1\.1 \(see },
    'the log tells at the start how clients will be served';
is join("\n", grep { /:(?:error|crit|alert|emerg)\]/ }
    split /\n/, $httpd->error_log), '', 'the error log has no error';
done_testing;
