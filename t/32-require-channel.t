#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# "Require eventstream-channel", alone and within RequireAny, RequireAll,
# RequireNone and "Require not", with and without a login; and "Require expr"
# with EVENTSTREAM_CHANNEL. For clients, and for each way to publish, to close
# and to read.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;

# The password of both is "secret".
my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user authz_host dir env include
        mime)],
    files => {users => "ann:$hash\nbob:$hash\n",
        'own/.htaccess' => "Require eventstream-channel \"room-*\"\n",
        'own/page.txt' => "a page\n", 'found/room.pub' => '',
        'found/room.sse' => '', 'fallback/index.html' => '',
        'ssi/page.shtml' => '<!--#include virtual="x.ssipub?who=secret-1" -->',
        'ssi/x.ssipub' => ''},
    conf => <<'CONF');
<LocationMatch "^/(rooms|publish|some|listed|any|expr)">
    AuthName x
    AuthUserFile "@DOCROOT@/users"
</LocationMatch>

# Clients. "also" is a channel that the client names.
<LocationMatch "^/rooms/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}" "{?also}"
    Require eventstream-channel "room-public*" news
</LocationMatch>
<LocationMatch "^/users/(?<name>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "user-{name}"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require eventstream-channel "user-%{REMOTE_USER}"
</LocationMatch>
<LocationMatch "^/mine$">
    SetHandler eventstream
    EventStreamChannel "user-%{REMOTE_USER}" news
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require eventstream-channel "user-*" news
</LocationMatch>
<LocationMatch "^/paths/">
    SetHandler eventstream
    EventStreamPath "/paths/{team}/{room}"
    EventStreamChannel "{?c}"
    Require eventstream-channel "{team}-{room}" "{team}-all"
</LocationMatch>
<Location "/not">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    <RequireAll>
        Require all granted
        Require not eventstream-channel "secret-*"
    </RequireAll>
</Location>
<Location "/none">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    <RequireAll>
        Require all granted
        <RequireNone>
            Require eventstream-channel "secret-*"
        </RequireNone>
    </RequireAll>
</Location>
<Location "/expr">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    Require expr "%{EVENTSTREAM_CHANNEL} =~ /^[ab]$/"
</Location>
<Location "/loop">
    SetHandler eventstream
    EventStreamChannel "x-%{EVENTSTREAM_CHANNEL}" "y"
    Require expr "%{EVENTSTREAM_CHANNEL} == 'y'"
</Location>
<LocationMatch "^/page">
    Require eventstream-channel "*"
</LocationMatch>

# Publishers
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamControlFrom local
    Require eventstream-channel "a" "b-*"
</Location>
<Location "/publish/not">
    <RequireAll>
        Require all granted
        Require not eventstream-channel "secret-*"
    </RequireAll>
</Location>
<Location "/publish/expr">
    Require expr "%{EVENTSTREAM_CHANNEL} in {'', 'a'}"
</Location>
<Location "/some">
    SetHandler eventstream-publish
    AuthType Basic
    <RequireAny>
        Require eventstream-channel "public-*"
        Require user ann
    </RequireAny>
</Location>
<Location "/some/user">
    Require eventstream-channel "user-%{REMOTE_USER}"
</Location>
<Location "/listed">
    SetHandler eventstream-publish
    AuthType Basic
    EventStreamControlFrom local
    <RequireAny>
        Require eventstream-channel "public-*"
        Require user ann
    </RequireAny>
</Location>
<Location "/any">
    SetHandler eventstream-publish
    <RequireAny>
        Require local
        Require eventstream-channel "nothing"
    </RequireAny>
</Location>
<Directory "@DOCROOT@/own">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    AllowOverride AuthConfig
</Directory>

# What httpd finds by a request of its own.
<Files "*.pub">
    SetHandler eventstream-publish
    Require eventstream-channel "a" "b-*"
</Files>
<Files "*.sse">
    SetHandler eventstream
    EventStreamChannel "a" "%{reqenv:ROOM}"
    SetEnv ROOM secret-1
    Require eventstream-channel "a"
</Files>
<Directory "@DOCROOT@/found">
    DirectoryIndex room.pub
    <If "%{QUERY_STRING} == 'sse'">
        DirectoryIndex room.sse
    </If>
</Directory>
<Directory "@DOCROOT@/fallback">
    FallbackResource /found/room.pub
</Directory>
<Directory "@DOCROOT@/ssi">
    Options +Includes
    AddHandler eventstream-publish .ssipub
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    EventStreamControlFrom local
    <RequireAll>
        Require all granted
        Require not eventstream-channel "secret-*"
    </RequireAll>
</Directory>
CONF

my %login = map {
    ($_ => 'Authorization: Basic ' . encode_base64("$_:secret", ''))
} qw(ann bob);

sub stream_status
{
    my ($path, @headers) = @_;
    my $client = subscribe($httpd, $path, headers => \@headers);
    return $client->status;
}

sub post
{
    my ($path, $body, %opt) = @_;
    my @headers = $opt{type} ? "Content-Type: $opt{type}" : ();
    return request($httpd, $opt{method} || 'POST', $path, body => $body,
        headers => [@headers, @{$opt{headers} || []}]);
}

sub json { return JSON::PP::encode_json($_[0]) }

# ---- Clients -----------------------------------------------------------------

is stream_status('/rooms/public-1'), 200, 'a channel that a pattern matches';
is stream_status('/rooms/office'), 403, 'one that none matches gets 403';
is stream_status('/rooms/public-1?also=news'), 200, 'several that match';
is stream_status('/rooms/public-1?also=other'), 403, 'all have to match';
is stream_status('/rooms/public-1?also='), 200, 'an empty name is none';
is stream_status('/rooms/public-1?also=%20x'), 400,
    'what is no channel gets the same answer as ever';

is stream_status('/users/ann'), 401, 'a pattern with the user asks for it';
is stream_status('/users/ann', $login{ann}), 200, 'the user that it names';
is stream_status('/users/bob', $login{ann}), 401, 'another one gets 401';
is stream_status('/users/', $login{ann}), 404, 'no name is no stream';
is stream_status('/mine'), 401, 'channels with the user ask for it, too';
is stream_status('/mine', $login{bob}), 200, 'and are those of the user';

is stream_status('/paths/red/1?c=red-1&c=red-all'), 200,
    'tokens of EventStreamPath in patterns';
is stream_status('/paths/red/1?c=red-2'), 403, 'have their values';
is stream_status('/paths/*/1?c=red-1'), 403, 'which are no wildcards';

for my $path ('/not', '/none') {
    is stream_status("$path?c=open"), 200, "$path: another channel";
    is stream_status("$path?c=secret-1"), 403, "$path: one that is excluded";
    is stream_status("$path?c=open&c=secret-1"), 403, "$path: one of several";
}

is stream_status('/expr?c=a'), 200, 'an expression that admits';
is stream_status('/expr?c=x'), 403, 'one that does not';
is stream_status('/expr?c=a&c=b'), 200, 'an expression is asked for each';
is stream_status('/expr?c=a&c=x'), 403, 'of several channels';
is stream_status('/loop'), 403, 'a channel made of the variable ends';

is get($httpd, '/page')->{status}, 403, 'a request without channels gets 403';
is stream_status('/own/x?c=room-1'), 200, 'a pattern in .htaccess';
is stream_status('/own/x?c=x'), 403, 'counts';
is request($httpd, 'HEAD', '/rooms/office')->{status}, 403, 'HEAD gets 403';

# ---- Publishing --------------------------------------------------------------

my $client = subscribe($httpd, '/not?c=a&c=b-1&c=c&c=public-1&c=other');
is $client->next_event(10)->{event}, 'stream-open', 'a client';
sub receives
{
    my ($data, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $event = $client->next_event(10);
    return is $event && $event->{data}, $data, $name;
}

my $type = 'application/json';
for my $case (
    ['JSON', $type, sub { json({channel => $_[0], text => $_[1]}) }],
    ['an array', $type, sub { json([{channel => 'a', text => "$_[1]0"},
        {channel => $_[0], text => $_[1]}]) }],
    ['a form', 'application/x-www-form-urlencoded',
        sub { "channel=$_[0]&data=$_[1]" }],
    ['NDJSON', 'application/x-ndjson',
        sub { json({channel => $_[0], text => $_[1]}) . "\n" }],
    ['items', $type, sub { json({items => [{channel => $_[0], formats =>
        {'http-stream' => {content => "data: $_[1]\n\n"}}}]}) }],
) {
    my ($name, $type, $body) = @$case;
    my $answer = post('/publish', $body->('b-1', $name), type => $type);
    is $answer->{status}, 200, "$name: a channel that a pattern matches"
        or diag $answer->{body};
    receives("${name}0", "$name: the event before") if $name eq 'an array';
    receives($name, "$name: is published");
    $answer = post('/publish', $body->('c', $name), type => $type);
    is $answer->{status}, 403, "$name: one that none matches gets 403";
    like $answer->{body}, qr/Channel not allowed: c\./, "$name: and its name";
}
is post('/publish?channel=a', 'in the query', type => 'text/plain')->{status},
    200, 'a channel of the query';
receives('in the query', 'is published');
is post('/publish?channel=a&channel=c', 'x', type => 'text/plain')->{status},
    403, 'another one gets 403';
my $log = $httpd->log_size;
post('/publish', json({channel => 'c', text => 'x'}), type => $type);
like $httpd->error_log($log), qr/no pattern of Require eventstream-channel/,
    'the error log says what refused it';

my $lines = join '', map { json({channel => $_, text => $_}) . "\n" }
    qw(a a b-1 c a);
my $answer = post('/publish', $lines, type => 'application/x-ndjson');
is $answer->{status}, 403, 'a stream ends at a channel that is not admitted';
like $answer->{body}, qr/^Line 4: .*Events published before: 3\./,
    'the lines before it are published';
receives($_, 'and received') for qw(a a b-1);

is post('/publish/not', json({channel => 'other', text => 'not'}),
    type => $type)->{status}, 200, 'a negated rule admits another channel';
receives('not', 'it is published');
is post('/publish/not', json({channel => 'secret-1', text => 'x'}),
    type => $type)->{status}, 403, 'and not the one that it excludes';
is post('/publish/not?channel=secret-1', 'x', type => 'text/plain')->{status},
    403, 'also in the query';
is post('/publish/expr', json({channel => 'a', text => 'expr'}),
    type => $type)->{status}, 200, 'an expression is asked after the body';
receives('expr', 'it is published');
is post('/publish/expr', json({channel => 'other', text => 'x'}),
    type => $type)->{status}, 403, 'an expression that refuses';

# A user that is not needed is asked for when it is.
sub some
{
    my ($path, $channel, @headers) = @_;
    return post($path, json({channel => $channel, text => "to $channel"}),
        type => $type, headers => \@headers);
}
is some('/some', 'public-1')->{status}, 200, 'a rule beside that of a user';
receives('to public-1', 'needs none');
$answer = some('/some', 'other');
is $answer->{status}, 401, 'a channel for which a user is needed gets 401';
like $answer->{headers}{'www-authenticate'}, qr/^Basic /, 'and the header';
is some('/some', 'other', $login{ann})->{status}, 200, 'the right user';
receives('to other', 'publishes to it');
is some('/some', 'other', $login{bob})->{status}, 401, 'a wrong one does not';
is some('/some/user', 'user-ann', $login{ann})->{status}, 200,
    'a pattern with the user';
is some('/some/user', 'user-bob', $login{ann})->{status}, 401, 'and another';
is some('/some/user', 'user-', ())->{status}, 401, 'nobody is no user';
is some('/any', 'other')->{status}, 200,
    'a rule that was not needed is not asked';
receives('to other', 'it is published');

# ---- Requests of httpd's own -------------------------------------------------

for my $path ('/found/room.pub', '/found/', '/fallback/no-such-file') {
    is get($httpd, "$path?who=a")->{status}, 200,
        "$path: who is in a channel that matches";
    is get($httpd, "$path?who=other")->{status}, 403,
        "$path: not who is in another one";
    unlike get($httpd, "$path?list=")->{body}, qr/other/,
        "$path: nor is it in the list";
}
for my $path ('/found/room.sse', '/found/?sse') {
    is stream_status($path), 403,
        "$path: a channel that is known after httpd's rules is checked";
}
like get($httpd, '/ssi/page.shtml')->{body}, qr/Channel not allowed/,
    'a page includes nothing of a channel that its own section excludes';

# ---- A wrong password --------------------------------------------------------

sub listed
{
    my ($user, $password) = @_;
    my $answer = get($httpd, '/listed?list=', 'Authorization: Basic '
        . encode_base64("$user:$password", ''));
    return [sort map { $_->{channel} }
        @{JSON::PP::decode_json($answer->{body})->{channels}}];
}
publish($httpd, $_, 'x', path => '/any')
    for qw(other-1 other-2 public-1 public-2);
my $all = listed('ann', 'secret');
cmp_ok scalar(grep { /^other/ } @$all), '>=', 2,
    'a user may list channels that others may not';
my $public = [grep { /^public/ } @$all];
is_deeply listed('bob', 'secret'), $public, 'which another user does not get';
is_deeply listed('ann', 'wrong'), $public, 'nor who has a wrong password';

# ---- Closing, and reading ----------------------------------------------------

is request($httpd, 'GET', '/publish?channel=b-1')->{status}, 200,
    'statistics of a channel that matches';
is request($httpd, 'GET', '/publish?channel=c')->{status}, 403,
    'those of another one';
my $list = get($httpd, '/publish?list=')->{body};
is_deeply [sort map { $_->{channel} }
    @{JSON::PP::decode_json($list)->{channels}}], ['a', 'b-1'],
    'a list has the channels that match';
is request($httpd, 'DELETE', '/publish?channel=c')->{status}, 403,
    'another channel cannot be closed';
is request($httpd, 'DELETE', '/publish?channel=b-1')->{status}, 200,
    'one that matches can';

# ---- More channels than are kept ---------------------------------------------

$client = subscribe($httpd, '/not?c=a');
is $client->next_event(10)->{event}, 'stream-open', 'a client';
sub memory
{
    my $kb = 0;
    for my $pid ($httpd->children) {
        $kb += $1 if EventStream::Httpd::slurp("/proc/$pid/status") =~
            /^RssAnon:\s+(\d+)/m;
    }
    return $kb;
}
my $body = subscribe($httpd, '/publish', head => 0, raw => "POST /publish"
    . " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n");
sub send_lines
{
    my ($count, $last) = @_;
    for my $block (1 .. $count / 200) {
        my $text = join '', map {
            json({channel => "b-x$_", text => 'x'}) . "\n"
        } map { ($block * 200 + $_) % 20_000 } 1 .. 200;
        $body->send(sprintf "%x\r\n%s\r\n", length $text, $text);
    }
    my $text = json({channel => 'a', text => $last}) . "\n";
    $body->send(sprintf "%x\r\n%s\r\n", length $text, $text);
    receives($last, "$count lines with many channels: $last");
}
send_lines(10000, 'begun');
my $before = memory();
send_lines(30000, 'ended');
SKIP: {
    skip 'a sanitizer keeps memory', 1
        if EventStream::Httpd->build('sanitize') ne 'no';
    cmp_ok memory() - $before, '<', 2000, 'they cost no memory';
}
$body->send("0\r\n\r\n");

# ---- The configuration -------------------------------------------------------

for my $case (['', qr/takes one or more patterns/],
    ['""', qr/not an empty one/], ['"room-{x"', qr/column 6/],
    ['"{?x}"', qr/Require eventstream-channel/],
    ['"room-{nosuch}"', qr/nosuch/],
    ['"%{nosuch:x"', qr/eventstream-channel/]) {
    my ($ok, $output) = EventStream::Httpd->config_test(
        "<Location \"/x\">\nSetHandler eventstream\nEventStreamChannel x\n"
        . "Require eventstream-channel $case->[0]\n</Location>\n");
    ok !$ok, "Require eventstream-channel $case->[0] is refused";
    like $output, $case->[1], 'with the reason' or diag $output;
}
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
