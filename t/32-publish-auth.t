#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPublishFrom: publishing is refused unless it is opened, also to
# clients behind a proxy on the same host.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;

# User "ann", password "secret". One child, since each child warns once.
my $httpd = EventStream::Httpd->start(
    modules => [qw(remoteip auth_basic authn_file authn_anon authz_user)],
    h2 => 1,
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
EventStreamHub tiny size=256k
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<Location "/tiny">
    SetHandler eventstream-publish
    EventStreamUseHub tiny
</Location>
<LocationMatch "^/(preset|local|user|login|guest|any|net|both|none|publish)\b">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/local">
    EventStreamPublishFrom local
</Location>
<Location "/none">
    EventStreamPublishFrom local
</Location>
<Location "/none/open">
    EventStreamPublishFrom local
</Location>
<LocationMatch "^/none$">
    EventStreamPublishFrom none
</LocationMatch>
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
# Some providers let clients in without a name, as mod_auth_openidc's "pass".
<Location "/guest">
    EventStreamPublishFrom user
    AuthType Basic
    AuthName x
    AuthBasicProvider anon
    Anonymous *
    Anonymous_NoUserID On
    Anonymous_MustGiveEmail Off
    Require valid-user
</Location>
<Location "/any">
    EventStreamPublishFrom any
</Location>
<Location "/any/closed">
    EventStreamPublishFrom None
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
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

sub status_of
{
    my ($path, @headers) = @_;
    return request($httpd, 'POST', "$path?channel=a", body => 'x',
        headers => \@headers)->{status};
}

my $login = 'Authorization: Basic ' . encode_base64('ann:secret', '');

# ---- local -----------------------------------------------------------------

for my $path ('/preset', '/local') {
    is status_of($path), 200, "$path: a publisher on this host gets 200";
    ok $sse->next_event(5), "$path: its event arrives";
    for my $header ('Forwarded: for=1.2.3.4', 'X-Forwarded-For: 127.0.0.1',
        'X-Real-IP: 127.0.0.1', 'Via: 1.1 front', 'Grip-Sig: x', 'Via:') {
        is status_of($path, $header), 403,
            "$path: a request with $header gets 403";
    }
    is status_of($path, 'X-Client: 192.0.2.1'), 403,
        "$path: a client elsewhere, behind a trusted proxy, gets 403";
}
my $from = $httpd->log_size;
my $answer = request($httpd, 'POST', '/preset?channel=a', body => 'secret',
    headers => ['Via: 1.1 front']);
is $answer->{body}, "Publishing is not allowed from here.\n",
    'the answer gives the reason';
my $log = $httpd->error_log($from);
like $log, qr/EventStreamPublishFrom local \(the preset\).*127\.0\.0\.1.*Via/,
    'the error log names the directive and what the request had';
unlike $log, qr/secret/, 'the error log is without the body';
like $httpd->error_log, qr/:warn\].*ES0701/, 'the first refusal is a warning';

# Refusals of strangers do not hide other ones.
is status_of('/local', 'Origin: https://evil.example'), 403,
    'a page of another site gets 403';
like $httpd->error_log($from), qr/:warn\].*ES0701.*Pages of other sites/,
    'a refusal for another reason is a warning, too';
$answer = request($httpd, 'POST', '/tiny?channel=a',
    headers => ['Content-Type: application/json'],
    body => '[' . join(',', ('{"text": "' . 'x' x 60000 . '"}') x 3) . ']');
is $answer->{status}, 413, 'more than half of a hub gets 413';
like $httpd->error_log($from), qr/:warn\].*ES0702.*EventStreamHub tiny/,
    'what the server lacks is a warning of its own';

my ($rc, $text) = curl('--http2-prior-knowledge', '--data-binary', 'h2',
    '-H', 'Content-Type: text/plain', $httpd->url('/local?channel=a'));
like $text, qr/"published": 1/, 'a publisher on this host gets 200 over HTTP/2';
is $sse->next_event(5)->{data}, 'h2', 'its event arrives';
# Without a body: some versions of curl report a stream error if an answer comes
# before the body was sent (httpd's own 403, too).
($rc, $text) = curl('--http2-prior-knowledge', '-X', 'POST',
    '-H', 'Via: 2 x', '-o', '/dev/null', '-w', '%{http_code}',
    $httpd->url('/local?channel=a'));
is $text, 403, 'a request through a proxy gets 403 over HTTP/2';

# ---- The other words -------------------------------------------------------

is status_of('/any', 'Via: 1.1 front', 'X-Client: 192.0.2.1'), 200,
    'any: a publisher elsewhere gets 200';
is status_of('/user'), 403, 'user: a request without user gets 403';
is status_of('/user', $login), 403,
    'user: a login that no Require checked gets 403';
is status_of('/login'), 401, 'user: Require is checked first';
is status_of('/login', $login), 200, 'user: a user that logged in gets 200';
is status_of('/guest', 'Authorization: Basic ' . encode_base64(':', '')), 403,
    'user: a user with an empty name gets 403';
is status_of('/guest', $login), 200, 'user: a guest with a name gets 200';
is status_of('/net'), 403, 'addresses: an address that is not listed gets 403';
is status_of('/net', 'X-Client: 10.1.255.1', 'Via: 1.1 front'), 200,
    'addresses: an address in a listed network gets 200';
is status_of('/net', 'X-Client: 10.2.0.1'), 403,
    'addresses: an address just outside the network gets 403';
is status_of('/net', 'X-Client: 192.0.2.7'), 200,
    'addresses: a single listed address gets 200';
is status_of('/net', 'X-Client: 2001:db8::1'), 200,
    'addresses: an IPv6 network works';
is status_of('/both'), 200, 'two directives add up: the first';
is status_of('/both', 'X-Client: 10.1.0.1'), 200,
    'two directives add up: the second';
is status_of('/both', 'X-Client: 10.2.0.1'), 403,
    'two directives add up: neither gets 403';

# ---- none ------------------------------------------------------------------

for my $path ('/none', '/any/closed') {
    is status_of($path), 403, "$path: none overrides an outer section";
    is request($httpd, $_, "$path?channel=a")->{status}, 403,
        "$path: $_ gets 403, too" for qw(GET DELETE);
}
like $httpd->error_log, qr/EventStreamPublishFrom none closes this Location/,
    'the error log names the word';
is status_of('/none/open'), 200, 'another section of it may open again';

# ---- A page of a name that was made to resolve to this host -----------------

my @rebound = ('Host: evil.example', 'Sec-Fetch-Site: same-origin');
is status_of('/local', @rebound, 'Origin: http://evil.example'), 403,
    'local: a page of another name gets 403';
is status_of('/local', @rebound), 403,
    'local: a page of another name without Origin gets 403';
is status_of('/local', 'Sec-Fetch-Site: same-origin'), 200,
    'local: a page of this host gets 200';
is status_of('/local', 'Host: evil.example'), 200,
    'local: a request without headers of a browser may have any Host';

# ---- Before the body -------------------------------------------------------

my $client = EventStream::Client->connect($httpd->port);
$client->send("POST /user?channel=a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
$client->fill(5);
like $client->wire, qr{\AHTTP/1\.1 403}, '403 comes before the body is sent';
1 while $client->fill(5);
unlike $client->wire, qr/100 Continue/, 'no 100 Continue follows';

my ($ok, $output) = EventStream::Httpd->config_test(
    "EventStreamPublishFrom nowhere\n");
is $ok, 0, 'an unknown word of EventStreamPublishFrom is refused';
like $output, qr/none, local, user, any.*'nowhere'/,
    'the message lists the known words';
for my $words ('none any', 'local none', 'none 10.1.0.0/16', 'user none',
    "none\nEventStreamPublishFrom local") {
    ($ok, $output) = EventStream::Httpd->config_test(
        "EventStreamPublishFrom $words\n");
    ok !$ok, "EventStreamPublishFrom $words is refused";
    like $output, qr/none cannot be combined/, 'with the reason';
}
($ok, $output) = EventStream::Httpd->config_test(
    "EventStreamPublishFrom none none\n");
ok $ok, 'none may stand twice' or diag $output;
done_testing;
