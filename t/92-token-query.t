#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamToken query=: a token in the query admits, and stands in no log:
# not in the access log, the error log, EventStreamLog, EventStreamPublishLog
# and mod_status. Other sections get the parameter as it is.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Token;

my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $secret = 'secret-0123456789abcdef0123456789abcdef';
EventStream::Httpd::spew("$dir/key", "$secret\n");
chmod 0600, "$dir/key";

my $httpd = EventStream::Httpd->start(h2 => 1,
    modules => [qw(status rewrite headers dir log_forensic)], conf => <<"CONF");
LogLevel eventstream:debug
ForensicLog logs/forensic
LogFormat "%r %q %U %{Referer}i %{X-Note}n %f" all
CustomLog logs/all all
EventStreamLog logs/stream "%U %{Referer}i %C"
ExtendedStatus On
<LocationMatch "^/(stream|publish|error)\\b">
    EventStreamToken key=file:$dir/key query=access cookie=access
    Require eventstream-token
</LocationMatch>
<Location "/stream">
    SetHandler eventstream
    EventStreamChannel "{?c}" "leak-{?access}"
    EventStreamAllowChannel a leak-
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamPublishLog on
</Location>
<Location "/error">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    ErrorDocument 401 /page.txt
    ErrorDocument 403 /page.txt
</Location>
<Directory "\@DOCROOT\@/folder">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamToken key=file:$dir/key query=access
    Require eventstream-token
</Directory>
<Location "/status">
    SetHandler server-status
</Location>
<Location "/echo">
    RewriteEngine on
    RewriteRule ".*" "-" [E=QUERY:%{QUERY_STRING},E=LINE:%{THE_REQUEST}]
    Header always set X-Query "%{QUERY}e %{LINE}e"
</Location>
CONF
mkdir "$httpd->{root}/htdocs/folder";
EventStream::Httpd::spew("$httpd->{root}/htdocs/page.txt", "page\n");

my %made;
sub made
{
    my ($claims) = @_;
    my $token = token($secret, {eventstream => $claims, jti => "id-" . rand()});
    $made{$token} = 1;
    return $token;
}

sub status_of
{
    my ($path, @headers) = @_;
    my $client = subscribe($httpd, $path, headers => \@headers);
    return wantarray ? ($client->status, $client) : $client->status;
}

# ---- Admitted ----------------------------------------------------------------

my $token = made({subscribe => ['a', 'leak-'], publish => ['a'], control =>
    JSON::PP::true});
my ($status, $client) = status_of("/stream?c=a&access=$token");
is $status, 200, 'a token in the query';
is $client->next_event(20)->{event}, 'stream-open', 'opens a stream';
is status_of("/stream?access=$token&c=a"), 200, 'before other parameters';
is status_of("/stream?access=$token&c=x"), 403, 'of its channels';
is status_of("/stream?c=a&%61ccess=$token"), 200, 'with a name in %HH';
is status_of('/stream?c=a&Access=x.y.z'), 401, 'not with another name';
is status_of('/stream?c=a&access='), 401, 'nor without a value';
is status_of("/stream?c=a&access=" . made({subscribe => ['*']}) . 'x'), 401,
    'one that is not valid';
is status_of("/folder/?c=a&access=$token"), 200, 'in a folder';
is status_of("/error/?c=a&access=x$token"), 401, 'a page of an error';
is status_of("/error/?c=x&access=$token"), 403, 'and another';
my $answer = request($httpd, 'POST', "/publish?channel=a&access=$token",
    body => 'hello', headers => ['Content-Type: text/plain']);
is $answer->{status}, 200, 'a publisher';
is $client->skip_to('message', 20)->{data}, 'hello', 'publishes';
is get($httpd, "/publish?channel=a&access=$token")->{status}, 200, 'and reads';
is status_of("/stream?c=a&access=$token", "Referer: http://localhost/page?x=1"
    . "&access=$token#top"), 200, 'a page that has it in its own address';
is status_of('/stream?c=a', "Referer: http://localhost/stream?access=$token",
    bearer($token)), 200, 'a header beside a page';

my $held = subscribe($httpd, "/stream?c=a&access=$token", http2 => 1);
is $held->status, 200, 'a client over HTTP/2';
is $held->next_event(20)->{event}, 'stream-open', 'gets its stream';

# ---- Several tokens ----------------------------------------------------------

for my $case (
    ["&access=$token", [bearer($token)], 'header and query'],
    ["&access=$token&access=$token", [], 'the parameter twice'],
    ['', ["Cookie: access=$token; access=$token"], 'the cookie twice'],
    ['', ["Cookie: access=$token", "Cookie: access=$token"], 'in two headers'],
) {
    my ($query, $headers, $name) = @$case;
    my $answer = request($httpd, 'GET', "/stream?c=a$query",
        headers => $headers);
    is $answer->{status}, 400, "$name: refused";
    like $answer->{headers}{'www-authenticate'}, qr/error="invalid_request"/,
        "$name: with the challenge";
}
is status_of("/stream?c=a&access=$token", "Cookie: access=x"), 200,
    'a query beside a cookie wins';

# ---- Other sections ----------------------------------------------------------

$answer = get($httpd, '/echo?access=mine&x=1');
is $answer->{headers}{'x-query'},
    'access=mine&x=1 GET /echo?access=mine&x=1 HTTP/1.1',
    'another section has the parameter as it is';

# ---- Long ones ---------------------------------------------------------------

my $long = $token . 'A' x 100_000;
is request($httpd, 'GET', "/stream?c=a&access=$long")->{status}, 414,
    'a line that is too long gets 414';
is request($httpd, 'GET', '/stream?c=a', headers => [bearer($long)])->{status},
    400, 'a header that is too long gets 400';

# ---- First lines that are refused --------------------------------------------

is request($httpd, 'GET', "/stream?c=a${_}b&access=$token")->{status}, 400,
    'a line with a raw ' . sprintf('%02x', ord) . ' in the query gets 400'
    for ' ', '#';
is status_of('/stream?c=a',
    "Referer: http://localhost/?a b&access=$token"), 401,
    'a page whose address has a blank is no token';

# ---- No log has one ----------------------------------------------------------

my $page = get($httpd, '/status')->{body};
like $page, qr{GET /stream}, 'mod_status shows requests';
# mod_http2 writes a line of its own, of which mod_status has 63 bytes.
(my $others = $page) =~ s/\[\d+\/\d+\] [^<]*//g;
unlike $others, qr/eyJ/, 'and no token';
unlike $page, qr/eyJ[\w-]*\./, 'over HTTP/2 a part of its header at most';
$_->close for $client, $held;
is status_of("/stream?c=a&access=$token"), 200, 'another one';
is $httpd->stop, 0, 'httpd stops with exit status 0';

my %lines;
for my $name (qw(error_log all stream forensic)) {
    my $text = EventStream::Httpd::slurp("$httpd->{root}/logs/$name");
    $text =~ s/^[+-][^|]*\|[^|]*\K.*$//mg # it has all headers
        if $name eq 'forensic';
    $lines{$name} = $text;
    cmp_ok length $text, '>', 100, "$name has lines";
    unlike $text, qr/eyJ/, "$name has no token";
    my ($signature) = $token =~ /([^.]{20})$/;
    unlike $text, qr/\Q$signature\E/, "$name has no signature";
}
like $lines{all},
    qr{^GET /stream\?c=a&access=\(removed\) HTTP/1\.1 \?c=a /stream}m,
    'the line of the access log says that something was removed';
like $lines{all}, qr{page\?x=1&access=\(removed\)\s}, 'so does Referer';
like $lines{all}, qr{^GET /stream\?c=a b&access=\(removed\)}m,
    'also of one that was refused';
like $lines{stream}, qr{^/stream }m, 'and there are lines of streams';
done_testing;
