#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Proxies get what is published in the order of the journal, whichever child has
# it, also when a child is killed while it sends; and one that does not answer
# holds up nobody for longer than it may.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Beside;
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
    beside(sub {
        return [map { publish($httpd, 'a', "$writer-$_")->{status} } 1 .. 25];
    })
} 1 .. 8;
my @statuses = map { @{$_->()} } @writers;
is scalar(grep { $_ == 200 } @statuses), 200, '8 publish 25 events each';
my @contents = contents($proxy->items);
is scalar @contents, 200, 'each is sent once';
my @ids = map { /^id: (\d+)-(\d+)$/m ? [$1, $2] : () } @contents;
my @sorted = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @ids;
is_deeply \@ids, \@sorted, 'in the order of the journal';
is scalar(grep { $_->{others} } $proxy->requests), 0, 'one post at a time';
cmp_ok scalar(($proxy->requests)), '<', 200,
    'what waits goes together in one post';

# ---- A child that is killed ------------------------------------------------

$proxy->mode('silent');
my $before = $proxy->items;
my $lost = publish_beside($httpd, 'a', 'of a killed child');
wait_for(sub { ($proxy->requests)[-1]{body} =~ /of a killed/ }, 10,
    'a child is sending');
$proxy->mode('ok');
$httpd->kill_child($_) for $httpd->children;
$lost->();
wait_for(sub { $proxy->items > $before }, 10,
    'another child sends what a killed one was sending');
is publish($httpd, 'a', 'after it')->{status}, 200, 'publishing goes on';
@contents = contents($proxy->items);
like $contents[-2], qr/of a killed child/, 'in order';
like $contents[-1], qr/after it/, 'as before';

# ---- Large lists -----------------------------------------------------------

$proxy->forget;
my $list = JSON::PP::encode_json([map {
    {channel => 'a', text => $_ . 'x' x 60_000}
} 10 .. 27]);
my $answer = request($httpd, 'POST', '/publish', body => $list,
    headers => ['Content-Type: application/json'], timeout => 30);
is $answer->{status}, 200, 'a list of 1 MB';
my @posts = $proxy->requests;
cmp_ok scalar @posts, '>', 1, 'goes in several posts';
is scalar(grep { length $_->{body} > 1_000_000 } @posts), 0,
    'none larger than Pushpin takes';
is_deeply [map { /^data: (\d+)x/m } contents($proxy->items)], [10 .. 27],
    'in order';
$proxy->forget;

# ---- One that a proxy refuses ----------------------------------------------

$proxy->mode('picky poison');
$answer = request($httpd, 'POST', '/publish',
    headers => ['Content-Type: application/json'],
    body => JSON::PP::encode_json([map {
        {channel => 'a', text => $_}
    } qw(one poison two)]));
is $answer->{status}, 502, 'one of three is refused';
like $answer->{body}, qr/"status 400"/, 'and that is told';
is_deeply [map { /^data: (\w+)$/m } (contents($proxy->items))[-2, -1]],
    [qw(one two)], 'the others were taken';

# ---- A proxy that does not answer ------------------------------------------

$proxy->mode('silent');
my $sse = subscribe($httpd, '/short-events?c=b');
is $sse->next_event(5)->{event}, 'stream-open', 'a direct client';
$before = $proxy->requests;
my @waiting = map {
    publish_beside($httpd, 'b', "b$_", path => '/short')
} 1 .. 4;
my %got = map { $sse->next_event(5)->{data} => 1 } 1 .. 4;
is_deeply [sort keys %got], [qw(b1 b2 b3 b4)], 'local clients have all events';
my @answers = map { $_->() } @waiting;
is scalar(grep { $_->{status} == 502 } @answers), 4,
    'their publishers are told when the time is over';
is scalar(grep { $_->{body} =~ /no answer in time/ } @answers), 4, 'and why';
$proxy->mode('ok');
$proxy->hang_up;
is publish($httpd, 'b', 'b5', path => '/short')->{status}, 200,
    'it answers again';
is_deeply [map { /^data: (b\d)$/m } contents($proxy->items)], ['b5'],
    'what has failed is not sent again';

is $httpd->stop, 0, 'httpd ends well';
done_testing;
