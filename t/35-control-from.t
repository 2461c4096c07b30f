#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamControlFrom: who may close channels, read statistics and learn the
# addresses of GRIP proxies is another question than who may publish.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;
use EventStream::Snippets;

my $proxy = EventStream::FakeProxy->start;
my $url = $proxy->url;

# The samples of the reference: /publish and /control, and /limit.
my $docs = snippets('docs/directives.md');
my $samples = $docs->{'control.conf'} . $docs->{'limit.conf'} =~
    s{"/publish"}{"/limit"}r;
$samples =~ s{"/etc/apache2/users"}{"\@DOCROOT@/users"}g;

# Users "ann" and "root", password "secret".
my $login = <<'CONF';
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
CONF
my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
my $httpd = EventStream::Httpd->start(
    modules => [qw(remoteip auth_basic authn_file authz_user)],
    files => {users => "ann:$hash\nroot:$hash\n", 'folder/x' => ''},
    conf => <<"CONF");
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.1
EventStreamHub grip size=1m
EventStreamGrip hub=grip $url/
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<LocationMatch "^/(form|editor|any|local|net|shut|outer|folder|grip)\\b">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/form">
$login
    EventStreamPublishFrom user
    Require valid-user
</Location>
<Location "/editor">
$login
    EventStreamPublishFrom user
    EventStreamControlFrom user
    Require valid-user
</Location>
<Location "/any">
    EventStreamPublishFrom any
</Location>
<Location "/local">
    EventStreamPublishFrom any
    EventStreamControlFrom local
</Location>
<Location "/net">
    EventStreamPublishFrom 10.1.0.0/16
</Location>
<Location "/shut">
    EventStreamPublishFrom local
    EventStreamControlFrom none
</Location>
<Location "/outer">
    EventStreamPublishFrom local
    EventStreamControlFrom any
</Location>
<Location "/outer/none">
    EventStreamPublishFrom none
</Location>
<Location "/outer/inner">
    EventStreamPublishFrom local
</Location>
<Location "/outer/only">
    EventStreamPublishFrom none
    EventStreamControlFrom local
</Location>
<Directory "\@DOCROOT@/folder">
    EventStreamControlFrom any
</Directory>
<Location "/folder">
    EventStreamPublishFrom none
</Location>
<Location "/folder/x">
    EventStreamPublishFrom any
</Location>
<Location "/grip">
    EventStreamUseHub grip
    EventStreamPublishFrom any
    EventStreamControlFrom local
</Location>
$samples
CONF

my %users = map { ($_ => 'Authorization: Basic '
    . encode_base64("$_:secret", '')) } qw(ann root);
my @ann = ($users{ann});
my $elsewhere = 'X-Client: 192.0.2.1';

sub ask
{
    my ($method, $path, @headers) = @_;
    return request($httpd, $method, $path, headers => \@headers,
        $method eq 'POST' ? (body => 'x') : ());
}

# The status of POST, GET, HEAD and DELETE.
sub statuses
{
    my ($path, @headers) = @_;
    return join ' ', map { ask($_, "$path?channel=a", @headers)->{status} }
        qw(POST GET HEAD DELETE);
}

# ---- Each word -------------------------------------------------------------

is statuses('/form', @ann), '200 403 403 403',
    'a user of a form publishes, and does not control';
is statuses('/editor', @ann), '200 200 200 200',
    'EventStreamControlFrom user: a user controls';
is statuses('/any'), '200 403 403 403', 'any gives no control';
is statuses('/local'), '200 200 200 200',
    'EventStreamControlFrom local: this host controls';
is statuses('/local', $elsewhere), '200 403 403 403',
    'EventStreamControlFrom local: others do not';
is statuses('/net', 'X-Client: 10.1.0.1'), '200 200 200 200',
    'an address that may publish may control';
is statuses('/net'), '403 403 403 403', 'another one may do neither';
is statuses('/shut'), '200 403 403 403',
    'EventStreamControlFrom none: no one controls';

my $answer = ask('DELETE', '/form?channel=a&for=2678400', @ann);
is $answer->{status}, 403, 'a user of a form cannot close for a month';
is $answer->{body}, "Closing channels and reading statistics is not allowed "
    . "from here.\n", 'the answer gives the reason';
is ask('GET', '/form?list=', @ann)->{status}, 403,
    'a user of a form cannot list the channels';
is subscribe($httpd, '/events?c=b')->status, 200, 'no stream is closed';
like $httpd->error_log, qr/ES0701.*EventStreamControlFrom \(preset: /,
    'the error log names the directive and its preset';

# ---- Sections --------------------------------------------------------------

is statuses('/outer/inner', $elsewhere), '403 200 200 200',
    'EventStreamControlFrom of an outer section applies';
is statuses('/outer/none'), '403 403 403 403',
    'EventStreamPublishFrom none closes to control, too';
is statuses('/folder/x'), '200 403 403 403',
    'a section within it that opens it to publishers opens no outer control';
is statuses('/outer/only'), '403 200 200 200',
    'EventStreamControlFrom next to it opens to control';

# ---- Items that close ------------------------------------------------------

sub close_item
{
    my ($path, @headers) = @_;
    return request($httpd, 'POST', $path,
        headers => ['Content-Type: application/json', @headers],
        body => '{"items": [{"channel": "c", "formats": {"http-stream": '
            . '{"content": "data: last\n\n"}}}, {"channel": "c", "formats": '
            . '{"http-stream": {"action": "close"}}}]}');
}

my $sse = subscribe($httpd, '/events?c=c');
is $sse->next_event(5)->{event}, 'stream-open', 'a stream opens';
$answer = close_item('/form', @ann);
is $answer->{status}, 403, 'an item of a user does not close';
like $answer->{body}, qr/^item 1: Closing channels/, 'the answer names it';
is $sse->next_event(0), undef, 'the items before it are not published';
is close_item('/editor', @ann)->{status}, 200,
    'an item of a publisher that may control closes';
is $sse->next_event(5)->{data}, 'last', 'the event before it arrives';
ok $sse->is_ended(10), 'the stream ends';

# ---- The samples of the reference -------------------------------------------

is statuses('/publish', @ann), '200 403 403 403', 'sample: a user publishes';
is statuses('/control', @ann), '401 401 401 401',
    'sample: and has no access to the other Location';
is statuses('/control', $users{root}), '403 200 200 200',
    'sample: an administrator controls there';
is statuses('/limit', @ann), '200 401 401 401',
    'sample with <Limit>: a user publishes';
is statuses('/limit', $users{root}), '200 200 200 200',
    'sample with <LimitExcept>: an administrator controls';
is statuses('/limit'), '401 401 401 401',
    'sample with <Limit>: without a login nothing is open';
is close_item("/$_", @ann)->{status}, 403, "sample: an item does not close ($_)"
    for qw(publish limit);

# ---- The addresses of proxies ----------------------------------------------

# What the answers of a publish, a stream of lines and items contain.
sub answers
{
    my (@headers) = @_;
    return map {
        my ($type, $body) = @$_;
        request($httpd, 'POST', '/grip?channel=a', body => $body,
            headers => ["Content-Type: $type", @headers])->{body}
    } ['text/plain', 'x'], ['application/x-ndjson', "{\"text\": \"x\"}\n"],
        ['application/json', '{"items": [{"channel": "a", "formats": '
            . '{"http-stream": {"content": "data: x\n\n"}}}]}'];
}

my @good = answers($elsewhere);
like $good[$_], qr/"grip": \[\{"proxy": "proxy 1", "ok": true\}\]/,
    "body $_: a publisher elsewhere gets no address" for 0, 1;
like +(answers())[0], qr/"proxy": "\Q$url\E/,
    'a publisher that may control gets it';
$proxy->mode('status 500');
my @bad = answers($elsewhere);
for my $i (0 .. 2) {
    like $bad[$i], qr/not taken by proxy 1: status 500/,
        "body $i: the error has the number of the proxy";
    unlike $bad[$i], qr/127\.0\.0\.1|\Q$url\E/,
        "body $i: the error has no address";
}
@bad = answers();
like $bad[$_], qr/not taken by \Q$url\E/,
    "body $_: a publisher that may control gets the address" for 0 .. 2;
like ask('DELETE', '/grip?channel=a')->{body}, qr/"proxy": "\Q$url\E/,
    'the answer of DELETE has the address';
wait_for(sub { $httpd->error_log =~ /ES0630.*\Q$url\E/ }, 10,
    'the error log has it');

# ---- The directive ---------------------------------------------------------

my ($ok, $output) = EventStream::Httpd->config_test(
    "EventStreamControlFrom nowhere\n");
is $ok, 0, 'an unknown word is refused';
like $output, qr/EventStreamControlFrom takes none, local.*'nowhere'/,
    'the message lists the known words';
($ok, $output) = EventStream::Httpd->config_test(
    "EventStreamControlFrom none user\n");
is $ok, 0, 'none is refused with another word';
like $output, qr/EventStreamControlFrom none cannot be combined/,
    'with the reason';
for my $section ('Limit POST', 'LimitExcept POST') {
    my ($name) = split ' ', $section;
    ($ok, $output) = EventStream::Httpd->config_test(
        "<Location />\n<$section>\nEventStreamPublishFrom any\n</$name>\n"
        . "</Location>\n");
    is $ok, 0, "a directive in <$section> is refused";
    like $output, qr/EventStreamPublishFrom cannot occur within <Limit> or/,
        'with the reason';
}
$httpd->finish;
done_testing;
