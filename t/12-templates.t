#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Which channels a Location and a request yield, and which configurations are
# refused.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Source;

# anna:secret, and a user whose name ends with a blank
my $sha = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
my $users = "anna:$sha\nanna :$sha\n";
my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user env setenvif headers
        rewrite)],
    files => {users => $users}, conf => <<'CONF');
EventStreamMaxChannelsPerClient 12
<LocationMatch "^/t/">
    SetHandler eventstream
</LocationMatch>
<LocationMatch "^/t/group/(?<Room>[^/]+)(/(?<topic>.*))?$">
    EventStreamChannel "room-{room}" "topic-{TOPIC}"
</LocationMatch>
<Location ~ "^/t/tilde/(?<room>.+)">
    EventStreamChannel "{room}"
</Location>
<Location "/t/path">
    EventStreamPath "/t/path/{room}/{topic}.events"
    EventStreamChannel "{room}:{topic}"
</Location>
<Location "/t/query">
    EventStreamChannel "q-{?q}"
</Location>
<Location "/t/bare">
    EventStreamChannel "{?q}"
</Location>
<Location "/t/literal">
    EventStreamChannel " {?q} " " b "
</Location>
<Location "/t/both">
    EventStreamChannel "{?a}-{?b}"
</Location>
<Location "/t/twice">
    EventStreamChannel "{?a}{?a}"
</Location>
<Location "/t/user">
    EventStreamChannel "user-%{REMOTE_USER}" "all"
</Location>
<Location "/t/user/private">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
<Location "/t/expression">
    EventStreamChannel "%{tolower:%{HTTP:X-Name}}-{?q}"
</Location>
<Location "/t/broken">
    EventStreamChannel "%{file:/nothing/there}" "all"
</Location>
<Location "/t/method">
    EventStreamChannel "%{REQUEST_METHOD}%{QUERY_STRING}"
</Location>
<Location "/t/list">
    EventStreamChannelList "," "%{HTTP:X-Groups}"
</Location>
<Location "/t/wide">
    EventStreamChannelList "::" "%{HTTP:X-Groups}"
    EventStreamChannel "all" "a"
</Location>
<Location "/t/brace">
    EventStreamChannel "{{room}" "{{{{" "}" "a}b" "100%" "%x"
</Location>
<Location "/t/same">
    EventStreamChannel "a" " a " "{?q}" "a"
</Location>
<Location "/t/add">
    EventStreamChannel "a"
    EventStreamChannel "b" "c"
    EventStreamChannelList " " "%{HTTP:X-Groups}"
</Location>
<Location "/t/add/inner">
    EventStreamChannel "inner"
</Location>
<Location "/t/add/same">
    EventStreamRetry 1
</Location>
<LocationMatch "^/t/outer/(?<room>[^/]+)">
    <If "true">
        EventStreamChannel "in-{room}"
    </If>
</LocationMatch>
<Location "/if">
    EventStreamChannel "if"
    <If "%{HTTP_ACCEPT} =~ /event-stream/">
        SetHandler eventstream
    </If>
</Location>
<LocationMatch "^/publish/(?<room>.+)$">
    SetHandler eventstream-publish
    EventStreamChannel "room-{room}"
</LocationMatch>
<LocationMatch "^/(t/group|publish)/office$">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# Is the stream of $path subscribed to exactly these channels?
sub yields
{
    my ($path, $channels, $name, @headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $client = subscribe($httpd, $path, headers => \@headers);
    if ($client->status != 200) {
        return is $client->status . ' ' . $client->bytes, '200', $name;
    }
    $client->next_event(5);
    my %all = map { $_ => 1 } @$channels, qw(a b room- topic- user- q- all -
        in- room-a %{REMOTE_USER});
    for my $channel (sort keys %all) {
        my $answer = publish($httpd, $channel, $channel);
        return is $answer->{body}, '', $name if $answer->{status} != 200;
    }
    publish($httpd, $channels->[0], 'end');
    my @received;
    while (my $event = $client->next_event(5)) {
        last if $event->{data} eq 'end';
        push @received, $event->{data};
    }
    return is join(' | ', sort @received), join(' | ', sort @$channels), $name;
}

sub refusal
{
    my ($path, @headers) = @_;
    my $answer = get($httpd, $path, @headers);
    return "$answer->{status} $answer->{body}";
}

my $nothing = "400 No specified channels.\n";
my $many = "400 Too many channels: at most 12 for a client.\n";

# ---- Tokens ----------------------------------------------------------------

yields('/t/group/kitchen/news', ['room-kitchen', 'topic-news'],
    'named groups give tokens, in any case');
yields('/t/group/kitchen', ['room-kitchen', 'topic-'],
    'a group without value gives an empty token');
yields('/t/group/a%20b%2541', ['room-a b%41', 'topic-'],
    'a path is decoded once');
yields('/t/group/a+b', ['room-a+b', 'topic-'],
    'a plus in a path stays a plus');
yields('/t/group/K%C3%BCche', ["room-K\xc3\xbcche", 'topic-'],
    'a token may be UTF-8');
yields('/t/tilde/x', ['x'], 'groups of <Location ~> give tokens');
yields('/t/outer/x', ['in-x'], 'groups give tokens inside an <If>');
yields('/t/path/kitchen/orders.events', ['kitchen:orders'],
    'EventStreamPath gives tokens');
yields('/t/path/a%20b/c%2541.events', ['a b:c%41'],
    'tokens of EventStreamPath are decoded once');
is refusal($_), "404 Not found.\n", "EventStreamPath does not match $_: 404"
    for qw(/t/path /t/path/a /t/path/a/b /t/path/a/b.events/c
    /t/path/a/b/c.events /t/path//b.events /t/path/a/.events);

# ---- Parameters ------------------------------------------------------------

yields('/t/query?q=a', ['q-a'], 'a query parameter gives a channel');
yields('/t/query?q=a&x=1&q=b&q=c', ['q-a', 'q-b', 'q-c'],
    'each value of a parameter gives a channel');
yields('/t/query', ['q-'], 'a missing parameter gives an empty value');
yields('/t/query?q', ['q-'], 'a parameter without = gives an empty value');
yields('/t/query?Q=a', ['q-'], 'names of parameters are case-sensitive');
is refusal('/t/bare'), $nothing, 'a channel without any text is no channel';
is refusal('/t/bare?q='), $nothing, 'a channel of an empty value is no channel';
yields('/t/literal?q=a', ['a', 'b'],
    'blanks around the text of a template are trimmed');
yields('/t/bare?q=a+b%2Bc', ['a b+c'], 'a value of the query is decoded');
yields('/t/bare?q=%2541', ['%41'], 'a value of the query is decoded once');
yields('/t/bare?%71=a', ['a'], 'a name in the query is decoded');
yields('/t/both?a=1&a=2&b=x&b=y', ['1-x', '1-y', '2-x', '2-y'],
    'two parameters give all combinations');
yields('/t/both?a=1&a=2', ['1-', '2-'],
    'combinations with a missing parameter have an empty value');
yields('/t/both', ['-'], 'two missing parameters give one channel');
yields('/t/twice?a=x&a=y', ['xx', 'yy'],
    'a parameter that occurs twice has the same value in both');

sub values_of
{
    my ($name, $count) = @_;
    return join '&', map { "$name=$_" } 1 .. $count;
}

yields('/t/both?' . values_of('a', 3) . '&' . values_of('b', 4),
    [map { my $a = $_; map { "$a-$_" } 1 .. 4 } 1 .. 3],
    'combinations up to the limit are accepted');
is refusal('/t/both?' . values_of('a', 4) . '&' . values_of('b', 4)), $many,
    'combinations above the limit are refused';
is refusal('/t/both?' . values_of('a', 500) . '&' . values_of('b', 500)),
    $many, 'combinations far above the limit are refused';

# ---- Blanks in values -------------------------------------------------------

sub refuses_blank
{
    my ($path, $channel, @headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is refusal($path, @headers), "400 The channel name '$channel' has a "
        . "value that begins or ends with a blank.\n", "'$channel' is refused";
}

refuses_blank('/t/group/a%20', 'room-a ');
refuses_blank('/t/group/a%09', 'room-a?');
refuses_blank('/t/group/%20a', 'room- a');
refuses_blank('/t/tilde/%20', ' ');
refuses_blank('/t/tilde/a%20', 'a ');
refuses_blank('/t/path/a%20/b.events', 'a :b');
refuses_blank('/t/bare?q=%20a', ' a');
refuses_blank('/t/bare?q=a+', 'a ');
refuses_blank('/t/bare?q=b&q=a%09', 'a?');
refuses_blank('/t/both?a=x+&b=y', 'x -y');
refuses_blank('/t/user/private', 'user-anna ',
    'Authorization: Basic YW5uYSA6c2VjcmV0');
# httpd has a rule for the room office alone: no other path may lead to it.
for my $path ('/t/group/office', '/publish/office') {
    my $method = $path =~ /publish/ ? 'POST' : 'GET';
    is request($httpd, $method, $path)->{status}, 401, "$path needs a login";
    is request($httpd, $method, $path . $_)->{status}, 400,
        "$path$_ gets nothing" for qw(%20 %09 %20%20);
}
for my $method (qw(POST GET DELETE)) {
    my $answer = request($httpd, $method, '/publish?channel=office%20');
    is "$answer->{status} $answer->{body}", "400 The channel name 'office ' "
        . "begins or ends with a blank.\n", "$method: channel=office%20 is 400";
}
yields('/t/bare?q=%C2%A0a', ["\xc2\xa0a"],
    'a blank beyond ASCII is a character as any other');

# ---- Expressions -----------------------------------------------------------

yields('/t/user', ['all'],
    'an expression that yields nothing removes its channel');
yields('/t/user/private', ['user-anna', 'all'],
    'an expression gives its value',
    'Authorization: Basic YW5uYTpzZWNyZXQ=');
yields('/t/expression?q=1', ['anna-1'], 'an expression may call functions',
    'X-Name: ANNA');
is refusal('/t/expression?q=1'), $nothing,
    'an expression that yields nothing leaves no channel';
yields('/t/method?x', ['GETx'], 'a template may have two expressions');

my %warned;
yields('/t/broken', ['all'],
    'an expression that fails removes its channel') for 1 .. 9;
$warned{$_}++ for $httpd->error_log =~ /:warn\] \[pid (\d+).*ES0401: /g;
is_deeply [grep { $_ != 1 } values %warned], [],
    'a failing expression is logged once by each child';
ok %warned, 'a failing expression is logged';

my $brown = '{?q}%{REMOTE_USER}{room}{{';
yields('/t/expression?q=1', [lc($brown) . '-1'],
    'tokens and expressions in a header are data', "X-Name: $brown");
yields('/t/bare?q=%7B%3Fq%7D%25%7BREMOTE_USER%7D', ['{?q}%{REMOTE_USER}'],
    'tokens and expressions in a parameter are data');
yields('/t/group/%7B%3Fq%7D%25%7BREMOTE_USER%7D?q=1',
    ['room-{?q}%{REMOTE_USER}', 'topic-'],
    'tokens and expressions in a path are data');

# ---- Lists -----------------------------------------------------------------

yields('/t/list', ['x', 'y', 'z'],
    'EventStreamChannelList splits its value into channels',
    'X-Groups: x, y ,, z,x,');
yields('/t/list', ['one'], 'a list may have one channel', 'X-Groups: one');
yields('/t/list', ['{?q}', '%{REMOTE_USER}'],
    'tokens and expressions in a list are data',
    'X-Groups: {?q},%{REMOTE_USER}');
is refusal('/t/list'), $nothing, 'an empty list gives no channel';
is refusal('/t/list', 'X-Groups: , ,'), $nothing,
    'a list of blanks gives no channel';
is refusal('/t/list', 'X-Groups: ' . join ',', 1 .. 13), $many,
    'a list above the limit is refused';
yields('/t/wide', ['x:y', 'z', 'all', 'a'],
    'a separator may have two characters',
    'X-Groups: x:y::z');
yields('/t/wide', ['all', 'a'], 'an empty list does not remove other channels');

# ---- Literals and sections -------------------------------------------------

yields('/t/brace', ['{room}', '{{', '}', 'a}b', '100%', '%x'],
    '{{ is a literal brace; } and % are literal');
yields('/t/same?q=a', ['a'], 'a channel that is named four times counts once');
yields('/t/same?q=b', ['a', 'b'], 'a parameter adds a channel to literal ones');
yields('/t/add', ['a', 'b', 'c', 'd'], 'several directives of a section add up',
    'X-Groups: d');
yields('/t/add/same', ['a', 'b', 'c', 'd'],
    'an inner section without channels inherits them',
    'X-Groups: d');
yields('/t/add/inner', ['inner'],
    'an inner section with channels replaces the outer ones', 'X-Groups: d');
is request($httpd, 'GET', '/if')->{status}, 404,
    'an endpoint inside <If> is absent where the condition is false';
yields('/if', ['if'], 'an endpoint inside <If> serves where it is true',
    'Accept: text/event-stream');

# ---- Publishing ------------------------------------------------------------

my $sse = subscribe($httpd, '/t/group/kitchen');
$sse->next_event(5);
request($httpd, 'POST', '/publish/kitchen', body => 'by its Location');
is $sse->next_event(5)->{data}, 'by its Location',
    'a publish Location may have templates, too';

# ---- Mistakes --------------------------------------------------------------

sub refuses
{
    my ($name, $conf, @wanted) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($ok, $output) = EventStream::Httpd->config_test($conf);
    $output =~ s/\s+/ /g;
    my @missing = grep { ref $_ ? $output !~ $_ : index($output, $_) < 0 }
        @wanted;
    ok !$ok && !@missing, "$name is refused; the message says where and why"
        or diag "printed: $output", map { "\n  without: $_" } @missing;
    return;
}

sub location
{
    my ($text) = @_;
    return "<Location /x>\n$text\n</Location>\n";
}

my $line = qr/line \d+/;
refuses('an unclosed brace', location('EventStreamChannel "a-{room"'),
    $line, 'EventStreamChannel', 'a-{room', 'column 3', '{{');
refuses('an unclosed expression', location('EventStreamChannel "%{REMOTE"'),
    $line, 'EventStreamChannel', 'column 1');
refuses('a token without name', location('EventStreamChannel "a{}"'),
    $line, 'EventStreamChannel', 'column 2');
refuses('a parameter without name', location('EventStreamChannel "a{?}"'),
    $line, 'EventStreamChannel', 'column 2');
refuses('a token that nothing can set',
    location('EventStreamChannel "room-{room}"'), $line,
    'EventStreamChannel "room-{room}"', 'column 6',
    'nothing can set {room}', '(?<room>...)', 'EventStreamPath');
refuses('a group of another section',
    "<LocationMatch ^/(?<room>.*)\$>\nSetHandler eventstream\n"
    . "</LocationMatch>\n" . location('EventStreamChannel "{room}"'),
    'nothing can set {room}');
refuses('a path of another section',
    "<Location /y>\nEventStreamPath /y/{room}\n</Location>\n"
    . location('EventStreamChannel "{room}"'), 'nothing can set {room}');
refuses('a token at server level', 'EventStreamChannel "{room}"',
    'nothing can set {room}', $line);
refuses('a bad expression', location('EventStreamChannel "a-%{nope:x}"'),
    $line, 'EventStreamChannel', 'column 3', 'nope');
refuses('a bad expression in a list',
    location('EventStreamChannelList "," "%{nope:x}"'), $line,
    'EventStreamChannelList', 'nope');
refuses('a list without separator',
    location('EventStreamChannelList "" "%{REMOTE_USER}"'), $line,
    'EventStreamChannelList', 'separator');
refuses('a token in a separator',
    location('EventStreamChannelList "{x}" "%{REMOTE_USER}"'), $line,
    'EventStreamChannelList', "'{x}'", 'brace');
refuses('an expression as a separator',
    location('EventStreamChannelList "%{REMOTE_USER}" ","'), $line,
    'EventStreamChannelList', 'before the expression');
refuses('a token in a list',
    location('EventStreamChannelList "," "a,{room},%{REMOTE_USER}"'), $line,
    'EventStreamChannelList', 'column 3', 'no {token}');
refuses('a parameter in a list',
    location('EventStreamChannelList "," "{?q}"'), $line,
    'EventStreamChannelList', 'column 1', 'no {?name}');
refuses('a path that does not start with a slash',
    location('EventStreamPath "events/{room}"'), $line, 'EventStreamPath',
    "must start with '/'");
refuses('tokens that touch', location('EventStreamPath "/{a}{b}"'), $line,
    'EventStreamPath', 'need a literal', 'column 5');
refuses('a token twice', location('EventStreamPath "/{a}/{A}"'), $line,
    'EventStreamPath', 'same name');
refuses('a path with a parameter', location('EventStreamPath "/{?a}"'), $line,
    'EventStreamPath');
refuses('an unknown hub', location('EventStreamUseHub shop'), $line,
    'EventStreamUseHub shop', 'no such hub', 'EventStreamHub shop');
refuses('an unknown parameter of a hub', 'EventStreamHub shop color=red',
    $line, 'EventStreamHub shop', 'color=red', 'size=');
refuses('a hub too small', 'EventStreamHub shop size=1k', $line,
    'EventStreamHub shop', '256k');
refuses('a hub of no size', 'EventStreamHub shop size=big', $line,
    'EventStreamHub shop', 'big');
refuses('a hub without name', 'EventStreamHub', $line, 'EventStreamHub');
refuses('a hub with a strange name', 'EventStreamHub a/b', $line,
    'EventStreamHub', 'letters');
refuses('a hub in a virtual host',
    "<VirtualHost *:80>\nEventStreamHub shop\n</VirtualHost>", $line,
    'EventStreamHub', 'VirtualHost');
refuses('a number of the whole server in a section',
    location('EventStreamMaxClients 5'), $line, 'EventStreamMaxClients');
refuses('a number of the whole server in a virtual host',
    "<VirtualHost *:80>\nEventStreamMaxClients 5\n</VirtualHost>", $line,
    'EventStreamMaxClients');

# ---- A stream without a channel ---------------------------------------------

my $stream = "SetHandler eventstream\n";
my $room = "EventStreamChannel a\n";

sub within
{
    my ($section, @lines) = @_;
    my ($word) = split ' ', $section;
    return "<$section>\n" . join('', @lines) . "</$word>\n";
}

my %without = (
    'a stream without any channel' => location($stream),
    'a stream, quoted' => location('SetHandler "eventstream"'),
    'a stream at server level' => $stream,
    'a stream in an <If>' => location(within('If "true"', $stream)),
    'a stream with a channel in another Location' =>
        location($stream) . within('Location "/y"', $room),
    'a stream with a channel in a Location of a longer name' =>
        location($stream) . within('Location /xy', $room),
    'a stream with a channel in a Location with a slash' =>
        within('Location "/x/a/"', $stream) . within('Location /x/ab', $room),
    'a stream with a channel in another virtual host' =>
        within('VirtualHost *:1', location($stream))
        . within('VirtualHost *:2', location($room)),
    'a stream with a path and a pattern only' => location($stream
            . "EventStreamPath /x\nEventStreamAllowChannel a"),
);
refuses($_, $without{$_}, $line, 'SetHandler eventstream',
    'no EventStreamChannel or EventStreamChannelList can apply here')
    for sort keys %without;

my %with = (
    'in the same section' => location($stream . $room),
    'as a list' => location($stream . 'EventStreamChannelList , a'),
    'at server level' => $room . location($stream),
    'in its virtual host' =>
        within('VirtualHost *:1', $room, location($stream)),
    'in a virtual host that inherits the stream' =>
        location($stream) . within('VirtualHost *:1', location($room)),
    'in an outer Location' => within('Location "/"', $room)
        . location($stream),
    'in an outer Location with a slash' => within('Location /x/', $room)
        . within('Location /x/a', $stream),
    'in an inner Location' => location($stream)
        . within('Location /x/y', $room),
    'in another section of the same path' => location($stream)
        . within('Location "/x/"', $room),
    'in a section that may match' => location($stream)
        . within('LocationMatch "^/[a-z]+$"', $room),
    'in a Location with a wildcard' => location($stream)
        . within('Location /*', $room),
    'in a <Files>' => location($stream) . within('Files x', $room),
    'in an <If>' => location($stream . within('If "true"', $room)),
    'for a handler that is no stream' => location('SetHandler none'),
    'for a publish Location' => location('SetHandler eventstream-publish'),
);
for my $where (sort keys %with) {
    my ($ok, $output) = EventStream::Httpd->config_test($with{$where});
    ok $ok, "a channel is found $where" or diag $output;
}

# ---- Values out of range ----------------------------------------------------

my %range = (
    EventStreamRetry => ['3601', 'between 0 and 3600 seconds'],
    EventStreamKeepAlive => ['2h', 'between 0 and 3600 seconds'],
    EventStreamSendTimeout => ['90000', 'between 0 and 86400 seconds'],
    EventStreamMaxUnsent => ['2g', 'between 0 and 1073741824 bytes'],
    EventStreamTurn => ['61', 'between 0 and 60 seconds'],
    EventStreamMaxChannelsPerClient => ['0', 'between 1 and 10000'],
    EventStreamMaxEventSize => ['1m', 'between 1 and 65536 bytes'],
    EventStreamMaxBody => ['0', 'between 1 and 1073741824 bytes'],
    EventStreamMaxClients => ['-1', 'between 0 and 2147483647'],
    EventStreamMaxClientsPerAddress => ['65536', 'between 0 and 65535'],
    EventStreamMaxChannels => ['0', 'between 1 and 1048576'],
    EventStreamMaxHeld => ['65536', 'between 0 and 65535'],
    EventStreamDrain => ['601', 'between 0 and 600 seconds'],
    EventStreamFlowControl => ['2h', 'between 0 and 3600 seconds'],
    EventStreamLockTimeout => ['61', 'between 100ms and 60 seconds'],
);
for my $directive (sort keys %range) {
    my ($value, $words) = @{$range{$directive}};
    refuses("$directive $value", "$directive $value", $line, $directive,
        $words, "not '$value'");
    refuses("$directive soon", "$directive soon", $line, $directive, 'soon');
}
refuses('a huge number', 'EventStreamMaxClients 99999999999999999999', $line,
    'EventStreamMaxClients', '2147483647');
refuses('a time that is too long', 'EventStreamRetry 99999999999999999999',
    $line, 'EventStreamRetry');
refuses('two values', location('EventStreamRetry 1 2'), $line,
    'EventStreamRetry takes one argument, a time, such as 20');
refuses('a time without a number', 'EventStreamLockTimeout soon', $line,
    'EventStreamLockTimeout', "'soon'");
refuses('a strange action', 'EventStreamLockTimeout 2 wait', $line,
    'EventStreamLockTimeout', "'kill' after the time, not 'wait'");
refuses('a strange form of keep-alive', 'EventStreamKeepAliveForm both',
    $line, 'EventStreamKeepAliveForm', 'event or comment', "'both'");
refuses('a strange origin', 'EventStreamAllowOrigin example.com', $line,
    'EventStreamAllowOrigin', 'https://www.example.com');
refuses('a strange address', 'EventStreamPublishFrom 10.1.0.0/99', $line,
    'EventStreamPublishFrom', '10.1.0.0/99');
refuses('a parameter in a pattern', 'EventStreamAllowChannel "a{?q}"', $line,
    'EventStreamAllowChannel "a{?q}": column 2: the client chooses');
refuses('an open brace in a pattern', 'EventStreamAllowChannel "a{"', $line,
    "EventStreamAllowChannel \"a{\": column 2: '{' is not closed");
refuses('an expression in a pattern', 'EventStreamAllowChannel "%{env:A"',
    $line, 'EventStreamAllowChannel "%{env:A": column 1');
refuses('a token in a pattern that nothing can set',
    'EventStreamAllowChannel a "room-{room}"',
    $line, 'EventStreamAllowChannel "room-{room}": column 6: nothing can set '
        . '{room}; name a group (?<room>...)');
refuses('an empty pattern', 'EventStreamAllowChannel ""', $line,
    'EventStreamAllowChannel');

my ($ok, $output) = EventStream::Httpd->config_test(<<'CONF');
EventStreamAllowChannel "a\{b}" "\{*" "}" "a\\\\b" "{{" "%{REMOTE_USER}*"
EventStreamChannelList "," "{},{a b},%{env:A},{"
EventStreamChannelList "," "%{tolower:%{HTTP:X}},{{room}"
<LocationMatch "^/(?<a>x)/(?<b>y)$">
    SetHandler eventstream
    EventStreamUseHub later
    EventStreamChannel "{A}" "{b}" "{c}"
    EventStreamAllowChannel "{A}" "{b}-{c}"
    EventStreamPath "/{c}/y"
</LocationMatch>
EventStreamHub later size=1m
CONF
ok $ok, 'a later line may set a token and define a hub, and braces may'
    . ' have another sense' or diag $output;

# ---- .htaccess -------------------------------------------------------------

# A value of each directive that would be valid in a section.
my %value = (EventStreamChannel => 'a', EventStreamChannelList => ', a',
    EventStreamPath => '/a', EventStreamAllowChannel => 'a',
    EventStreamAllowOrigin => '*', EventStreamPublishFrom => 'any',
    EventStreamControlFrom => 'any',
    EventStreamPublishKey => 'none',
    EventStreamUseHub => 'default', EventStreamKeepAliveForm => 'comment');
my @directives = directives();
my $reference = text_of('docs/directives.md');
my @listed = grep { $reference =~ /^\| \[$_\].* \| svd \| /m } @directives;
my $outer = EventStream::Httpd->start(
    files => {map { ("$_/.htaccess" => '') } qw(plain list)},
    conf => <<"CONF");
EventStreamUseHub default
<Directory "\@DOCROOT\@/plain">
    AllowOverride All
</Directory>
<Directory "\@DOCROOT\@/list">
    AllowOverride All
    AllowOverrideList Include @listed
</Directory>
CONF

sub write_file
{
    my ($file, $text) = @_;
    open my $out, '>', $outer->docroot . "/$file" or die $!;
    print {$out} $text;
    close $out or die $!;
    return;
}

# The answer, and what the error log has, with these lines in .htaccess.
sub with_htaccess
{
    my ($folder, $text) = @_;
    write_file("$folder/.htaccess", $text);
    my $from = $outer->log_size;
    my $status = get($outer, "/$folder/")->{status};
    return "$status " . $outer->error_log($from);
}

for my $name (@directives) {
    my $line = "$name " . ($value{$name} || '1') . "\n";
    like with_htaccess('plain', $line),
        qr/^500 .*\.htaccess: $name not allowed here/s,
        "$name is refused in .htaccess";
}
ok @listed > 15, 'AllowOverrideList can name the directives of sections';
for my $name (@listed) {
    my $line = "$name " . ($value{$name} || '1') . "\n";
    like with_htaccess('list', $line),
        qr/^500 .*$name not allowed here: it may stand in the server/s,
        "$name is refused in .htaccess if AllowOverrideList names it";
}
my $refused = qr/^500 .*Retry not allowed.*or in a section such as </s;
for my $section ('If "true"', 'Files "*"', 'IfModule mod_mime.c') {
    my ($word) = split ' ', $section;
    like with_htaccess('list', "<$section>\nEventStreamRetry 1\n</$word>\n"),
        $refused, "and in <$section>";
}
write_file('more.conf', "EventStreamRetry 1\n");
like with_htaccess('list', 'Include "' . $outer->docroot . "/more.conf\"\n"),
    $refused, 'and in a file that .htaccess includes';

# A restart reads the configuration again.
ok $outer->graceful, 'graceful takes the directives of the configuration';

# ---- Patterns that match a part of a path -----------------------------------

my %anchored = (
    '"^/a/(?<room>[^/]+)$"' => 1, '^/b/(?<room>[^/]+)$' => 1,
    '"(?i)^/c/(?<room>[^/]+)$"' => 1, '"^(?:/d|/e)/(?P<room>[^/]+)\\z"' => 1,
    '"(^/f/(?<room>[^/]+)$)"' => 1, '"/g/(?<room>[^/]+)$"' => 0,
    '"^/h/(?<room>[^/]+)"' => 0, '/i/(?<room>[^/]+)' => 0,
    '"^/j/(?<room>[^/]+)\\$"' => 0,
);
my $patterns = EventStream::Httpd->start(conf => join '',
    "<Location ~ \"/k/(?<room>x+)\">\nEventStreamChannel {room}\n</Location>\n",
    "<LocationMatch \"/l/(?<room>x+)\">\n</LocationMatch>\n",
    "<LocationMatch \"/m\">\nEventStreamChannel a\n</LocationMatch>\n",
    map { "<LocationMatch $_>\nEventStreamChannel {room}\n</LocationMatch>\n" }
        sort keys %anchored);
my $said = join '', grep { /ES0114/ } split /^/, $patterns->error_log;
for my $pattern (sort keys %anchored) {
    my $regex = $pattern =~ s/\A"|"\z//gr =~ s/\\/\\\\/gr; # as it is logged
    is $said =~ /"\Q$regex\E" also/ ? 0 : 1, $anchored{$pattern},
        "$pattern " . ($anchored{$pattern} ? 'is whole' : 'is a notice');
}
like $said, qr{line \d+: "/k/}, 'so is <Location ~>';
unlike $said, qr{"/[lm]}, 'a pattern that gives no channel a token is none';
$patterns->stop;
done_testing;
