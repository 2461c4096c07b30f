#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A channel was closed until a time of day. When the clock was set back by an
# hour, clients that reconnected got 204 for an hour more, and EventSource stops
# for good at that. When the clock was set ahead, the channel was open at once.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;

my $HOUR = 3600;
my $FOR = 2;

my $clock = EventStream::Clock->new;
my $httpd = EventStream::Httpd->start($clock->options, conf => <<'CONF');
EventStreamMaxChannels 2
EventStreamHub default size=256k
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub seconds_left
{
    my $answer = request($httpd, 'GET', '/publish?channel=room');
    return JSON::PP::decode_json($answer->{body})->{channels}[0]{closed};
}

sub status
{
    my $client = subscribe($httpd, '/events?c=room');
    my $status = $client->status;
    $client->close;
    return $status;
}

sub close_channel
{
    my ($seconds) = @_;
    return request($httpd, 'DELETE', "/publish?channel=room&for=$seconds");
}

is close_channel(60)->{status}, 200, 'a channel is closed for a minute';
$clock->step($HOUR);
is status(), 204, 'an hour ahead the channel is still closed';
cmp_ok seconds_left(), '>', 0,
    'an hour ahead the statistics say that it is closed';

is close_channel($FOR)->{status}, 200, 'a channel is closed for two seconds';
$clock->step(-$HOUR);
cmp_ok seconds_left(), '<=', $FOR, 'an hour back it is not closed for longer';
wait_for(sub { status() == 200 }, 20, 'it is open when that time is over');
is seconds_left(), 0, 'the statistics say that it is open';

# A channel that was closed and has no records is forgotten when another one
# needs room, whatever the clock says.
is close_channel($FOR)->{status}, 200, 'a channel is closed again';
$clock->step(-$HOUR);
is publish($httpd, 'other', 'x' x 60000)->{status}, 200,
    'another channel fills the journal'
    for 1 .. 5;    # evicts the record of the end
my $other = subscribe($httpd, '/events?c=other');    # it keeps its slot
$other->next_event(5);
wait_for(sub { publish($httpd, 'third', 'x')->{status} == 200 }, 20,
    'a third channel has room when that time is over');
done_testing;
