#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Pages of other sites: which ones may read an answer (EventStreamAllowOrigin),
# whatever its status, and which ones may publish.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user headers rewrite)],
    files => {'users' => ''}, conf => <<'CONF');
<LocationMatch "^/(off|events|open|login|empty|sub)$">
    SetHandler eventstream
    EventStreamChannel a
</LocationMatch>
<LocationMatch "^/(events|login|empty|publish)$">
    EventStreamAllowOrigin https://app.example https://b.example:8443
</LocationMatch>
<LocationMatch "^/(open|star)$">
    EventStreamAllowOrigin * https://app.example null
</LocationMatch>
<LocationMatch "^/(sub|subpublish)$">
    EventStreamAllowOrigin https://*.app.example
</LocationMatch>
<LocationMatch "^/(publish|star|closed|subpublish)$">
    SetHandler eventstream-publish
</LocationMatch>
<LocationMatch "^/login$">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<LocationMatch "^/(rule|ruleslogin|x.sse|htaccess)">
    EventStreamChannel a
    EventStreamAllowOrigin https://app.example
</LocationMatch>
<Location "/ruleslogin">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
RewriteEngine On
RewriteRule "^/rule" - [H=eventstream]
<Directory "@DOCROOT@">
    AddHandler eventstream .sse
    RewriteEngine On
    RewriteRule ^htaccess - [H=eventstream]
</Directory>
<Location "/empty">
    EventStreamAllowChannel b
    Header always append Vary Cookie
</Location>
CONF

sub ask
{
    my ($method, $path, @headers) = @_;
    my $client = subscribe($httpd, $path, method => $method,
        headers => \@headers);
    return $client;
}

# allow-origin, allow-credentials and Vary of an answer
sub marks
{
    my ($client) = @_;
    return join ' ', map { defined $_ ? $_ =~ s/,\s*/, /gr : '-' }
        map { $client->header($_) } qw(access-control-allow-origin
            access-control-allow-credentials vary);
}

my $app = 'Origin: https://app.example';

# ---- Reading ---------------------------------------------------------------

is marks(ask('GET', '/off', $app)), '- - -',
    'no CORS headers without EventStreamAllowOrigin';
is marks(ask('GET', '/events', $app)), 'https://app.example true Origin',
    'a listed origin is answered with its name';
is marks(ask('GET', '/events', 'Origin: HTTPS://App.Example')),
    'HTTPS://App.Example true Origin', 'origins are compared without case';
is marks(ask('GET', '/events', 'Origin: https://b.example:8443')),
    'https://b.example:8443 true Origin',
    'an origin with port is compared with it';
is marks(ask('GET', '/events')), '- - Origin',
    'a request without Origin gets Vary, too';
for my $origin ('https://evil.example', 'http://app.example', 'null', '*',
    'https://app.example.evil.example', 'https://b.example',
    'https://app.example:444', 'https://app.example, https://b.example') {
    is marks(ask('GET', '/events', "Origin: $origin")), '- - Origin',
        "origin $origin is not listed";
}
is marks(ask('GET', '/open', 'Origin: https://any.example')), '* - Origin',
    '* allows any origin, without credentials';
is marks(ask('GET', '/open', $app)), 'https://app.example true Origin',
    'a listed origin is answered with its name besides *';
is marks(ask('GET', '/open', 'Origin: null')), '* - Origin',
    'the origin null gets * even if it is listed';

is marks(ask('GET', '/sub', "Origin: $_")), "$_ true Origin",
    "https://*.app.example lists $_"
    for qw(https://a.app.example https://c.b-1.app.example
    HTTPS://A.App.Example);
is marks(ask('GET', '/sub', "Origin: $_")), '- - Origin',
    "https://*.app.example does not list $_"
    for 'https://app.example', 'https://.app.example',
    'https://evilapp.example', 'http://a.app.example',
    'https://a.app.example:8443', 'https://*.app.example',
    'https://a.app.example.evil.example', 'https://evil.example/.app.example',
    'null', '*';

# ---- Errors too ------------------------------------------------------------

my $refused = ask('GET', '/login', $app);
is $refused->status, 401, 'Require refuses a request';
is marks($refused), 'https://app.example true Origin',
    '401 has the CORS headers';
$refused = ask('DELETE', '/events', $app);
is $refused->status, 405, 'a wrong method is refused';
is marks($refused), 'https://app.example true Origin',
    '405 has the CORS headers';
$refused = ask('GET', '/events', $app, 'Accept: text/html');
is $refused->status, 406, 'a wrong Accept is refused';
is marks($refused), 'https://app.example true Origin',
    '406 has the CORS headers';
$refused = ask('GET', '/empty', $app);
is $refused->status, 403, 'a channel that is not allowed is refused';
is marks($refused), 'https://app.example true Origin, Cookie',
    '403 has the CORS headers, and Vary of others is kept';

# ---- Handlers that are not of SetHandler -----------------------------------

for my $path ('/rule', '/x.sse', '/htaccess') {
    my $sse = ask('GET', $path, $app);
    is $sse->header('content-type'), 'text/event-stream; charset=utf-8',
        "$path is a stream without SetHandler";
    is marks($sse), 'https://app.example true Origin',
        "$path has the CORS headers";
    $refused = ask('GET', $path, $app, 'Accept: text/html');
    is $refused->status, 406, "$path refuses a wrong Accept";
    is marks($refused), 'https://app.example true Origin',
        "$path: 406 has the CORS headers";
    my $preflight = ask('OPTIONS', $path, $app,
        'Access-Control-Request-Method: GET');
    is $preflight->status, 204, "$path answers a preflight";
    is marks($preflight), 'https://app.example true Origin',
        "$path: the answer to a preflight has the CORS headers";
}
$refused = ask('GET', '/ruleslogin', $app);
is $refused->status, 401, 'Require refuses a request with [H=]';
is marks($refused), 'https://app.example true Origin',
    '401 with [H=] has the CORS headers';
is ask('OPTIONS', '/ruleslogin', $app, 'Access-Control-Request-Method: GET')
    ->status, 204, 'a preflight with [H=] needs no login';
is marks(ask('GET', '/users', $app)), '- - -',
    'a file has no CORS headers';

# ---- Preflights ------------------------------------------------------------

my @preflight = ('Access-Control-Request-Method: GET',
    'Access-Control-Request-Headers: last-event-id,cache-control');
my $answer = ask('OPTIONS', '/login', $app, @preflight);
is $answer->status, 204, 'a preflight needs no login';
is marks($answer), 'https://app.example true Origin',
    'the answer to a preflight has the CORS headers';
like $answer->header('access-control-allow-methods'), qr/\bGET\b/,
    'the answer to a preflight lists the methods';
is $answer->header('access-control-allow-headers'),
    'last-event-id,cache-control',
    'the answer to a preflight allows the headers of the request';
like $answer->header('access-control-max-age'), qr/^\d+$/,
    'the answer to a preflight has its maximum age';
like $answer->header('allow'), qr/\bGET\b/,
    'the answer to a preflight has Allow';
is ask('OPTIONS', '/login', 'Origin: https://evil.example',
    @preflight)->status, 401,
    'a preflight of a site that is not listed needs a login';
is ask('OPTIONS', '/login', $app)->status, 401,
    'OPTIONS that is no preflight needs a login';
$answer = ask('OPTIONS', '/events', 'Origin: https://evil.example',
    @preflight);
is $answer->status, 204, 'a preflight of a site that is not listed gets 204';
is $answer->header('access-control-allow-methods'), undef,
    'the answer to it allows no method';
$answer = ask('OPTIONS', '/publish', $app,
    'Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: content-type');
is $answer->status, 204, 'a preflight of a publisher gets 204';
like $answer->header('access-control-allow-methods'), qr/\bPOST\b/,
    'the answer to a publisher\'s preflight allows POST';
is $answer->header('access-control-allow-headers'), 'content-type',
    'the answer to a publisher\'s preflight allows Content-Type';
is $answer->header('allow'), 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
    'the answer to a publisher\'s preflight has Allow';
unlike $answer->head, qr/content-length|transfer-encoding/i, '204 has no body';

# ---- Publishing ------------------------------------------------------------

my $sse = subscribe($httpd, '/events');
$sse->next_event(5);

sub status_of
{
    my ($path, @headers) = @_;
    return request($httpd, 'POST', "$path?channel=a", body => 'x',
        headers => \@headers)->{status};
}

is status_of('/closed'), 200,
    'a request without headers of a browser may publish';
my $own = 'Origin: http://localhost';
is status_of('/closed', $own), 200, 'a page of the same host may publish';
is status_of('/closed', 'Origin: https://localhost'), 200,
    'a page over https may publish where a proxy ends TLS';
is status_of('/closed', 'Host: localhost:81', 'Origin: http://LOCALHOST:81'),
    200, 'a page of the same host and port may publish';
is status_of('/closed', 'Host: x.example', 'Origin: http://x.example:81'), 403,
    'a page of another port may not publish';
is status_of('/closed', 'Host: x.example', 'Origin: http://evil.x.example'),
    403, 'a page of a subdomain may not publish';
is status_of('/closed', $app), 403, 'a page of another site may not publish';
is status_of('/closed', 'Origin: null'), 403,
    'a page with the origin null may not publish';
is status_of('/closed', 'Sec-Fetch-Site: same-origin', $own), 200,
    'Sec-Fetch-Site: same-origin may publish';
is status_of('/closed', 'Sec-Fetch-Site: none'), 200,
    'Sec-Fetch-Site: none may publish';
is status_of('/closed', 'Sec-Fetch-Site: same-site'), 403,
    'Sec-Fetch-Site: same-site may not publish';
is status_of('/closed', 'Sec-Fetch-Site: cross-site'), 403,
    'Sec-Fetch-Site: cross-site may not publish';
is status_of('/closed', 'Sec-Fetch-Site: cross-site', $own), 403,
    'Sec-Fetch-Site: cross-site may not publish, whatever its Origin';
is status_of('/publish', 'Sec-Fetch-Site: cross-site', $app), 200,
    'a listed site may publish';
is status_of('/publish', 'Origin: https://evil.example'), 403,
    'a site that is not listed may not publish';
is status_of('/star', 'Origin: https://any.example'), 403,
    '* does not allow any site to publish';
is status_of('/star', 'Origin: null'), 403,
    '* does not allow the origin null to publish';
is status_of('/star', 'Origin: *'), 403,
    '* does not allow the origin * to publish';
is status_of('/star', $app), 200, 'a site that is listed besides * may publish';

is status_of('/subpublish', 'Sec-Fetch-Site: cross-site',
    'Origin: https://a.b.app.example'), 200, 'a listed subdomain may publish';
is status_of('/subpublish', 'Sec-Fetch-Site: cross-site', $app), 403,
    'the domain itself may not';
is status_of('/subpublish', 'Origin: https://*.app.example'), 403,
    'nor may an origin that is the listed text';

my $from = $httpd->log_size;
$answer = request($httpd, 'POST', '/publish?channel=a', body => 'x',
    headers => [$app, 'Content-Type: application/json']);
is $answer->{status}, 400, 'a bad body of a listed site gets 400';
is $answer->{headers}{'access-control-allow-origin'}, 'https://app.example',
    'the page of a listed site may read the reason';
$answer = request($httpd, 'POST', '/closed?channel=a', body => 'x',
    headers => [$app]);
is $answer->{body}, "Pages of other sites may not publish.\n",
    'the answer to a page of another site gives the reason';
like $httpd->error_log($from),
    qr{https://app\.example.*EventStreamAllowOrigin},
    'the error log names the origin and the directive';

# ---- What no browser sends -------------------------------------------------

my %refused = (
    'https://a.*.example' => 'first part of the host',
    'https://*' => 'first part of the host',
    'https://ann@app.example' => "remove the part up to '\@'",
    "https://'app.example'" => 'quotes', 'https://app.example/' => 'path',
    'https://app.example/live' => 'path',
    'https://app.example.' => "must not end with '.'",
    'https://app.example:443' => 'leave this port out',
    'wss://app.example' => 'that of the page', 'app.example' => 'scheme',
    'https://a.example,https://b.example' => 'separate origins by blanks');
for my $origin (sort keys %refused) {
    my ($ok, $output) = EventStream::Httpd->config_test(
        "EventStreamAllowOrigin \"$origin\"\n");
    ok !$ok, "configtest refuses $origin";
    like $output,
        qr/EventStreamAllowOrigin.*'\Q$origin\E'.*\Q$refused{$origin}\E/,
        'with the reason';
}
my ($ok, $output) = EventStream::Httpd->config_test(<<'CONF');
EventStreamAllowOrigin https://a.example:8443 http://[::1]:3000 null *
EventStreamAllowOrigin https://*.a.example HTTPS://B.Example
EventStreamAllowOrigin chrome-extension://abcdefghijklmnop
CONF
ok $ok, 'configtest accepts what browsers send' or diag $output;
done_testing;
