#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Proxies receive what is published in the order of the journal, whichever child
# takes it, also when a child is killed while it sends. A proxy that does not
# answer delays a publisher no longer than EventStreamGripTimeout.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Background;
use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $proxy = EventStream::FakeProxy->start;
my $httpd = EventStream::Httpd->start(
    mpm_conf => "StartServers 3\nServerLimit 3\nThreadsPerChild 10\n"
        . "MaxRequestWorkers 30\nMinSpareThreads 1\nMaxSpareThreads 30\n",
    conf => <<"CONF");
EventStreamGrip "@{[$proxy->url]}"
EventStreamGripTimeout 60
EventStreamHub short size=8m
EventStreamGrip hub=short "@{[$proxy->url]}"
EventStreamGripTimeout hub=short 1
EventStreamMaxBody 4m
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/short">
    SetHandler eventstream-publish
    EventStreamUseHub short
</Location>
<Location "/short-events">
    SetHandler eventstream
    EventStreamUseHub short
    EventStreamChannel "{?c}"
</Location>
CONF

sub contents
{
    return map { $_->{formats}{'http-stream'}{content} } @_;
}

# ---- Order -----------------------------------------------------------------

$proxy->mode('slow 20');
my @writers = map {
    my $writer = $_;
    in_background(sub {
        return [map { publish($httpd, 'a', "$writer-$_")->{status} } 1 .. 25];
    })
} 1 .. 8;
my @statuses = map { @{$_->()} } @writers;
is scalar(grep { $_ == 200 } @statuses), 200,
    '8 publishers publish 25 events each';
my @contents = contents($proxy->items);
is scalar @contents, 200, 'each event is sent once';
my @ids = map { /^id: (\d+)-(\d+)$/m ? [$1, $2] : () } @contents;
my @sorted = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @ids;
is_deeply \@ids, \@sorted, 'the events are sent in the order of the journal';
is scalar(grep { $_->{others} } $proxy->requests), 0,
    'one post is sent at a time';
cmp_ok scalar(($proxy->requests)), '<', 200,
    'waiting events are sent together in one post';

# ---- A child that is killed ------------------------------------------------

$proxy->mode('silent');
my $before = $proxy->items;
my $lost = publish_in_background($httpd, 'a', 'of a killed child');
wait_for(sub { ($proxy->requests)[-1]{body} =~ /of a killed/ }, 10,
    'a child is sending when it is killed');
$proxy->mode('ok');
$httpd->kill_child($_) for $httpd->children;
$lost->();
wait_for(sub { $proxy->items > $before }, 10,
    'another child sends the events of a killed child');
is publish($httpd, 'a', 'after it')->{status}, 200,
    'publishing works after a kill';
@contents = contents($proxy->items);
like $contents[-2], qr/of a killed child/,
    'the event of the killed child is in order';
like $contents[-1], qr/after it/, 'the next event follows it';

# ---- Large lists -----------------------------------------------------------

$proxy->clear;
my $list = JSON::PP::encode_json([map {
    {channel => 'a', text => $_ . 'x' x 60_000}
} 10 .. 27]);
my $answer = request($httpd, 'POST', '/publish', body => $list,
    headers => ['Content-Type: application/json'], timeout => 30);
is $answer->{status}, 200, 'a list of 1 MB gets 200';
my @posts = $proxy->requests;
cmp_ok scalar @posts, '>', 1, 'a list of 1 MB is sent in several posts';
is scalar(grep { length $_->{body} > 1_000_000 } @posts), 0,
    'no post is larger than Pushpin accepts';
is_deeply [map { /^data: (\d+)x/m } contents($proxy->items)], [10 .. 27],
    'these posts are in order';
$proxy->clear;

# ---- An event that a proxy rejects -----------------------------------------

$proxy->mode('reject bad');
$answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => JSON::PP::encode_json([map {
        {channel => 'a', text => $_}
    } qw(one bad two)]));
is $answer->{status}, 502,
    'a proxy rejects one of three events: the answer is 502';
like $answer->{body}, qr/"status 400"/,
    'the answer has the status of the proxy';
is_deeply [map { /^data: (\w+)$/m } (contents($proxy->items))[-2, -1]],
    [qw(one two)], 'the proxy has the other events';

# ---- A proxy that does not answer ------------------------------------------

$proxy->mode('silent');
my $sse = subscribe($httpd, '/short-events?c=b');
is $sse->next_event(5)->{event}, 'stream-open', 'a direct client opens';
$before = $proxy->requests;
my @waiting = map {
    publish_in_background($httpd, 'b', "b$_", path => '/short')
} 1 .. 4;
my %got = map { $sse->next_event(5)->{data} => 1 } 1 .. 4;
is_deeply [sort keys %got], [qw(b1 b2 b3 b4)],
    'local clients receive all events while the proxy does not answer';
my @answers = map { $_->() } @waiting;
is scalar(grep { $_->{status} == 502 } @answers), 4,
    'their publishers get 502 after EventStreamGripTimeout';
is scalar(grep { $_->{body} =~ /no answer in time/ } @answers), 4,
    'the answers give the reason';
$proxy->mode('ok');
$proxy->drop_waiting;
is publish($httpd, 'b', 'b5', path => '/short')->{status}, 200,
    'publishing gets 200 when the proxy answers again';
is_deeply [map { /^data: (b\d)$/m } contents($proxy->items)], ['b5'],
    'failed events are not sent again';

is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
