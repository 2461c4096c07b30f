#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# How a Location and a request make channels, and what a configuration may
# not say.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

# anna:secret
my $users = 'anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' . "\n";
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
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# Is the stream of $path subscribed to exactly these channels?
sub hears
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
    my @heard;
    while (my $event = $client->next_event(5)) {
        last if $event->{data} eq 'end';
        push @heard, $event->{data};
    }
    return is join(' | ', sort @heard), join(' | ', sort @$channels), $name;
}

sub refused
{
    my ($path, @headers) = @_;
    my $answer = get($httpd, $path, @headers);
    return "$answer->{status} $answer->{body}";
}

my $nothing = "400 No specified channels.\n";
my $many = "400 Too many channels: at most 12 for a client.\n";

# ---- Tokens ----------------------------------------------------------------

hears('/t/group/kitchen/news', ['room-kitchen', 'topic-news'],
    'named groups, in any case');
hears('/t/group/kitchen', ['room-kitchen', 'topic-'],
    'a group without value is nothing');
hears('/t/group/a%20b%2541', ['room-a b%41', 'topic-'],
    'a path is decoded once');
hears('/t/group/a+b', ['room-a+b', 'topic-'], 'a plus stays one in a path');
hears('/t/group/K%C3%BCche', ["room-K\xc3\xbcche", 'topic-'], 'UTF-8');
hears('/t/tilde/x', ['x'], 'groups of <Location ~>');
hears('/t/outer/x', ['in-x'], 'groups around an <If>');
hears('/t/path/kitchen/orders.events', ['kitchen:orders'],
    'tokens of EventStreamPath');
hears('/t/path/a%20b/c%2541.events', ['a b:c%41'], 'decoded once');
is refused($_), "404 Not found.\n", "404: $_"
    for qw(/t/path /t/path/a /t/path/a/b /t/path/a/b.events/c
    /t/path/a/b/c.events /t/path//b.events /t/path/a/.events);

# ---- Parameters ------------------------------------------------------------

hears('/t/query?q=a', ['q-a'], 'a parameter');
hears('/t/query?q=a&x=1&q=b&q=c', ['q-a', 'q-b', 'q-c'],
    'each of its values is a channel');
hears('/t/query', ['q-'], 'without a value it is nothing');
hears('/t/query?q', ['q-'], 'neither with a name only');
hears('/t/query?Q=a', ['q-'], 'names are case-sensitive');
is refused('/t/bare'), $nothing, 'a channel of nothing is none';
is refused('/t/bare?q='), $nothing, 'nor is one of an empty value';
hears('/t/bare?q=%20a%09', ['a'], 'blanks around it go');
hears('/t/bare?q=a+b%2Bc', ['a b+c'], 'a query is decoded');
hears('/t/bare?q=%2541', ['%41'], 'once');
hears('/t/bare?%71=a', ['a'], 'its names, too');
hears('/t/both?a=1&a=2&b=x&b=y', ['1-x', '1-y', '2-x', '2-y'],
    'two parameters give all combinations');
hears('/t/both?a=1&a=2', ['1-', '2-'], 'one of them may be missing');
hears('/t/both', ['-'], 'or both');
hears('/t/twice?a=x&a=y', ['xx', 'yy'],
    'a parameter named twice has one value at a time');

sub values_of
{
    my ($name, $count) = @_;
    return join '&', map { "$name=$_" } 1 .. $count;
}

hears('/t/both?' . values_of('a', 3) . '&' . values_of('b', 4),
    [map { my $a = $_; map { "$a-$_" } 1 .. 4 } 1 .. 3], 'up to the limit');
is refused('/t/both?' . values_of('a', 4) . '&' . values_of('b', 4)), $many,
    'but not above';
is refused('/t/both?' . values_of('a', 500) . '&' . values_of('b', 500)),
    $many, 'nor far above';

# ---- Expressions -----------------------------------------------------------

hears('/t/user', ['all'], 'an expression of nothing removes its channel');
hears('/t/user/private', ['user-anna', 'all'], 'else its value is in it',
    'Authorization: Basic YW5uYTpzZWNyZXQ=');
hears('/t/expression?q=1', ['anna-1'], 'functions', 'X-Name: ANNA');
is refused('/t/expression?q=1'), $nothing, 'of nothing: no channel';
hears('/t/method?x', ['GETx'], 'two expressions');

my %warned;
hears('/t/broken', ['all'], 'what fails gives no channel') for 1 .. 9;
$warned{$_}++ for $httpd->error_log =~ /:warn\] \[pid (\d+).*ES0401: /g;
is_deeply [grep { $_ != 1 } values %warned], [],
    '... which is told, by each child but not each time';
ok %warned, '... once at least';

my $brown = '{?q}%{REMOTE_USER}{room}{{';
hears('/t/expression?q=1', [lc($brown) . '-1'],
    'what a client sends in a header is data', "X-Name: $brown");
hears('/t/bare?q=%7B%3Fq%7D%25%7BREMOTE_USER%7D', ['{?q}%{REMOTE_USER}'],
    'in a parameter');
hears('/t/group/%7B%3Fq%7D%25%7BREMOTE_USER%7D?q=1',
    ['room-{?q}%{REMOTE_USER}', 'topic-'], 'in a path');

# ---- Lists -----------------------------------------------------------------

hears('/t/list', ['x', 'y', 'z'], 'a list of channels',
    'X-Groups: x, y ,, z,x,');
hears('/t/list', ['one'], 'of one', 'X-Groups: one');
hears('/t/list', ['{?q}', '%{REMOTE_USER}'], 'its values are data',
    'X-Groups: {?q},%{REMOTE_USER}');
is refused('/t/list'), $nothing, 'of none';
is refused('/t/list', 'X-Groups: , ,'), $nothing, 'of blanks';
is refused('/t/list', 'X-Groups: ' . join ',', 1 .. 13), $many, 'too many';
hears('/t/wide', ['x:y', 'z', 'all', 'a'], 'a separator of two characters',
    'X-Groups: x:y::z');
hears('/t/wide', ['all', 'a'], 'an empty list beside others');

# ---- Literals and sections -------------------------------------------------

hears('/t/brace', ['{room}', '{{', '}', 'a}b', '100%', '%x'], 'braces');
hears('/t/same?q=a', ['a'], 'the same channel counts once');
hears('/t/same?q=b', ['a', 'b'], 'another beside it');
hears('/t/add', ['a', 'b', 'c', 'd'], 'directives of a section add up',
    'X-Groups: d');
hears('/t/add/same', ['a', 'b', 'c', 'd'], 'an inner section inherits them',
    'X-Groups: d');
hears('/t/add/inner', ['inner'], 'or replaces them all', 'X-Groups: d');
is request($httpd, 'GET', '/if')->{status}, 404, 'outside of its <If>';
hears('/if', ['if'], 'a conditional endpoint', 'Accept: text/event-stream');

# ---- Publishing ------------------------------------------------------------

my $sse = subscribe($httpd, '/t/group/kitchen');
$sse->next_event(5);
request($httpd, 'POST', '/publish/kitchen', body => 'by its Location');
is $sse->next_event(5)->{data}, 'by its Location',
    'a publish Location has templates, too';

# ---- Mistakes --------------------------------------------------------------

sub mistake
{
    my ($name, $conf, @wanted) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($ok, $said) = EventStream::Httpd->config_test($conf);
    $said =~ s/\s+/ /g;
    my @missing = grep { ref $_ ? $said !~ $_ : index($said, $_) < 0 } @wanted;
    ok !$ok && !@missing, $name
        or diag "said: $said", map { "\n  without: $_" } @missing;
    return;
}

sub location
{
    my ($text) = @_;
    return "<Location /x>\n$text\n</Location>\n";
}

my $line = qr/line \d+/;
mistake('an unclosed brace', location('EventStreamChannel "a-{room"'),
    $line, 'EventStreamChannel', 'a-{room', 'column 3', '{{');
mistake('an unclosed expression', location('EventStreamChannel "%{REMOTE"'),
    $line, 'EventStreamChannel', 'column 1');
mistake('a token without name', location('EventStreamChannel "a{}"'),
    $line, 'EventStreamChannel', 'column 2');
mistake('a parameter without name', location('EventStreamChannel "a{?}"'),
    $line, 'EventStreamChannel', 'column 2');
mistake('a token that nothing can set',
    location('EventStreamChannel "room-{room}"'), $line,
    'EventStreamChannel "room-{room}"', 'column 6',
    'nothing can set {room}', '(?<room>...)', 'EventStreamPath');
mistake('a group of another section',
    "<LocationMatch ^/(?<room>.*)\$>\nSetHandler eventstream\n"
    . "</LocationMatch>\n" . location('EventStreamChannel "{room}"'),
    'nothing can set {room}');
mistake('a path of another section',
    "<Location /y>\nEventStreamPath /y/{room}\n</Location>\n"
    . location('EventStreamChannel "{room}"'), 'nothing can set {room}');
mistake('a token at server level', 'EventStreamChannel "{room}"',
    'nothing can set {room}', $line);
mistake('a bad expression', location('EventStreamChannel "a-%{nope:x}"'),
    $line, 'EventStreamChannel', 'column 3', 'nope');
mistake('a bad expression in a list',
    location('EventStreamChannelList "," "%{nope:x}"'), $line,
    'EventStreamChannelList', 'nope');
mistake('a list without separator',
    location('EventStreamChannelList "" "%{REMOTE_USER}"'), $line,
    'EventStreamChannelList', 'separator');
mistake('a path that does not start with a slash',
    location('EventStreamPath "events/{room}"'), $line, 'EventStreamPath',
    "starts with '/'");
mistake('tokens that touch', location('EventStreamPath "/{a}{b}"'), $line,
    'EventStreamPath', 'need a literal', 'column 5');
mistake('a token twice', location('EventStreamPath "/{a}/{A}"'), $line,
    'EventStreamPath', 'same name');
mistake('a path with a parameter', location('EventStreamPath "/{?a}"'), $line,
    'EventStreamPath');
mistake('an unknown hub', location('EventStreamUseHub shop'), $line,
    'EventStreamUseHub shop', 'no such hub', 'EventStreamHub shop');
mistake('an unknown parameter of a hub', 'EventStreamHub shop color=red',
    $line, 'EventStreamHub shop', 'color=red', 'size=');
mistake('a hub too small', 'EventStreamHub shop size=1k', $line,
    'EventStreamHub shop', '256k');
mistake('a hub of no size', 'EventStreamHub shop size=big', $line,
    'EventStreamHub shop', 'big');
mistake('a hub without name', 'EventStreamHub', $line, 'EventStreamHub');
mistake('a hub with a strange name', 'EventStreamHub a/b', $line,
    'EventStreamHub', 'letters');
mistake('a hub in a virtual host',
    "<VirtualHost *:80>\nEventStreamHub shop\n</VirtualHost>", $line,
    'EventStreamHub', 'VirtualHost');
mistake('a number of the whole server in a section',
    location('EventStreamMaxClients 5'), $line, 'EventStreamMaxClients');
mistake('a number of the whole server in a virtual host',
    "<VirtualHost *:80>\nEventStreamMaxClients 5\n</VirtualHost>", $line,
    'EventStreamMaxClients');
my %range = (
    EventStreamRetry => ['3601', 'between 0 and 3600 seconds'],
    EventStreamKeepAlive => ['2h', 'between 0 and 3600 seconds'],
    EventStreamSendTimeout => ['90000', 'between 0 and 86400 seconds'],
    EventStreamTurn => ['61', 'between 0 and 60 seconds'],
    EventStreamMaxChannelsPerClient => ['0', 'between 1 and 10000'],
    EventStreamMaxEventSize => ['1m', 'between 1 and 65536 bytes'],
    EventStreamMaxBody => ['0', 'between 1 and 1073741824 bytes'],
    EventStreamMaxClients => ['-1', 'between 0 and 2147483647'],
    EventStreamMaxClientsPerAddress => ['65536', 'between 0 and 65535'],
    EventStreamMaxChannels => ['0', 'between 1 and 1048576'],
    EventStreamMaxHeld => ['65536', 'between 0 and 65535'],
    EventStreamDrain => ['601', 'between 0 and 600 seconds'],
);
for my $directive (sort keys %range) {
    my ($value, $said) = @{$range{$directive}};
    mistake("$directive $value", "$directive $value", $line, $directive, $said);
    mistake("$directive soon", "$directive soon", $line, $directive, 'soon');
}
mistake('a huge number', 'EventStreamMaxClients 99999999999999999999', $line,
    'EventStreamMaxClients', '2147483647');
mistake('a time that is too long', 'EventStreamRetry 99999999999999999999',
    $line, 'EventStreamRetry');
mistake('a strange form of keep-alive', 'EventStreamKeepAliveForm both',
    $line, 'EventStreamKeepAliveForm', 'event or comment', "'both'");
mistake('a strange origin', 'EventStreamAllowOrigin example.com', $line,
    'EventStreamAllowOrigin', 'https://www.example.com');
mistake('a strange address', 'EventStreamPublishFrom 10.1.0.0/99', $line,
    'EventStreamPublishFrom', '10.1.0.0/99');
mistake('an empty pattern', 'EventStreamAllowChannel ""', $line,
    'EventStreamAllowChannel');

my ($ok, $said) = EventStream::Httpd->config_test(<<'CONF');
<LocationMatch "^/(?<a>x)/(?<b>y)$">
    SetHandler eventstream
    EventStreamUseHub later
    EventStreamChannel "{A}" "{b}" "{c}"
    EventStreamPath "/{c}/y"
</LocationMatch>
EventStreamHub later size=1m
CONF
ok $ok, 'what comes later may set a token, and define a hub' or diag $said;

# ---- .htaccess -------------------------------------------------------------

my @refused;
my $outer = EventStream::Httpd->start(conf => <<'CONF');
<Directory "@DOCROOT@">
    AllowOverride All
</Directory>
CONF
for my $directive ('EventStreamChannel a', 'EventStreamPath /a',
    'EventStreamChannelList , a', 'EventStreamRetry 1',
    'EventStreamPublishFrom any', 'EventStreamUseHub default',
    'EventStreamAllowChannel a', 'EventStreamAllowOrigin *',
    'EventStreamHub a', 'EventStreamMaxClients 1') {
    my ($name) = split ' ', $directive;
    open my $out, '>', $outer->docroot . '/.htaccess' or die $!;
    print {$out} "$directive\n";
    close $out;
    my $from = $outer->log_size;
    is get($outer, '/')->{status}, 500, "$name is refused in .htaccess";
    like $outer->error_log($from), qr/\.htaccess: $name not allowed here/,
        '... and the log says so';
}

done_testing;
