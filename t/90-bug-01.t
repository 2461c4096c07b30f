#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A channel was closed until a time of day. When the clock was set back by an
# hour, clients that came again got 204 for an hour more, and no event helped
# them, as EventSource stops for good; set ahead, it was open at once.

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

sub shut
{
    my ($seconds) = @_;
    return request($httpd, 'DELETE', "/publish?channel=room&for=$seconds");
}

is shut(60)->{status}, 200, 'closed for a minute';
$clock->step($HOUR);
is status(), 204, 'an hour ahead it is still closed';
cmp_ok seconds_left(), '>', 0, '... and says so';

is shut($FOR)->{status}, 200, 'closed for two seconds';
$clock->step(-$HOUR);
cmp_ok seconds_left(), '<=', $FOR, 'an hour back it is closed no longer';
wait_for(sub { status() == 200 }, 20, '... and open when that time is over');
is seconds_left(), 0, '... and says so';

# What was closed and is empty gives its place to another, set back or not.
is shut($FOR)->{status}, 200, 'closed again';
$clock->step(-$HOUR);
is publish($httpd, 'other', 'x' x 60000)->{status}, 200, 'one more channel'
    for 1 .. 5;    # the record of the end goes
wait_for(sub { publish($httpd, 'third', 'x')->{status} == 200 }, 20,
    'a third one has room when that time is over');
done_testing;
