#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamPublishKey: a publisher with a key is admitted, wherever it is, and
# no publisher without one. GRIP libraries use the key in their way.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use MIME::Base64 qw(encode_base64 encode_base64url);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

my $dir = File::Temp->newdir;
chmod 0755, "$dir";

sub key_file
{
    my ($name, $text, $mode) = @_;
    EventStream::Httpd::spew("$dir/$name", $text);
    chmod $mode // 0600, "$dir/$name";
    return "file:$dir/$name";
}

my ($key, $old, $other) = map { "$_-0123456789abcdef" } qw(key old other);
my $file = key_file('publish', "$key\n");
my $conf = <<"CONF";
LimitRequestFieldSize 100000
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<LocationMatch "^/(key|inner|closed|login|open|any|plain)\\b">
    SetHandler eventstream-publish
</LocationMatch>
<LocationMatch "^/(key|inner|closed|login|open)\\b">
    EventStreamPublishKey $file
</LocationMatch>
<Location "/inner">
    EventStreamPublishKey @{[key_file('inner', "# of one section\n$other\n")]}
</Location>
<Location "/closed">
    EventStreamPublishFrom none
</Location>
<Location "/open">
    EventStreamPublishKey none
</Location>
<Location "/any">
    EventStreamPublishFrom any
    EventStreamPublishKey $file
</Location>
<Location "/login">
    AuthType Basic
    AuthName x
    AuthUserFile "\@DOCROOT\@/users"
    Require valid-user
</Location>
CONF
my $httpd = EventStream::Httpd->start(
    modules => [qw(remoteip auth_basic authn_file authz_user)],
    h2 => 1,
    files => {'users' => "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"},
    conf => $conf);
my @elsewhere = ('X-Client: 192.0.2.1', 'Via: 1.1 front');

sub bearer
{
    my ($text) = @_;
    return "Authorization: Bearer $text";
}

sub status_of
{
    my ($path, @headers) = @_;
    return request($httpd, 'POST', "$path?channel=a", body => 'x',
        headers => \@headers)->{status};
}

my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'the stream opens';

# ---- The key -----------------------------------------------------------------

is status_of('/key', bearer($key)), 200, 'a publisher with the key gets 200';
is $sse->next_event(5)->{data}, 'x', 'its event arrives';
is status_of('/key', bearer($key), @elsewhere), 200,
    'a publisher elsewhere with the key gets 200';
is status_of('/key', "authorization: bEARER   $key"), 200,
    'the case of the scheme does not matter';
my $answer = request($httpd, 'POST', '/key?channel=a', body => 'x');
is $answer->{status}, 401, 'a publisher of this host without a key gets 401';
is $answer->{headers}{'www-authenticate'}, 'Bearer realm="publish"',
    'the answer asks for a key';
is $answer->{body}, "Publishing needs a key.\n", 'the answer says so';
$answer = request($httpd, 'POST', '/key?channel=a', body => 'x',
    headers => [bearer($other)]);
is $answer->{status}, 401, 'another key gets 401';
is $answer->{headers}{'www-authenticate'},
    'Bearer realm="publish", error="invalid_token"', 'the answer tells it';
is $answer->{body}, "This key is not valid here.\n", 'the answer says so, too';
for my $wrong ("Authorization: $key", "Authorization: Basic $key",
    bearer(''), bearer(substr $key, 1), bearer("$key$key"), bearer(lc "X$key"),
    bearer("$key, Bearer $key"), bearer("\"$key\""), "X-Key: $key")
{
    is status_of('/key', $wrong), 401, "$wrong gets 401";
}
is status_of('/key', bearer($key), bearer($key)), 401,
    'the header twice gets 401';
is status_of('/key', bearer($key), bearer($other)), 401,
    'two keys get 401';
is status_of('/key', bearer('x' x 65_536)), 401, 'a key of 64 KB gets 401';
is status_of('/key', bearer('.' x 65_536)), 401, 'a token of 64 KB gets 401';
is request($httpd, 'POST', "/key?channel=a&access_token=$key",
    body => 'x')->{status}, 401, 'a key in the query gets 401';

for my $method (qw(PUT GET HEAD DELETE)) {
    is request($httpd, $method, '/key?channel=b')->{status}, 401,
        "$method without a key gets 401";
    is request($httpd, $method, '/key?channel=b',
        headers => [bearer($key)],
        $method eq 'PUT' ? (body => 'x') : ())->{status}, 200,
        "$method with the key gets 200";
}
is request($httpd, 'GET', '/key?list=')->{status}, 401,
    'a list without a key gets 401';
is request($httpd, 'GET', '/key?list=', headers => [bearer($key)])->{status},
    200, 'a list with the key gets 200';
is request($httpd, 'POST', '/key?channel=c', body => qq({"text": "x"}\n),
    headers => ['Content-Type: application/x-ndjson'])->{status}, 401,
    'a stream of lines without a key gets 401';
is request($httpd, 'POST', '/key?channel=c', body => qq({"text": "x"}\n),
    headers => ['Content-Type: application/x-ndjson', bearer($key)])->{status},
    200, 'a stream of lines with the key gets 200';
my ($rc, $text) = curl('--http2-prior-knowledge', '--data-binary', 'h2',
    '-H', 'Content-Type: text/plain', '-H', bearer($key),
    $httpd->url('/key?channel=c'));
like $text, qr/"published": 1/, 'a publisher with the key gets 200 over HTTP/2';

my $client = EventStream::Client->connect($httpd->port);
$client->send("POST /key?channel=a HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
$client->fill(5);
like $client->wire, qr{\AHTTP/1\.1 401}, '401 comes before the body is sent';

# ---- With other directives ---------------------------------------------------

is status_of('/inner', bearer($other)), 200, 'an inner section has its own key';
is status_of('/inner', bearer($key)), 401, 'and not that of an outer one';
is status_of('/open'), 200, 'none takes an inherited key away';
is status_of('/open', @elsewhere), 403, 'then addresses count again';
is status_of('/open', @elsewhere, bearer($key)), 403, 'and a key does not';
is status_of('/closed', bearer($key)), 403,
    'EventStreamPublishFrom none closes, whatever the key';
is status_of('/any'), 401, 'EventStreamPublishFrom any does not replace a key';
is status_of('/any', bearer($key)), 200, 'with the key it is open';
my $login = 'Authorization: Basic ' . encode_base64('ann:secret', '');
is status_of('/login', bearer($key)), 401,
    'AuthType Basic takes the header for a login';
is status_of('/login', $login), 401, 'a login is no key';
like $httpd->error_log, qr/has the login of AuthType/,
    'the error log gives the reason';
is status_of('/key', bearer($key), 'Origin: http://evil.example'), 403,
    'a page of another site needs EventStreamAllowOrigin besides its key';
is status_of('/key', bearer($key), 'Origin: http://localhost'), 200,
    'a page of this site with the key gets 200';

# ---- Tokens of GRIP libraries ------------------------------------------------

sub token
{
    my ($with, %claims) = @_;
    return bearer(EventStream::Pushpin->sign($with, %claims));
}

is status_of('/key', token($key, iss => 'app'), @elsewhere), 200,
    'a token signed with the key gets 200';
is status_of('/key', token($other)), 401, 'a token of another key gets 401';
is status_of('/key', token($key, exp => time - 120)), 401,
    'a token that has expired gets 401';
is status_of('/key', token($key, exp => time - 5)), 200,
    'the clock of a publisher may be some seconds late';
is status_of('/key', token($key, exp => undef)), 401,
    'a token without exp gets 401';
is status_of('/key', token($key, nbf => time + 600)), 401,
    'a token that is not valid yet gets 401';
my $claims = encode_base64url('{"iss":"app","exp":4000000000}');
for my $alg ('none', 'None', 'HS512', 'RS256') {
    my $head = encode_base64url(qq({"alg":"$alg"}));
    is status_of('/key', bearer("$head.$claims.")), 401,
        "a token of $alg without signature gets 401";
    is status_of('/key', bearer("$head.$claims.AAAA")), 401,
        "a token of $alg with a signature gets 401";
}
$answer = request($httpd, 'POST', '/key', headers => [token($key),
    'Content-Type: application/json'],
    body => '{"items":[{"channel":"events-g","http-stream":'
        . '{"content":"data: item\n\n"}}]}');
is "$answer->{status} $answer->{body}", "200 Published\n",
    'GRIP items with a token are published';

# ---- Rotation ----------------------------------------------------------------

# An old child may still answer some requests after graceful.
sub status_soon
{
    my ($wanted, $header) = @_;
    my $status;
    wait_for(sub { ($status = status_of('/key', $header)) == $wanted }, 10);
    return $status;
}

key_file('publish', "$other\n# until all publishers have the new one\n$key\n");
is status_of('/key', bearer($other)), 401, 'a file is read at start only';
$httpd->graceful;
is status_soon(200, bearer($_)), 200, "after graceful, $_ is valid"
    for $other, $key;
is status_soon(200, token($_)), 200, "and a token of $_" for $other, $key;
key_file('publish', "$other\n");
$httpd->graceful;
is status_soon(200, bearer($other)), 200, 'the new key stays';
is status_soon(401, bearer($key)), 401, 'the old key is not valid any more';
is status_soon(401, token($key)), 401, 'nor is a token of it';
my $more = 'EventStreamPublishKey ' . key_file('old', $old);
$httpd->rewrite_conf($conf =~ s/EventStreamPublishKey .*\n\K/$more\n/r);
$httpd->graceful;
is status_soon(200, bearer($_)), 200, "two directives add up: $_"
    for $other, $old;

my $log = $httpd->error_log . $httpd->access_log;
unlike $log, qr/Bearer \S*0123456789/, 'no log has what was sent';
$log =~ s/access_token=\S+//g;
unlike $log, qr/0123456789abcdef/, 'no log has a key';
like $log, qr/ES0701.*EventStreamPublishKey of this Location/,
    'the error log names the directive';
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- What configtest says ----------------------------------------------------

sub refused
{
    my ($name, $words, $pattern) = @_;
    my ($ok, $output) =
        EventStream::Httpd->config_test("EventStreamPublishKey $words\n");
    is $ok, 0, "$name is refused";
    like $output, $pattern, 'with the reason';
    unlike $output, qr/0123456789|secret/, 'and without a byte of a key';
    return;
}

refused('a missing file', "file:$dir/none", qr/cannot be read from \S+none: /);
refused('an empty file', key_file('empty', "\n"), qr/empty has no key/);
refused('a short key', key_file('short', "secret-of-15-by\n"),
    qr/key of less than 16 bytes.*in line 1/);
refused('a key with a blank', key_file('blank', "$key\nsecret of 2 words\n"),
    qr/no letter, digit or one of .* in line 2/);
refused('a file that others can write', key_file('shared', $key, 0666),
    qr/writable by others \(chmod go-w\)/);
refused('a folder', "file:$dir", qr/not a regular file/);
refused('no path', 'file:', qr/takes none, or files/);
refused('a key in place of a file', 'secret-0123456789abcdef',
    qr/takes none, or files with keys as file:PATH/);
refused('none with a file', "none $file", qr/none cannot be combined/);
refused('a file with none', "$file none", qr/none cannot be combined/);

my ($ok, $output) = EventStream::Httpd->config_test(
    'EventStreamPublishKey ' . key_file('public', $key, 0644) . "\n");
is $ok, 1, 'a file that all users can read is taken';
like $output, qr/ES0113: .*public: all users of this host can read/,
    'with a warning';
($ok, $output) = EventStream::Httpd->config_test(
    "EventStreamPublishKey file:htdocs/relative\n",
    files => {relative => $key});
is $ok, 1, 'a relative path starts at ServerRoot' or diag $output;
($ok, $output) = EventStream::Httpd->config_test(
    "<VirtualHost *>\nEventStreamPublishKey $file\n<Directory />\n"
    . "EventStreamPublishKey none\n</Directory>\n</VirtualHost>\n");
is $ok, 1, 'it may stand in a virtual host and in a section' or diag $output;
unlike $output, qr/ES0113/, 'a file for the owner only has no warning';
done_testing;
