#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamErrorForm: who gets a refusal as an event, in which form, and who
# still gets the status. What a real browser makes of it is in
# 33-cors-browsers.t.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Tls;

my $with_h2 = EventStream::Httpd->has_module('http2')
    && `curl --version` =~ /^Features:.* HTTP2\b/m;
my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => $with_h2,
    modules => [qw(auth_basic auth_digest authn_file authz_host authz_user
        headers rewrite)],
    files => {'users' => "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n",
        'digests' => '', 'error.html' => "the page of an error\n"},
    conf => <<'CONF');
EventStreamErrorForm event
EventStreamRetry 2
ErrorDocument 401 /error.html
ErrorDocument 403 "a text"
<LocationMatch "^/(events|basic|digest|denied|status|broken|rule|any)$">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamAllowOrigin https://app.example
    Header always set X-Site yes
</LocationMatch>
<LocationMatch "^/(none|few|other)$">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamAllowChannel "a*"
    EventStreamMaxChannelsPerClient 2
</LocationMatch>
<LocationMatch "^/path">
    SetHandler eventstream
    EventStreamPath "/path/{c}"
    EventStreamChannel "{c}"
</LocationMatch>
<LocationMatch "^/(basic|status|publishbasic|page|any)$">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<Location "/digest">
    AuthType Digest
    AuthName x
    AuthDigestProvider file
    AuthUserFile "@DOCROOT@/digests"
    Require valid-user
</Location>
<Location "/any">
    <RequireAny>
        Require user nobody
        Require ip 192.0.2.1
    </RequireAny>
</Location>
<Location "/broken">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/no/such/file"
    Require valid-user
</Location>
<Location "/denied">
    Require all denied
</Location>
<Location "/status">
    EventStreamErrorForm status
</Location>
<LocationMatch "^/path/no">
    Require all denied
</LocationMatch>
<LocationMatch "^/(publish|publishbasic)$">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/rule">
    RewriteEngine On
    RewriteRule .* - [F]
</Location>
CONF

my $sse = 'Accept: text/event-stream';
my $error = 'Last-Event-ID: error';

sub ask { my ($path, @headers) = @_; return get($httpd, $path, @headers) }

# The data of an answer that has the form, with its id; else what it is.
sub data
{
    my ($answer) = @_;
    return "status $answer->{status}" if $answer->{status} != 200;
    return "type $answer->{headers}{'content-type'}"
        if $answer->{headers}{'content-type'} !~ m{^text/event-stream; };
    my ($id, $json) = $answer->{body} =~ /\Aretry:\ 2000\n
        event:\ stream-error\n(?:id:\ (\w+)\n)?data:\ (\{.*\})\n\n\z/x
        or return "body $answer->{body}";
    my $data = decode_json($json);
    return join ' ', defined $id ? $id : '-', @$data{qw(status condition text)};
}

# ---- Refusals of httpd -----------------------------------------------------

my $login = 'Authorization: Basic ' . encode_base64('ann:secret', '');
my $wrong = 'Authorization: Basic ' . encode_base64('ann:wrong', '');
my $from = $httpd->log_size;
my $answer = ask('/basic', $sse);
is data($answer), 'error 401 unauthorized A login is needed.',
    'a missing login is an event';
is $answer->{headers}{'www-authenticate'}, undef,
    'it has no WWW-Authenticate, on which a browser asks for a password';
like $answer->{headers}{'cache-control'}, qr/no-store/, 'it is not cached';
is $answer->{headers}{'content-length'}, length $answer->{body},
    'its end is certain';
ask('/basic?c=d&e=f', $sse);
ok wait_for(sub { $httpd->access_log =~
    m{"GET /basic\?c=d&e=f HTTP/1\.1" 200}m }, 10),
    'the access log has the request as it was, and the status of the answer'
    or diag $httpd->access_log;
is $answer->{headers}{'x-site'}, 'yes', 'it has the headers of its section';
like $httpd->error_log($from), qr/ES0704: refused with 401/,
    'the error log has the status';
is data(ask('/basic', $sse, $wrong)),
    'error 401 unauthorized A login is needed.', 'so is a wrong password';
is data(ask('/digest', $sse)), 'error 401 unauthorized A login is needed.',
    'so is a missing login with AuthType Digest';
is data(ask('/denied', $sse)), 'error 403 forbidden Access is not allowed.',
    'so is what Require denies, whatever ErrorDocument says';
is data(ask('/any', $sse)), 'error 401 unauthorized A login is needed.',
    'so is what RequireAny refuses';
is data(ask('/broken', $sse, $login)),
    '- 500 internal-error The server failed.',
    'a failure is an event without an id: the client keeps its position';
is data(ask('/rule', $sse)), 'error 403 forbidden Access is not allowed.',
    'so is the refusal of a rule of its section';
for my $path ('no', 'no%20blank', 'no%2525', 'no%C3%A9', 'no%3Fx', 'no+%3B',
    'no/../no', '/no', 'n%6f') {
    is data(ask("/path/$path?q=%20", $sse)),
        'error 403 forbidden Access is not allowed.', "so is that of $path";
}
$answer = ask('/basic', $sse, 'Origin: https://app.example');
is $answer->{headers}{'access-control-allow-origin'}, 'https://app.example',
    'a page of a listed origin may read it';
is $answer->{headers}{'access-control-allow-credentials'}, 'true',
    'also with credentials';
is $answer->{headers}{vary}, 'Origin', 'it varies by Origin';
$answer = ask('/basic', $sse, 'Origin: https://evil.example');
is $answer->{headers}{'access-control-allow-origin'}, undef,
    'a page of another origin may not';

# ---- Our own ---------------------------------------------------------------

is data(ask('/none', $sse)), 'error 400 bad-request No specified channels.',
    'no channel is an event';
is data(ask('/few?c=a1&c=a2&c=a3', $sse)),
    'error 400 bad-request Too many channels: at most 2 for a client.',
    'so are too many channels';
is data(ask('/other?c=b%22%5C', $sse)),
    "error 403 forbidden Channel not allowed: b\"\\.",
    'so is a channel that is not allowed; the text is JSON';
like data(ask('/path/a/b', $sse)), qr/^error 404 not-found /,
    'so is a path that does not match';

# ---- The next try ----------------------------------------------------------

for my $path ('/basic', '/denied', '/none', '/events') {
    $answer = ask($path, $sse, $error);
    is $answer->{status}, 204, "$path: the next try gets 204";
    is $answer->{body}, '', "$path: without a body";
    is $answer->{headers}{'www-authenticate'}, undef,
        "$path: and without WWW-Authenticate";
}
is data(ask('/broken', $sse, $login, 'Last-Event-ID: 1-1')),
    '- 500 internal-error The server failed.', 'a failure is told again';

# ---- Who gets the status ---------------------------------------------------

for my $accept ('*/*', 'text/*', 'text/html, */*;q=0.8',
    'text/event-stream;q=0, */*', 'application/json') {
    $answer = ask('/basic', "Accept: $accept");
    is $answer->{status}, 401, "Accept: $accept gets the status";
    is $answer->{body}, "the page of an error\n",
        "Accept: $accept gets the page of ErrorDocument";
    like $answer->{headers}{'www-authenticate'}, qr/^Basic/,
        "Accept: $accept gets WWW-Authenticate";
}
is ask('/basic')->{status}, 401, 'no Accept gets the status';
is ask('/denied', 'Accept: */*')->{body}, 'a text', 'ErrorDocument applies';
is request($httpd, 'HEAD', '/basic', headers => [$sse])->{status}, 401,
    'HEAD gets the status';
is request($httpd, 'POST', '/basic', headers => [$sse, $login],
    body => '')->{status}, 405, 'another method gets the status';
is ask('/status', $sse)->{status}, 401, 'with status, all get the status';
like ask('/status', $sse)->{headers}{'www-authenticate'}, qr/^Basic/,
    'with status, all get WWW-Authenticate';
is ask('/status', $sse, $login, $error)->{status}, 400,
    'with status, the id "error" is refused with 400';
is ask('/page', $sse)->{status}, 401, 'a Location without our handler';
is request($httpd, 'POST', '/publishbasic', headers => [$sse], body => 'x')
    ->{status}, 401, 'a publisher gets the status of a login';
is request($httpd, 'POST', '/publish', headers => [$sse], body => 'x')
    ->{status}, 400, 'and that of its body';
is ask('/publishbasic', $sse)->{status}, 401,
    'GET on a publish Location gets the status';
for my $accept ('text/event-stream', 'TEXT/Event-Stream',
    'text/html;q=0.2, text/event-stream;q=0.1') {
    like data(ask('/basic', "Accept: $accept")), qr/^error 401 /,
        "Accept: $accept gets the event";
}

# ---- Who is admitted -------------------------------------------------------

my $stream = subscribe($httpd, '/basic', headers => [$sse, $login]);
is $stream->next_event(5)->{event}, 'stream-open', 'a login gets the stream';
is publish($httpd, 'a', 'hello')->{json}{clients}, 1, 'it is the only client';
is $stream->next_event(5)->{data}, 'hello', 'and gets events';

# the connection goes on: two refusals and a page on it
SKIP: {
    skip 'curl is not asked over TLS', 1 if over_tls();
    my $url = $httpd->url('');
    my (undef, $all) = curl('-w', '%{num_connects} ', '-H', $sse, '-o',
        '/dev/null', "$url/basic", '-o', '/dev/null', "$url/denied", '-o',
        '/dev/null', "$url/error.html");
    is $all, '1 0 0 ', 'the connection is used again';
}

# ---- TLS and HTTP/2 --------------------------------------------------------

my @versions = (['--http1.1'], $with_h2 ? ['--http2'] : ());
for my $version (@versions) {
    my $url = $httpd->ssl_url('');
    for my $case (['/basic', 401], ['/denied', 403], ['/none', 400]) {
        my ($path, $status) = @$case;
        my ($rc, $text) = curl(@$version, '-m', 10, '-H', $sse, '-w',
            '%{http_version} %{response_code}', "$url$path");
        is $rc, 0, "@$version, TLS, $path: a clean end";
        like $text, qr/"status":$status\}\n\n(?:1\.1|2) 200\z/,
            "@$version, TLS, $path: an event";
        (undef, $text) = curl(@$version, '-m', 10, '-H', $sse, '-H', $error,
            '-w', '%{response_code}', "$url$path");
        is $text, '204', "@$version, TLS, $path: the next try gets 204";
    }
}

is join("\n", grep { /:(?:crit|alert|emerg)\]/ }
    split /\n/, $httpd->error_log), '', 'the error log has nothing critical';
my ($ok, $output) =
    EventStream::Httpd->config_test("EventStreamErrorForm json\n");
ok !$ok, 'configtest refuses another form';
like $output, qr/EventStreamErrorForm takes status or event, not 'json'/,
    'with the reason';
done_testing;
