#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPublishFrom: publishing is closed unless opened, also to those
# whom a proxy on the same host brings.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;

# User "ann", password "secret". One child, as each warns for itself.
my $httpd = EventStream::Httpd->start(
    modules => [qw(remoteip auth_basic authn_file authz_user)], h2 => 1,
    files => {'users' => "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"},
    mpm_conf => <<'MPM', conf => <<'CONF');
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MinSpareThreads 1
MaxSpareThreads 25
MPM
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<LocationMatch "^/(preset|local|user|login|any|net|both|publish)$">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/local">
    EventStreamPublishFrom local
</Location>
<Location "/user">
    EventStreamPublishFrom user
</Location>
<Location "/login">
    EventStreamPublishFrom user
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
<Location "/any">
    EventStreamPublishFrom any
</Location>
<Location "/net">
    EventStreamPublishFrom 10.1.0.0/16 2001:db8::/32 192.0.2.7
</Location>
<Location "/both">
    EventStreamPublishFrom local
    EventStreamPublishFrom 10.1.0.0/16
</Location>
CONF

my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream is open';

sub status_of
{
    my ($path, @headers) = @_;
    return request($httpd, 'POST', "$path?channel=a", body => 'x',
        headers => \@headers)->{status};
}

my $login = 'Authorization: Basic ' . encode_base64('ann:secret', '');

# ---- local -----------------------------------------------------------------

for my $path ('/preset', '/local') {
    is status_of($path), 200, "$path: from this host";
    ok $sse->next_event(5), "$path: published";
    for my $header ('Forwarded: for=1.2.3.4', 'X-Forwarded-For: 127.0.0.1',
        'X-Real-IP: 127.0.0.1', 'Via: 1.1 front', 'Grip-Sig: x', 'Via:') {
        is status_of($path, $header), 403, "$path: not with $header";
    }
    is status_of($path, 'X-Client: 192.0.2.1'), 403,
        "$path: the client behind a trusted proxy is elsewhere";
}
my $from = $httpd->log_size;
my $answer = request($httpd, 'POST', '/preset?channel=a', body => 'secret',
    headers => ['Via: 1.1 front']);
is $answer->{body}, "Publishing is not allowed from here.\n", 'the sentence';
my $log = $httpd->error_log($from);
like $log, qr/EventStreamPublishFrom local \(the preset\).*127\.0\.0\.1.*Via/,
    'the error log tells the directive and what was seen';
unlike $log, qr/secret/, 'but not the body';
like $httpd->error_log, qr/:warn\].*ES0701/, 'the first time as a warning';
my ($rc, $text) = curl('--http2-prior-knowledge', '--data-binary', 'h2',
    '-H', 'Content-Type: text/plain', $httpd->url('/local?channel=a'));
like $text, qr/"published": 1/, 'over HTTP/2';
is $sse->next_event(5)->{data}, 'h2', 'published';
# Without a body: an answer that comes before it was sent is a stream error in
# some versions of curl (httpd's own 403, too).
($rc, $text) = curl('--http2-prior-knowledge', '-X', 'POST',
    '-H', 'Via: 2 x', '-o', '/dev/null', '-w', '%{http_code}',
    $httpd->url('/local?channel=a'));
is $text, 403, 'over HTTP/2 by a proxy';

# ---- the other words -------------------------------------------------------

is status_of('/any', 'Via: 1.1 front', 'X-Client: 192.0.2.1'), 200, 'any';
is status_of('/user'), 403, 'user: nobody has logged in';
is status_of('/user', $login), 403, 'user: a login that nobody asks for';
is status_of('/login'), 401, 'user: Require comes first';
is status_of('/login', $login), 200, 'user: logged in';
is status_of('/net'), 403, 'addresses: another';
is status_of('/net', 'X-Client: 10.1.255.1', 'Via: 1.1 front'), 200,
    'addresses: in the net';
is status_of('/net', 'X-Client: 10.2.0.1'), 403, 'addresses: beside it';
is status_of('/net', 'X-Client: 192.0.2.7'), 200, 'addresses: a single one';
is status_of('/net', 'X-Client: 2001:db8::1'), 200, 'addresses: IPv6';
is status_of('/both'), 200, 'two directives: the one';
is status_of('/both', 'X-Client: 10.1.0.1'), 200, 'two directives: the other';
is status_of('/both', 'X-Client: 10.2.0.1'), 403, 'two directives: none';

# ---- a page of a name that was made to resolve to this host -----------------

my @rebound = ('Host: evil.example', 'Sec-Fetch-Site: same-origin');
is status_of('/local', @rebound, 'Origin: http://evil.example'), 403,
    'local: not from a page of a foreign name';
is status_of('/local', @rebound), 403, 'local: also without Origin';
is status_of('/local', 'Sec-Fetch-Site: same-origin'), 200,
    'local: from a page of this host';
is status_of('/local', 'Host: evil.example'), 200,
    'local: what is no browser may say what it likes';

# ---- before the body -------------------------------------------------------

my $client = EventStream::Client->connect($httpd->port);
$client->send("POST /user?channel=a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
$client->fill(5);
like $client->wire, qr{\AHTTP/1\.1 403}, 'no body is asked for';
1 while $client->fill(5);
unlike $client->wire, qr/100 Continue/, 'nor later';

my ($ok, $said) = EventStream::Httpd->config_test(
    "EventStreamPublishFrom nowhere\n");
is $ok, 0, 'a word that is none';
like $said, qr/local, user, any.*'nowhere'/, 'is told';
done_testing;
