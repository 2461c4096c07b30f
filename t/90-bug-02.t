#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# GRIP items that close channels are published one after the other, and each of
# them waited for a proxy that did not answer: eighty of them held a worker and
# its publisher for eighty times EventStreamGripTimeout.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $CLOSES = 6;

my $proxy = EventStream::FakeProxy->start(mode => 'silent');
my $httpd = EventStream::Httpd->start(conf => <<"CONF");
EventStreamGrip "@{[$proxy->url]}"
EventStreamGripTimeout 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $last = subscribe($httpd, "/events?c=room-$CLOSES");
is $last->next_event(10)->{event}, 'stream-open',
    'a client of the last channel opens';

my @items = map {
    {channel => "room-$_", formats => {'http-stream' => {action => 'close'}}}
} 1 .. $CLOSES;
my $answer = request($httpd, 'POST', '/publish', timeout => 60,
    headers => ['Content-Type: application/json'],
    body => JSON::PP::encode_json({items => \@items}));
my @asked = $proxy->requests;
is $answer->{status}, 502, 'items that the proxy did not take get 502';
like $answer->{body}, qr/no answer in time/, 'the answer gives the reason';
# A request to the proxy takes as long as a publisher waits, and then the next
# one begins. So the number of requests shows how long that was.
cmp_ok scalar(@asked), '<=', 2, 'all items together waited once';
wait_for(sub { $last->fill(0.1); !$last->is_open }, 20,
    'the stream of the last channel ends all the same');

$proxy->mode('ok');
wait_for(sub { publish($httpd, 'other', 'x')->{status} == 200 }, 20,
    'publishing gets 200 when the proxy answers again');
done_testing;
