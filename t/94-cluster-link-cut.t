#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The link of src/cluster when the network drops its packets: each call keeps
# its deadline, and a link that is idle, or waits for a reply, finds out by
# itself.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::BrokerLink;
use EventStream::Netns;
use EventStream::Redis;

EventStream::BrokerLink->or_skip;
EventStream::Redis->or_skip;

my $netns = EventStream::Netns->new;
my $redis = EventStream::Redis->start(
    password => 'pw', conf => {bind => '127.0.0.1 192.0.2.1'});
my $url = 'redis://:pw@192.0.2.1:' . $redis->port;

sub new_link
{
    my $link = EventStream::BrokerLink->new(
        $netns->in_client);
    like $link->order('open', 20000, $url), qr/^ok /, 'a link is opened';
    return $link;
}

my ($idle, $waiting, $brief) = map { new_link() } 1 .. 3;
$netns->drop_packets;
like $brief->order('call', 500, 'PING'), qr/^timeup/,
    'without packets a command ends at its deadline';
like $brief->order('open', 700, $url), qr/^(?:timeup|error) \S+: /,
    'and no new link is opened';
like $waiting->order('call', 90000, 'PING'), qr/^eof /,
    'a link that waits for a reply fails by itself';
cmp_ok $waiting->took, '<', 60, 'long before its deadline';
like $idle->order('get', 90000), qr/^eof /,
    'an idle one as well, by its probes';

$netns->restore;
like $brief->order('open', 30000, $url), qr/^ok /,
    'when packets pass again a link is opened';
is $brief->order('call', 10000, 'ECHO', 'a'), 'text a', 'and serves';

my $cut = new_link();
$netns->remove_address;
like $cut->order('call', 500, 'PING'), qr/^(?:timeup|eof)/,
    'without an address a command ends, too';

done_testing;
