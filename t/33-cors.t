#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Pages of other sites: which may read (EventStreamAllowOrigin), on answers of
# every kind, and which may publish.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user headers)],
    files => {'users' => ''}, conf => <<'CONF');
<LocationMatch "^/(off|events|open|login|empty)$">
    SetHandler eventstream
    EventStreamChannel a
</LocationMatch>
<LocationMatch "^/(events|login|empty|publish)$">
    EventStreamAllowOrigin https://app.example https://b.example:8443
</LocationMatch>
<LocationMatch "^/(open|star)$">
    EventStreamAllowOrigin * https://app.example null
</LocationMatch>
<LocationMatch "^/(publish|star|closed)$">
    SetHandler eventstream-publish
</LocationMatch>
<LocationMatch "^/login$">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
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

is marks(ask('GET', '/off', $app)), '- - -', 'off unless listed';
is marks(ask('GET', '/events', $app)), 'https://app.example true Origin',
    'a listed origin';
is marks(ask('GET', '/events', 'Origin: HTTPS://App.Example')),
    'HTTPS://App.Example true Origin', 'in any case';
is marks(ask('GET', '/events', 'Origin: https://b.example:8443')),
    'https://b.example:8443 true Origin', 'with port';
is marks(ask('GET', '/events')), '- - Origin', 'no origin: Vary all the same';
for my $origin ('https://evil.example', 'http://app.example', 'null', '*',
    'https://app.example.evil.example', 'https://b.example',
    'https://app.example:444', 'https://app.example, https://b.example') {
    is marks(ask('GET', '/events', "Origin: $origin")), '- - Origin',
        "not $origin";
}
is marks(ask('GET', '/open', 'Origin: https://any.example')), '* - Origin',
    '* is for all, without login';
is marks(ask('GET', '/open', $app)), 'https://app.example true Origin',
    'beside * a listed one is told';
is marks(ask('GET', '/open', 'Origin: null')), '* - Origin',
    'null is nobody in particular';

# ---- Errors too ------------------------------------------------------------

my $refused = ask('GET', '/login', $app);
is $refused->status, 401, 'refused by Require';
is marks($refused), 'https://app.example true Origin', '401 has the headers';
$refused = ask('DELETE', '/events', $app);
is $refused->status, 405, 'a wrong method';
is marks($refused), 'https://app.example true Origin', '405 has the headers';
$refused = ask('GET', '/events', $app, 'Accept: text/html');
is $refused->status, 406, 'a wrong Accept';
is marks($refused), 'https://app.example true Origin', '406 has the headers';
$refused = ask('GET', '/empty', $app);
is $refused->status, 403, 'a channel that is not allowed';
is marks($refused), 'https://app.example true Origin, Cookie',
    'Vary of others stays';

# ---- Preflights ------------------------------------------------------------

my @preflight = ('Access-Control-Request-Method: GET',
    'Access-Control-Request-Headers: last-event-id,cache-control');
my $answer = ask('OPTIONS', '/login', $app, @preflight);
is $answer->status, 204, 'a preflight needs no login';
is marks($answer), 'https://app.example true Origin', 'it is marked';
like $answer->header('access-control-allow-methods'), qr/\bGET\b/, 'methods';
is $answer->header('access-control-allow-headers'),
    'last-event-id,cache-control', 'the headers that were asked for';
like $answer->header('access-control-max-age'), qr/^\d+$/, 'its age';
like $answer->header('allow'), qr/\bGET\b/, 'Allow';
is ask('OPTIONS', '/login', 'Origin: https://evil.example',
    @preflight)->status, 401, 'another site: none without login';
is ask('OPTIONS', '/login', $app)->status, 401, 'nor what is no preflight';
$answer = ask('OPTIONS', '/events', 'Origin: https://evil.example',
    @preflight);
is $answer->status, 204, 'OPTIONS of another site';
is $answer->header('access-control-allow-methods'), undef, 'allows nothing';
$answer = ask('OPTIONS', '/publish', $app,
    'Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: content-type');
is $answer->status, 204, 'a preflight of a publisher';
like $answer->header('access-control-allow-methods'), qr/\bPOST\b/, 'POST';
is $answer->header('access-control-allow-headers'), 'content-type', 'its type';
is $answer->header('allow'), 'GET, HEAD, POST, PUT, DELETE, OPTIONS', 'Allow';
unlike $answer->head, qr/content-length|transfer-encoding/i, '204 has no body';

# ---- Publishing ------------------------------------------------------------

my $sse = subscribe($httpd, '/events');
$sse->next_event(5);

sub may
{
    my ($path, @headers) = @_;
    return request($httpd, 'POST', "$path?channel=a", body => 'x',
        headers => \@headers)->{status};
}

is may('/closed'), 200, 'no browser';
my $own = 'Origin: http://localhost';
is may('/closed', $own), 200, 'a page of our own';
is may('/closed', 'Origin: https://localhost'), 200,
    'whose TLS ends at a proxy';
is may('/closed', 'Host: localhost:81', 'Origin: http://LOCALHOST:81'), 200,
    'with a port';
is may('/closed', 'Host: x.example', 'Origin: http://x.example:81'), 403,
    'not one of another port';
is may('/closed', 'Host: x.example', 'Origin: http://evil.x.example'), 403,
    'nor of a name below';
is may('/closed', $app), 403, 'a page of another site';
is may('/closed', 'Origin: null'), 403, 'a page of no site';
is may('/closed', 'Sec-Fetch-Site: same-origin', $own), 200, 'same-origin';
is may('/closed', 'Sec-Fetch-Site: none'), 200, 'the user himself';
is may('/closed', 'Sec-Fetch-Site: same-site'), 403, 'same-site';
is may('/closed', 'Sec-Fetch-Site: cross-site'), 403, 'cross-site';
is may('/closed', 'Sec-Fetch-Site: cross-site', $own), 403,
    'cross-site, whatever the origin';
is may('/publish', 'Sec-Fetch-Site: cross-site', $app), 200,
    'a listed site may';
is may('/publish', 'Origin: https://evil.example'), 403, 'another may not';
is may('/star', 'Origin: https://any.example'), 403, '* lets nobody publish';
is may('/star', 'Origin: null'), 403, 'nor null';
is may('/star', 'Origin: *'), 403, 'nor an origin *';
is may('/star', $app), 200, 'a site listed beside it may';

my $from = $httpd->log_size;
$answer = request($httpd, 'POST', '/publish?channel=a', body => 'x',
    headers => [$app, 'Content-Type: application/json']);
is $answer->{status}, 400, 'a bad body';
is $answer->{headers}{'access-control-allow-origin'}, 'https://app.example',
    'the page may read why';
$answer = request($httpd, 'POST', '/closed?channel=a', body => 'x',
    headers => [$app]);
is $answer->{body}, "Pages of other sites may not publish.\n",
    'a page that may not is told';
like $httpd->error_log($from),
    qr{https://app\.example.*EventStreamAllowOrigin}, 'and the administrator';
done_testing;
