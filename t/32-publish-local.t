#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPublishFrom local: behind a proxy on the same host the whole world
# comes from 127.0.0.1. What shows a proxy counts as it was received, whatever
# other modules remove or replace before our handler runs.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $httpd = EventStream::Httpd->start(
    modules => [qw(headers remoteip rewrite)], h2 => 1, conf => <<'CONF');
LogLevel eventstream:debug
ServerName app.example
# mod_headers removes headers early (post_read_request) and late (fixups), and
# mod_remoteip that which it reads.
RequestHeader unset X-Real-IP early
RequestHeader unset X-Forwarded-For
RequestHeader set X-Forwarded-Proto https
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/net">
    SetHandler eventstream-publish
    EventStreamPublishFrom 127.0.0.0/8
</Location>
<Location "/fixed">
    SetHandler eventstream-publish
    RequestHeader unset Via
</Location>
<Directory "@DOCROOT@">
    RewriteEngine On
    RewriteRule ^api/(.*) /$1
</Directory>
CONF

sub status_of
{
    my ($path, %opt) = @_;
    return request($httpd, 'POST', "$path?channel=a", body => 'x', %opt)
        ->{status};
}

# ---- Headers ---------------------------------------------------------------

for my $path ('/publish', '/fixed', '/api/publish') {
    is status_of($path), 200, "$path: a publisher on this host gets 200";
    for my $header ('X-Forwarded-For: 127.0.0.1', 'X-Real-IP: 127.0.0.1',
        'Via: 1.1 front', 'X-Client: 127.0.0.1') {
        is status_of($path, headers => [$header]), 403,
            "$path: a request with $header gets 403, though it was removed";
    }
}
for my $name (qw(X-Forwarded-Host x-forwarded-proto X-FORWARDED-SERVER
    X-Forwarded X-Forwarded-Port Forwarded X-Client-IP X-Cluster-Client-IP
    CF-Connecting-IP CF-Ray True-Client-IP Fastly-Client-IP Client-IP
    X-Original-URL X-Envoy-External-Address X-Azure-ClientIP CDN-Loop)) {
    my $from = $httpd->log_size;
    is status_of('/publish', headers => ["$name: x"]), 403,
        "a request with $name gets 403";
    like $httpd->error_log($from), qr/ES0701.*a proxy's header \Q$name\E,/,
        'and the error log names it';
}
is status_of('/publish', headers => ["$_: x"]), 200,
    "a request with $_ gets 200"
    for qw(X-Forward Forwarded-Note Vi Via-Header X-Request-Id);
my $from = $httpd->log_size;
is status_of('/publish', headers => ['X-Client: 127.0.0.1']), 403,
    'a client that mod_remoteip takes for one of this host gets 403';
like $httpd->error_log($from), qr/client 127\.0\.0\.1 by way of 127\.0\.0\.1/,
    'and the error log shows why';

for my $args (['-H', 'X-Real-IP: x'], ['-H', 'X-Forwarded-For: x']) {
    my ($rc, $text) = curl('--http2-prior-knowledge', '-X', 'POST', @$args,
        '-o', '/dev/null', '-w', '%{http_code}',
        $httpd->url('/publish?channel=a'));
    is $text, 403, "over HTTP/2: a request with $args->[1] gets 403";
}

# A connection is kept: each request is looked at by itself.
my $client = EventStream::Client->connect($httpd->port);
my $head = "POST /publish?channel=a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: text/plain\r\nContent-Length: 1\r\n";
$client->send("${head}X-Real-IP: x\r\n\r\nx${head}\r\nx"
    . "${head}Connection: close\r\nX-Real-IP: x\r\n\r\nx");
1 while $client->fill(5);
is_deeply [$client->wire =~ m{^HTTP/1\.1 (\d+)}mg], [403, 200, 403],
    'several requests of a connection are told apart';

# ---- HTTP/1.0 --------------------------------------------------------------

$from = $httpd->log_size;
for my $path ('/publish', '/api/publish') {
    is status_of($path, version => '1.0'), 403,
        "$path: a request over HTTP/1.0 gets 403";
}
like $httpd->error_log($from), qr/ES0701.*HTTP\/1\.0.*must send HTTP\/1\.1/,
    'and the error log has the remedy';
is request($httpd, 'GET', '/publish?list=', version => '1.0')->{status}, 403,
    'so do statistics';

# ---- A page of a name that was made to resolve to this host -----------------

# Over plain HTTP browsers add no header to a GET that shows a page.
my @rebound = (headers => ['Host: evil.example']);
$from = $httpd->log_size;
for my $query ('list=', 'channel=a') {
    is request($httpd, $_, "/publish?$query", @rebound)->{status}, 403,
        "$_ ?$query of a host that is not this server's gets 403"
        for qw(GET HEAD);
}
like $httpd->error_log($from), qr/GET or HEAD of the host evil\.example, which/,
    'and the error log names the host';
is request($httpd, 'GET', '/api/publish?list=', @rebound)->{status}, 403,
    'after an internal redirect, too';
for my $host ('localhost', 'LOCALHOST:1', '127.0.0.9', '[::1]:8080',
    'app.example', 'App.Example:8080') {
    is request($httpd, 'GET', '/publish?list=', headers => ["Host: $host"])
        ->{status}, 200, "a GET of the host $host gets 200";
}
is request($httpd, 'POST', '/publish?channel=a', body => 'x', headers =>
    ['Host: app.example:8080', 'Origin: http://app.example:8080'])->{status},
    200, 'a page of this server gets 200, whatever its port is';
is status_of('/publish', @rebound), 200,
    'a publisher that is no browser may have any Host';

my @page = (headers => ['Host: evil.example', 'Origin: http://evil.example']);
is request($httpd, 'GET', '/net?list=', @rebound)->{status}, 403,
    'addresses: a GET of a host that is not this server\'s gets 403';
is status_of('/net', @page), 403, 'addresses: so does a page of such a host';
is status_of('/net', @rebound), 200,
    'addresses: a publisher that is no browser may have any Host';
is request($httpd, 'GET', '/net?list=', headers => ["Host: $_"])->{status},
    200, "addresses: a GET of the host $_ gets 200"
    for 'app.example', '198.51.100.4:80', '[2001:db8::4]';
done_testing;
