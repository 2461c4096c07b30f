#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# SetHandler eventstream-status without a browser: who gets in, the head of the
# page, the figures and the channels as JSON, and both as streams.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Tls;

my @hostile = ('<img src=x onerror="document.title=1">', q{"'&amp;</script>},
    'a b/%2e%2e/?c=d&e', "\x{202e}right-to-left \x{1f370}");

my $httpd = EventStream::Httpd->start(
    modules => ['status', 'headers'], conf => status_conf() . <<'CONF');
EventStreamAllowOrigin https://other.example
EventStreamHub shop size=1m
EventStreamMaxClients 400
<Location "/status">
    SetHandler eventstream-status
    Require local
    EventStreamStatusPublish /publish
    EventStreamAllowChannel nothing
</Location>
<Location "/closed">
    SetHandler eventstream-status
</Location>
<Location "/outer">
    Require local
</Location>
<Location "/outer/status">
    SetHandler eventstream-status
</Location>
<Location "/limited">
    SetHandler eventstream-status
    <LimitExcept GET>
        Require all denied
    </LimitExcept>
</Location>
<Location "/all">
    SetHandler eventstream-status
    <RequireAny>
        Require ip 192.0.2.1
        Require local
    </RequireAny>
    Require all granted
    EventStreamStatusPublish /denied
</Location>
<Location "/any">
    SetHandler eventstream-status
    <RequireAny>
        Require ip 192.0.2.1
        <RequireAll>
            Require all granted
        </RequireAll>
    </RequireAny>
</Location>
<Location "/both">
    SetHandler eventstream-status
    <RequireAll>
        Require all granted
        Require local
    </RequireAll>
</Location>
<Location "/refused">
    SetHandler eventstream-status
    Require ip 192.0.2.1
</Location>
<Location "/none">
    SetHandler eventstream-status
    Require local
    EventStreamStatusPublish /never
</Location>
<Location "/late">
    Require local
    RequestHeader unset Accept
    SetHandler eventstream-status
    EventStreamStatusPublish none
</Location>
<LocationMatch "^/events/(?<c>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{c}"
</LocationMatch>
<LocationMatch "^/(publish|sell|never|denied)$">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/sell">
    EventStreamUseHub shop
</Location>
<Location "/never">
    EventStreamPublishFrom none
</Location>
<Location "/denied">
    Require all denied
</Location>
CONF

sub json
{
    my ($query, $path) = @_;
    my $answer = get($httpd, ($path // '/status') . $query);
    return $answer->{status} == 200 ? decode_json($answer->{body}) : undef;
}

sub escaped
{
    my ($text) = @_;
    utf8::encode($text);
    $text =~ s/([^A-Za-z0-9_.-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

# ---- Who gets in -----------------------------------------------------------

is get($httpd, '/status')->{status}, 200, 'a Require in the section opens it';
is get($httpd, '/all')->{status}, 200, 'so does a container of them';
is get($httpd, '/refused')->{status}, 403, 'that Require decides';
for my $path (qw(/closed /outer/status /limited)) {
    my $answer = get($httpd, $path);
    is $answer->{status}, 403, "without one in its section it is closed: $path";
    is $answer->{body}, "The status of the event streams is closed.\n",
        "in words: $path";
}
is get($httpd, '/closed?json', 'Accept: text/event-stream')->{status}, 403,
    'all of it is closed';
is get($httpd, '/status', "Host: $_")->{status}, 200,
    "it is there under a name of this server: $_"
    for '127.0.0.1', 'localhost', '192.0.2.7:8080', '[::1]';
is get($httpd, '/status?json', 'Host: other.example')->{status}, 403,
    'not under that of another site, which may resolve to this server';
my $log = $httpd->error_log;
like $log, qr/ES0701: .* other\.example is no ServerName or ServerAlias/,
    'the log names it';
like $log, qr/ES0701: .* has no Require; add one to this very section/,
    'the log has the remedy';
is scalar(() = $log =~ /ES0118: .* SetHandler eventstream-status is closed/g),
    3, 'the start tells which ones are closed';
is scalar(() = $log =~ /ES0117: .* opens SetHandler eventstream-status/g), 2,
    'the start tells which ones are open to everyone, in whatever container';

# ---- The page --------------------------------------------------------------

my $page = get($httpd, '/status', 'Accept: text/html,*/*;q=0.8',
    'Range: bytes=0-9', 'Origin: https://other.example');
is $page->{status}, 200, 'a range gets the whole page';
like $page->{headers}{'content-type'}, qr{^text/html}, 'it is HTML';
is $page->{headers}{'cache-control'}, 'no-store', 'no cache keeps it';
like $page->{body}, qr{^<!DOCTYPE html>.*</html>\n$}s, 'the page is whole';
my ($nonce) = $page->{headers}{'content-security-policy'} =~
    /^default-src 'none'; script-src 'nonce-([\w-]{24})'/;
ok $nonce, 'the page loads nothing from elsewhere';
is scalar(() = $page->{body} =~ /nonce="\Q$nonce\E"/g), 2,
    'its own script and style are admitted';
unlike $page->{body}, qr/(?:src|href)="(?:https?:)?\/\//,
    'it refers to no other host';
unlike get($httpd, '/status')->{body}, qr/\Q$nonce\E/,
    'another answer has another number';
ok !exists $page->{headers}{'access-control-allow-origin'},
    'EventStreamAllowOrigin does not open it to other sites';
my $head = request($httpd, 'HEAD', '/status');
is $head->{status}, 200, 'HEAD is answered';
is $head->{body}, '', 'without a body';
is $head->{headers}{'content-length'}, length $page->{body},
    'with the length of the page';
my $post = request($httpd, 'POST', '/status', body => 'x');
is $post->{status}, 405, 'POST is refused';
is $post->{headers}{allow}, 'GET, HEAD', 'with what is allowed';
is request($httpd, 'OPTIONS', '/status', headers => ['Origin: ' .
    'https://other.example', 'Access-Control-Request-Method: GET'])->{status},
    405, 'a preflight is refused, too';
is get($httpd, '/late', 'Accept: text/event-stream')->{headers}{'content-type'},
    'text/html; charset=utf-8', 'without Accept it is the page';

# ---- The figures -----------------------------------------------------------

my @clients = map { subscribe($httpd, "/events/room-$_") } 1 .. 3;
publish($httpd, 'room-1', "event $_") for 1 .. 5;
publish($httpd, 'item', 'x', path => '/sell') for 1 .. 2;
my $kind = over_tls() ? 'detached_tls' : 'detached';
# a client has its stream a moment before its kind is counted
wait_for(sub { json('?json')->{clients}{$kind} == 3 }, 10);
my $answer = get($httpd, '/status?json');
is $answer->{headers}{'content-type'}, 'application/json', 'it is JSON';
is $answer->{headers}{'cache-control'}, 'no-store', 'no cache keeps it';
my $figures = decode_json($answer->{body});
is_deeply [sort keys %$figures], [sort qw(version server clients hubs
    hubs_omitted children children_omitted limits revocations not_detached
    histograms proxies advice request)],
    'the members are as documented';
is $figures->{version}, 1, 'the version of the form';
is $figures->{clients}{total}, 3, 'clients are counted';
is $figures->{clients}{$kind}, 3, 'by their kind';
my %hub = map { $_->{name} => $_ } @{$figures->{hubs}};
is_deeply [sort keys %hub], ['default', 'shop'],
    'the hub of the page itself is not shown';
is $hub{default}{published}, 5, 'events of a hub are counted';
is $hub{shop}{published}, 2, 'and of another hub';
is $hub{shop}{bytes}, 1024 * 1024, 'the size of a journal';
is $hub{default}{cluster}, undef, 'it is not clustered';
is $hub{default}{clients}, 3, 'the clients of a hub are counted';
is $hub{shop}{clients}, 0, 'and of another hub';
is_deeply [sort keys %{$figures->{histograms}}],
    [qw(held_lag_us lag_us publish_us replay_events)], 'times of all hubs';
my $times = 0;
$times += $_ for @{$figures->{histograms}{publish_us}{counts}};
is $times, 7, 'together: a value for each batch';
is_deeply $figures->{revocations},
    {holding => 0, times => 0, streams => 0, refused => 0},
    'nobody was revoked';
is_deeply [sort map { $_->{pid} } @{$figures->{children}}],
    [sort $httpd->children], 'the children are those of httpd';
ok((grep { $_->{tag} eq 'ES0117' && $_->{text} =~ /granted/ }
    @{$figures->{advice}}), 'advice of the start is shown');
my ($limit) = grep { $_->{name} eq 'EventStreamMaxClients' }
    @{$figures->{limits}};
is_deeply [@$limit{qw(value used reached)}], [400, 3, 0],
    'a limit has its value, what is used, and how often it was reached';
is decode_json(get($httpd, '/status', 'Accept: application/json')->{body})
    ->{version}, 1, 'Accept asks for JSON, too';
like get($httpd, '/server-status?auto')->{body}, qr/^EventStream\.Hub\.shop/m,
    'mod_status has the hubs';
unlike get($httpd, '/server-status?auto')->{body}, qr/\.status/,
    'without the hub of the page';

my $request = $figures->{request};
is $request->{publish}, '/publish', 'the user may publish there';
is $request->{publish_hub}, 'default', 'to this hub';
is json('?json', '/all')->{request}{publish}, undef,
    'not where Require refuses';
is json('?json', '/none')->{request}{publish}, undef,
    'nor where EventStreamPublishFrom does';
is json('?json', '/late')->{request}{publish}, undef, 'nor with none';

# ---- Live ------------------------------------------------------------------

my $live = subscribe($httpd, '/status', headers => ['Accept: ' .
    'text/event-stream']);
like $live->header('content-type'), qr{^text/event-stream}, 'the page is live';
is next_event($live, 5)->{event}, 'stream-open', 'its stream opens';
my $served = decode_json($live->skip_to('served', 5)->{data});
is $served->{mode}, 'detached', 'it is told how it is served';
is $served->{why}, undef, 'and why not otherwise';
ok((grep { $_ == $served->{pid} } $httpd->children), 'and by whom');
is decode_json($live->skip_to('summary', 5)->{data})->{clients}{total}, 4,
    'the figures come';
publish($httpd, 'room-2', 'more') for 1 .. 3;
ok wait_for(sub {
    my $event = $live->skip_to('hubs', 10) or return 0;
    return decode_json($event->{data})->{hubs}[0]{published} == 8;
}, 10), 'they change with what is published';
ok decode_json($live->skip_to('children', 10)->{data})->{children}[0]{pid},
    'children come, too';
my $sample = decode_json($live->skip_to('sample', 10)->{data})->{sample};
my $past = json('?samples');
is $past->{values}[0], 'time_ms', 'a sample begins with its time';
is scalar(@$sample), scalar @{$past->{values}}, 'each value has a name';
ok wait_for(sub { @{json('?samples')->{samples}} >= 3 }, 10),
    'a sample is taken each second';
ok wait_for(sub {
    my @all = @{json('?samples')->{samples}};
    return !grep { $all[$_][0] <= $all[$_ - 1][0] } 1 .. $#all;
}, 10), 'they are in order';

# ---- What clients count ----------------------------------------------------

my $was = json('?json')->{hubs}[0];
my @readers = map { subscribe($httpd, '/events/counted') } 1 .. 4;
publish($httpd, 'counted', "event $_") for 1 .. 50;
my $got = 0;
for my $reader (@readers) {
    $got += grep { $_->{event} eq 'message' } $reader->events(51, 10);
}
is $got, 200, 'four clients have got 50 events';
ok wait_for(sub {
    my $now = json('?json')->{hubs}[0];
    return $now->{deliveries} - $was->{deliveries} == $got
        && $now->{published} - $was->{published} == 50
        && $now->{streams} - $was->{streams} == 4;
}, 10), 'the figures are what the clients have counted';
$_->close for @readers;

# ---- Channels --------------------------------------------------------------

publish($httpd, sprintf('many-%03d', $_), 'x') for 1 .. 120;
my @found;
my ($next, $pages) = ('', 0);
do {
    my $list = json("?channels&q=MANY-&sort=name&limit=50&after=$next");
    push @found, map { $_->{channel} } @{$list->{channels}};
    $next = $list->{next};
    $pages++;
} while (defined $next && $pages < 10);
is $pages, 3, 'channels come in pages';
is_deeply \@found, [map { sprintf 'many-%03d', $_ } 1 .. 120],
    'the pages have each channel once, in order; the case does not matter';
my $list = json('?channels&limit=2');
is_deeply [map { $_->{clients} } @{$list->{channels}}], [1, 1],
    'first come those with the most clients';
is $list->{known}, 125, 'all that are known are counted';
is json('?channels&q=room')->{matching}, 3, 'and those that match';
is_deeply [map { "$_->{hub} $_->{channel}" }
    @{json('?channels&hub=shop')->{channels}}], ['shop item'],
    'a hub has its own';
publish($httpd, 'latest', 'x');
my $row = json('?channels&sort=recent&hub=default&limit=1')->{channels}[0];
is $row->{channel}, 'latest', 'the latest event first';
is $row->{events}, 1, 'its events';
cmp_ok $row->{rate}, '>', 0, 'its rate';
like $row->{last}, qr/^\d+-\d+$/, 'the id of its last event';
cmp_ok $row->{age_ms}, '<', 60000, 'and its age';
for my $bad ('sort=x', 'limit=0', 'limit=201', 'after=x', 'after=1.0.',
    'after=1.0.%21', 'after=1.-2147483648.', 'after=1.4294967296.') {
    is get($httpd, "/status?channels&$bad")->{status},
        $bad eq 'after=1.0.' ? 200 : 400, "a bad query: $bad";
}
for my $name (@hostile) {
    request($httpd, 'POST', '/publish?channel=' . escaped($name), body => 'x');
    my $found = json('?channels&q=' . escaped($name))->{channels};
    is $found->[0]{channel}, $name, 'any name is found as it is';
    is json('?json&channel=' . escaped($name))->{channel}, $name,
        'and has a page of its own';
}

# ---- A channel -------------------------------------------------------------

publish($httpd, 'busy', "event $_") for 1 .. 25;
my $one = json('?channel=busy&json');
is $one->{events}, 25, 'the figures of a channel';
is json('?channel=nobody&json')->{events}, 0, 'those of one that is not known';
like get($httpd, '/status?channel=busy')->{body}, qr/^<!DOCTYPE html>/,
    'a channel has a page';
my $stream = subscribe($httpd, '/status?channel=busy', headers => ['Accept: ' .
    'text/event-stream']);
is_deeply [map { $_->{data} } grep { $_->{event} eq 'message' }
    $stream->events(21, 5)], [map { "event $_" } 6 .. 25],
    'its stream begins with the latest that are retained';
publish($httpd, 'busy', 'now', event => 'order');
is $stream->skip_to('order', 5)->{data}, 'now', 'and goes on with all';
is json('?channel=busy&json')->{clients}, 1, 'it counts as a client';
my $other = subscribe($httpd, '/status?channel=item&hub=shop', headers =>
    ['Accept: text/event-stream']);
publish($httpd, 'item', 'sold', path => '/sell', event => 'sale');
is $other->skip_to('sale', 5)->{data}, 'sold', 'of another hub, too';
is get($httpd, '/status?json&channel=a&hub=.status')->{status}, 404,
    'the hub of the page cannot be looked into';
is get($httpd, '/status?json&channel=a&hub=x')->{status}, 404,
    'there is no such hub';
is get($httpd, '/status?json&channel=')->{status}, 400, 'no name';
is get($httpd, '/status?json&channel=' . 'x' x 256)->{status}, 400,
    'a name that is too long';
is get($httpd, '/status?json&channel=a%0Ab')->{status}, 400,
    'a name with a control character';

# ---- Who is there, and who was revoked -------------------------------------

is json('?channel=busy&json')->{names}, undef, 'presence is not counted here';
{
    my $with = EventStream::Httpd->start(conf => <<'CONF');
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
<LocationMatch "^/events/(?<c>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{c}"
    EventStreamPresence on name=%{req:X-User}
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    my $of = sub { decode_json(get($with, "/status?$_[0]")->{body}) };
    my $evil = '<b>"ada"&';
    my @there = (subscribe($with, '/events/room', headers => ["X-User: $evil"]),
        map { subscribe($with, '/events/room', headers => ['X-User: bob']) }
            1 .. 2);
    my $one; # a client is counted a moment after its head
    wait_for(sub {
        $one = $of->('channel=room&json');
        return @{$one->{names}} == 2 && 3 == eval { $one->{names}[0]{clients}
            + $one->{names}[1]{clients} };
    }, 10);
    is_deeply [sort map { "$_->{name} $_->{clients}" } @{$one->{names}}],
        ["$evil 1", 'bob 2'], 'a channel has the names of its clients';
    ok !$one->{names_partial}, 'all of them';
    is_deeply $of->('channel=other&json')->{names}, [], 'another one has not';
    push @there, map { subscribe($with, '/events/full',
        headers => ["X-User: user-$_"]) } 1 .. 101;
    wait_for(sub {
        $one = $of->('channel=full&json');
        return $one->{names_partial} && $one->{clients} == 101;
    }, 10);
    is scalar(@{$one->{names}}), 100, 'a hundred names are shown';
    ok $one->{names_partial}, 'with a word that there are more';
    is $one->{clients}, 101, 'all clients are counted';
    $_->close for @there;
    is request($with, 'DELETE', '/publish?user=ann&for=60')->{status}, 200,
        'a user is revoked';
    is_deeply $of->('json')->{revocations},
        {holding => 1, times => 1, streams => 0, refused => 0},
        'the figures have it';
}

# ---- Its hub ---------------------------------------------------------------

my ($ok, $output) = EventStream::Httpd->config_test(<<'CONF');
<Location "/x">
    SetHandler eventstream
    EventStreamChannel a
    EventStreamUseHub .status
</Location>
CONF
ok !$ok, 'no directive names the hub of the page';
for my $bad ('publish', '//host/publish', 'https://host/') {
    ($ok, $output) = EventStream::Httpd->config_test(
        "EventStreamStatusPublish $bad\n");
    ok !$ok, "EventStreamStatusPublish refuses $bad";
    like $output, qr/takes none, or the path/, 'and tells what it takes';
}
$_->close for @clients, $live, $stream, $other;
ok wait_for(sub { json('?json')->{clients}{total} == 0 }, 5),
    'clients that have closed are not counted';
SKIP: {
    skip 'needs mod_http2', 3 if !EventStream::Httpd->has_module('http2');
    my $h2 = EventStream::Httpd->start(h2 => 1, conf => <<'CONF');
<Location "/status">
    SetHandler eventstream-status
    Require local
</Location>
CONF
    my $held = subscribe($h2, '/status', http2 => 1, headers => ['Accept: ' .
        'text/event-stream']);
    my $how = decode_json($held->skip_to('served', 10)->{data});
    is $how->{mode}, 'held', 'over HTTP/2 it is told that it is held';
    is $how->{why}, 'over HTTP/2 a stream ends with its worker', 'and why';
    ok $held->skip_to('summary', 10), 'and is live, too';
    $held->close;
}
my $plain = EventStream::Httpd->start(conf => '');
# A child has all its threads a moment after its start only.
sub threads
{
    my ($server) = @_;
    my ($child) = $server->children;
    return $server->threads($child);
}
wait_for(sub { threads($httpd) == threads($plain) + 1 }, 20,
    'without the page there is no thread for it');
done_testing;
