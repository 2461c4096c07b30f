#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Channels from outside: their figures (GET) and their end (DELETE): streams
# end in order, over all children and however they are held, who comes again
# is told to stay away, and an event opens the channel again.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;

my %tls = map { $_ => EventStream::Httpd->has_module($_) } qw(ssl http2);
my $httpd = EventStream::Httpd->start(
    ssl => $tls{ssl}, h2 => $tls{http2}, conf => <<'CONF');
EventStreamRetry 1
EventStreamMaxHeld 10
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<LocationMatch "^/rooms/(?<room>[^/]+)$">
    SetHandler eventstream-publish
    EventStreamChannel "room-{room}"
    EventStreamAllowChannel "room-*"
</LocationMatch>
<Location "/closed">
    SetHandler eventstream-publish
    EventStreamPublishFrom 192.0.2.1
</Location>
<Location "/pages">
    SetHandler eventstream-publish
    EventStreamAllowOrigin https://app.example
</Location>
CONF

sub ask
{
    my ($method, $path, @headers) = @_;
    my $answer = request($httpd, $method, $path, headers => \@headers);
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };
    return $answer;
}

sub figures
{
    my ($query, $path) = @_;
    return ask('GET', ($path || '/publish') . $query)->{json}{channels};
}

sub open_stream
{
    my ($query, %opt) = @_;
    my $sse = subscribe($httpd, "/events?$query", %opt);
    is $sse->next_event(10)->{event}, 'stream-open', "a stream of $query";
    return $sse;
}

# ---- Figures ---------------------------------------------------------------

my $answer = ask('GET', '/publish?channel=quiet');
is $answer->{status}, 200, 'figures of a channel';
is $answer->{headers}{'content-type'}, 'application/json', 'JSON';
is $answer->{headers}{'cache-control'}, 'no-store', 'not to be kept';
is_deeply $answer->{json}, {channels => [{channel => 'quiet', clients => 0,
    events => 0, closed => 0, first => undef, last => undef}]},
    'of one that nobody knows';

my @ids = map { publish($httpd, 'a', "event $_")->{json}{id} } 1 .. 3;
my @listeners = map { open_stream('c=a') } 1 .. 6;
is_deeply figures('?channel=a'), [{channel => 'a', clients => 6,
    events => 3, closed => 0, first => $ids[0], last => $ids[2]}],
    'clients of all children, events, first and last id';
is_deeply [map { $_->{channel} } @{figures('?channel=a&channel=b%22')}],
    ['a', 'b"'], 'of several, in the order asked';
publish($httpd, 'room-1', 'hello');
is figures('', '/rooms/1')->[0]{events}, 1, 'of the Location\'s own channel';
$_->close for @listeners;
wait_for(sub { figures('?channel=a')->[0]{clients} == 0 }, 10,
    'clients that have gone count no more');

$answer = ask('HEAD', '/publish?channel=a');
is $answer->{status}, 200, 'HEAD';
is $answer->{body}, '', '... has no body';

# ---- A list ----------------------------------------------------------------

publish($httpd, "list-$_", 'x') for 1 .. 25;
my (%seen, $pages);
my $next = '';
while (defined $next && ++$pages < 20) {
    my $page = ask('GET', "/publish?list=list-&limit=10$next")->{json};
    ok @{$page->{channels}} <= 10, 'a page is not longer than its limit';
    $seen{$_->{channel}}++ for @{$page->{channels}};
    $next = defined $page->{next} ? "&after=$page->{next}" : undef;
}
is_deeply \%seen, {map { ("list-$_" => 1) } 1 .. 25},
    'pages list each channel once';
my ($one) = grep { $_->{channel} eq 'list-7' } @{figures('?list=list-7')};
is $one->{events}, 1, 'with its figures';
ok grep({ $_->{channel} eq 'a' } @{figures('?list=')}), 'all of them';
is_deeply [grep { $_->{channel} !~ /^room-/ } @{figures('?list=',
    '/rooms/1')}], [], 'EventStreamAllowChannel counts in lists';
for my $bad ('limit=x', 'limit=1001', 'after=-1', 'after=') {
    is ask('GET', "/publish?list=&$bad")->{status}, 400, "$bad: 400";
}

# ---- Who may, and how ------------------------------------------------------

for my $method (qw(GET HEAD DELETE)) {
    is ask($method, '/closed?channel=a')->{status}, 403,
        "$method: EventStreamPublishFrom";
    is ask($method, '/publish?channel=a', 'Origin: https://evil.example')
        ->{status}, 403, "$method: a page of another site";
    is ask($method, '/publish')->{status}, 400, "$method: no channel";
    is ask($method, '/publish?channel=a%01b')->{status}, 400,
        "$method: a bad name";
}
for my $method (qw(GET DELETE)) {
    is ask($method, '/rooms/1?channel=a')->{body}, "Channel not allowed: a.\n",
        "$method: EventStreamAllowChannel";
}
$answer = ask('GET', '/pages?channel=a', 'Origin: https://app.example');
is $answer->{status}, 200, 'a page that is listed';
is $answer->{headers}{'access-control-allow-origin'}, 'https://app.example',
    '... may read it';
my $methods = 'GET, HEAD, POST, PUT, DELETE, OPTIONS';
is ask('OPTIONS', '/publish')->{headers}{allow}, $methods, 'OPTIONS';
is ask('PATCH', '/publish')->{headers}{allow}, $methods, '405 with Allow';
is ask('DELETE', "/publish?channel=a&for=$_")->{status}, 400, "for=$_: 400"
    for 'x', '-1', '2678401';

# ---- The end ---------------------------------------------------------------

my @plain = map { open_stream('c=shop') } 1 .. 6;
my $old = open_stream('c=shop', version => '1.0');
my $two = open_stream('c=shop&c=street');
my $other = open_stream('c=street');
my @held;
push @held, open_stream('c=shop', tls => 1) if $tls{ssl};
push @held, open_stream('c=shop', http2 => 1, tls => 1)
    if $tls{ssl} && $tls{http2};
my $before = publish($httpd, 'shop', 'last orders')->{json}{id};

$answer = ask('DELETE', '/publish?channel=shop&for=30');
is $answer->{status}, 200, 'DELETE';
is $answer->{json}{closed}, 1, 'one channel';
is $answer->{json}{clients}, 8 + @held, 'clients of all children';
for my $sse (@plain, $old, $two, @held) {
    is $sse->next_event(10)->{data}, 'last orders',
        'what was published before is delivered';
    ok $sse->is_ended(10), '... then the stream ends cleanly';
    cmp_ok $sse->retry, '>=', 1000, '... with a retry';
    cmp_ok $sse->retry, '<=', 1200, '... that is near';
    $sse->close;
}
is subscribe($httpd, '/events?c=shop')->status, 204,
    'who comes again gets 204';
is subscribe($httpd, '/events?c=shop', headers => ["Last-Event-ID: $before"])
    ->status, 204, '... also with an id';
my $left = open_stream('c=shop&c=street');
my $shop;
wait_for(sub { ($shop) = @{figures('?channel=shop')}; !$shop->{clients} }, 10,
    'its clients have gone');
is_deeply [@$shop{qw(events first last)}], [0, undef, undef],
    'its records are dropped';
ok $shop->{closed} > 20 && $shop->{closed} <= 30, 'it is closed for a time';
publish($httpd, 'street', 'cars');
is $_->next_event(5)->{data}, 'cars', 'other channels go on'
    for $other, $left;

publish($httpd, 'shop', 'open');
is $left->next_event(1), undef,
    'who came while it was closed is not subscribed to it';
my $again = subscribe($httpd, '/events?c=shop',
    headers => ["Last-Event-ID: $before"]);
is $again->status, 200, 'an event has opened it again';
$again->next_event(5);
is $again->next_event(5)->{event}, 'stream-reset',
    'what was dropped is told as missed';
is figures('?channel=shop')->[0]{events}, 1, 'the new event is there';
my $all = open_stream('c=shop&c=a&lastEventId=earliest');
is_deeply [map { $_->{data} } $all->events(4, 5)],
    ['event 1', 'event 2', 'event 3', 'open'], 'and alone is replayed';

# ---- At once, and of the Location -------------------------------------------

my $room = open_stream('c=room-9');
is ask('DELETE', '/rooms/9?for=0')->{status}, 200,
    'the Location\'s own channel, for no time';
ok $room->is_ended(10), 'its stream ends';
open_stream('c=room-9')->close;
is ask('DELETE', '/publish?channel=never&channel=seen')->{json}{closed}, 2,
    'channels that nobody knew';
is subscribe($httpd, '/events?c=never&c=seen')->status, 204,
    '... are closed for those who come';

is $other->next_event(0), undef, 'nothing else came to the others';

# ---- Clients that have moved -------------------------------------------------

my @moved = map { open_stream('c=moved') } 1 .. 4;
$httpd->graceful;
wait_for(sub { figures('?channel=moved')->[0]{clients} == 4 }, 10,
    'other children have taken them over');
publish($httpd, 'moved', 'last');
ask('DELETE', '/publish?channel=moved');
for my $sse (@moved) {
    is $sse->next_event(10)->{data}, 'last', 'a client that has moved';
    ok $sse->is_ended(10), '... gets the end, too';
}
$httpd->finish;
done_testing;
