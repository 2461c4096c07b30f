#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A channel's statistics (GET) and its end (DELETE): streams end in order, in
# all children and however they are held; a client that reconnects gets 204; an
# event opens the channel again.

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

sub stats
{
    my ($query, $path) = @_;
    return ask('GET', ($path || '/publish') . $query)->{json}{channels};
}

sub open_stream
{
    my ($query, %opt) = @_;
    my $sse = subscribe($httpd, "/events?$query", %opt);
    is $sse->next_event(10)->{event}, 'stream-open',
        "the stream of $query opens";
    return $sse;
}

# ---- Statistics ------------------------------------------------------------

my $answer = ask('GET', '/publish?channel=quiet');
is $answer->{status}, 200, 'GET gets 200';
is $answer->{headers}{'content-type'}, 'application/json', 'the answer is JSON';
is $answer->{headers}{'cache-control'}, 'no-store',
    'the answer is not to be stored';
is_deeply $answer->{json}, {channels => [{channel => 'quiet', clients => 0,
    events => 0, closed => 0, first => undef, last => undef}]},
    'an unknown channel has no clients and no events';

my @ids = map { publish($httpd, 'a', "event $_")->{json}{id} } 1 .. 3;
my @listeners = map { open_stream('c=a') } 1 .. 6;
is_deeply stats('?channel=a'), [{channel => 'a', clients => 6,
    events => 3, closed => 0, first => $ids[0], last => $ids[2]}],
    'the statistics have the clients of all children, the events and their ids';
is_deeply [map { $_->{channel} } @{stats('?channel=a&channel=b%22')}],
    ['a', 'b"'],
    'the statistics of several channels are in the order of the request';
publish($httpd, 'room-1', 'hello');
is stats('', '/rooms/1')->[0]{events}, 1,
    'without a name the channel is that of the Location';
$_->close for @listeners;
wait_for(sub { stats('?channel=a')->[0]{clients} == 0 }, 10,
    'clients that have closed are not counted');

$answer = ask('HEAD', '/publish?channel=a');
is $answer->{status}, 200, 'HEAD gets 200';
is $answer->{body}, '', 'HEAD has no body';

# ---- A list ----------------------------------------------------------------

publish($httpd, "list-$_", 'x') for 1 .. 25;
my (%seen, $pages);
my $next = '';
while (defined $next && ++$pages < 20) {
    my $page = ask('GET', "/publish?list=list-&limit=10$next")->{json};
    ok @{$page->{channels}} <= 10,
        'a page of the list is not longer than its limit';
    $seen{$_->{channel}}++ for @{$page->{channels}};
    $next = defined $page->{next} ? "&after=$page->{next}" : undef;
}
is_deeply \%seen, {map { ("list-$_" => 1) } 1 .. 25},
    'the pages list each channel once';
my ($one) = grep { $_->{channel} eq 'list-7' } @{stats('?list=list-7')};
is $one->{events}, 1, 'the list has the statistics of a channel';
ok grep({ $_->{channel} eq 'a' } @{stats('?list=')}),
    'an empty prefix lists all channels';
is_deeply [grep { $_->{channel} !~ /^room-/ } @{stats('?list=',
    '/rooms/1')}], [], 'EventStreamAllowChannel applies to lists';
for my $bad ('limit=x', 'limit=1001', 'after=-1', 'after=') {
    is ask('GET', "/publish?list=&$bad")->{status}, 400, "$bad gets 400";
}

# ---- Allowed publishers and channels ---------------------------------------

for my $method (qw(GET HEAD DELETE)) {
    is ask($method, '/closed?channel=a')->{status}, 403,
        "$method: EventStreamPublishFrom applies";
    is ask($method, '/publish?channel=a', 'Origin: https://evil.example')
        ->{status}, 403, "$method: a page of another site gets 403";
    is ask($method, '/publish')->{status}, 400, "$method: no channel gets 400";
    is ask($method, '/publish?channel=a%01b')->{status}, 400,
        "$method: a bad channel name gets 400";
}
for my $method (qw(GET DELETE)) {
    is ask($method, '/rooms/1?channel=a')->{body}, "Channel not allowed: a.\n",
        "$method: EventStreamAllowChannel applies";
}
$answer = ask('GET', '/pages?channel=a', 'Origin: https://app.example');
is $answer->{status}, 200, 'a page of a listed site gets 200';
is $answer->{headers}{'access-control-allow-origin'}, 'https://app.example',
    'a page of a listed site may read the answer';
my $methods = 'GET, HEAD, POST, PUT, DELETE, OPTIONS';
is ask('OPTIONS', '/publish')->{headers}{allow}, $methods,
    'OPTIONS has Allow';
is ask('PATCH', '/publish')->{headers}{allow}, $methods, '405 has Allow';
is ask('DELETE', "/publish?channel=a&for=$_")->{status}, 400, "for=$_ gets 400"
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

$answer = ask('DELETE', '/publish?channel=shop&for=600');
is $answer->{status}, 200, 'DELETE gets 200';
is $answer->{json}{closed}, 1, 'the answer counts one channel';
is $answer->{json}{clients}, 8 + @held,
    'the answer counts the clients of all children';
for my $sse (@plain, $old, $two, @held) {
    is $sse->next_event(10)->{data}, 'last orders',
        'an event from before DELETE is delivered';
    ok $sse->is_ended(10), 'the stream of a closed channel ends cleanly';
    cmp_ok $sse->retry, '>=', 1000, 'it ends with a retry';
    cmp_ok $sse->retry, '<=', 1200, 'the retry is short';
    $sse->close;
}
is subscribe($httpd, '/events?c=shop')->status, 204,
    'a client of the closed channel gets 204';
is subscribe($httpd, '/events?c=shop', headers => ["Last-Event-ID: $before"])
    ->status, 204, 'a client of the closed channel that resumes gets 204';
my $left = open_stream('c=shop&c=street');
my $shop;
wait_for(sub { ($shop) = @{stats('?channel=shop')}; !$shop->{clients} }, 10,
    'a closed channel has no clients');
is_deeply [@$shop{qw(events first last)}], [0, undef, undef],
    'the records of a closed channel are dropped';
ok $shop->{closed} > 300 && $shop->{closed} <= 600,
    'the channel is closed for the time of the request';
publish($httpd, 'street', 'cars');
is $_->next_event(5)->{data}, 'cars', 'clients of other channels receive events'
    for $other, $left;

publish($httpd, 'shop', 'open');
is $left->next_event(1), undef,
    'a client that subscribed while the channel was closed gets nothing of it';
my $again = subscribe($httpd, '/events?c=shop',
    headers => ["Last-Event-ID: $before"]);
is $again->status, 200, 'an event opens the channel again';
$again->next_event(5);
is $again->next_event(5)->{event}, 'stream-reset',
    'a client that resumes over the end gets a reset';
is stats('?channel=shop')->[0]{events}, 1, 'the new event is counted';
my $all = open_stream('c=shop&c=a&lastEventId=earliest');
is_deeply [map { $_->{data} } $all->events(4, 5)],
    ['event 1', 'event 2', 'event 3', 'open'],
    'the new event is replayed, those before the end are not';

# ---- Closed for no time, and by Location ------------------------------------

my $room = open_stream('c=room-9');
is ask('DELETE', '/rooms/9?for=0')->{status}, 200,
    'DELETE closes the Location\'s channel for no time';
ok $room->is_ended(10), 'its stream ends';
open_stream('c=room-9')->close;
is ask('DELETE', '/publish?channel=never&channel=seen')->{json}{closed}, 2,
    'DELETE closes channels that had no client and no event';
is subscribe($httpd, '/events?c=never&c=seen')->status, 204,
    'a client of these channels gets 204';

is $other->next_event(0), undef, 'other clients received nothing else';

# ---- Clients that were handed over -------------------------------------------

my @moved = map { open_stream('c=moved') } 1 .. 4;
$httpd->graceful;
wait_for(sub { stats('?channel=moved')->[0]{clients} == 4 }, 10,
    'other children have taken over the clients');
publish($httpd, 'moved', 'last');
ask('DELETE', '/publish?channel=moved');
for my $sse (@moved) {
    is $sse->next_event(10)->{data}, 'last',
        'a client that was handed over receives the last event';
    ok $sse->is_ended(10), 'its stream ends when its channel is closed';
}
$httpd->finish;
done_testing;
