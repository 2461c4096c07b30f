#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A user that is revoked at one server of a clustered hub is revoked at all of
# them, at one that starts later, and at one that was away, also when the stream
# of the broker has dropped the entry.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $long = 60;
my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';    # "secret"
my %node = (
    modules => [qw(status auth_basic authn_file authz_user authz_host)],
    files => {users => "ann:$hash\nbob:$hash\n"});
my $cluster = EventStream::Cluster->start(
    words => 'timeout=2s maxlen=1000', broker => {append => 1},
    options => \%node, conf => <<'CONF');
<LocationMatch "^/login/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
CONF
my ($a, $b) = $cluster->nodes;

sub opened
{
    my ($node, $user, $room) = @_;
    my $sse = subscribe($node, '/login/' . ($room || 'a'),
        headers => ['Authorization: Basic '
            . encode_base64("$user:secret", '')]);
    $sse->next_event($long) if $sse->status == 200;
    return $sse;
}

sub revoke
{
    my ($node, $query) = @_;
    return request($node, 'DELETE', "/publish?$query")->{status};
}

# ---- All nodes -------------------------------------------------------------

my @ann = map { opened($_, 'ann') } $a, $b, $a, $b;
my @bob = map { opened($_, 'bob') } $a, $b;
is revoke($a, 'user=ann'), 200, 'a user is revoked at one server';
is scalar(grep { $_->is_ended($long) } @ann), 4,
    'the streams of both servers end';
is opened($a, 'ann')->status, 403, 'it is refused there';
ok wait_for(sub { opened($b, 'ann')->status == 403 }, $long),
    'and at the other server';
publish($a, 'a', 'on');
is_deeply [map { ($_->skip_to('message', $long) || {})->{data} } @bob],
    ['on', 'on'], 'other users go on, without a reset';
is revoke($b, 'user=ann&for=0'), 200, 'it is lifted at the other server';
is opened($b, 'ann')->status, 200, 'which lets the user in';
ok wait_for(sub { opened($a, 'ann')->status == 200 }, $long),
    'as the first one does';

my ($in, $out) = (opened($b, 'ann', 'in'), opened($b, 'ann', 'out'));
is revoke($a, 'user=ann&channel=out&channel=other&for=0'), 200,
    'for two channels';
ok $out->is_ended($long), 'the stream of a channel ends';
publish($a, 'in', 'on');
is(($in->skip_to('message', $long) || {})->{data}, 'on', 'that of another not');

# ---- Who follows the channel of revocations --------------------------------

my $watch = $cluster->client($b, 'eventstream-revoked');
is revoke($a, 'user=ann&for=0'), 200, 'one more';
my $told = $watch->next_event($long);
is $told->{event}, 'revoked', 'an event tells that somebody was revoked';
unlike $watch->bytes, qr/ann/, 'but not who';

# ---- A server that starts later --------------------------------------------

is revoke($a, 'user=ann&for=600'), 200, 'a user is revoked for a while';
is revoke($a, 'jti=token-1'), 200, 'a token for ever';
is revoke($a, 'user=bob&for=600&channel=x'), 200, 'another for a channel';
is revoke($a, 'user=cyd&for=600'), 200, 'and one who';
is revoke($a, 'user=cyd&for=0'), 200, 'may come again';
my $many = JSON::PP::encode_json(
    [map { {channel => 'a', text => "n$_"} } 1 .. 900]);
is request($a, 'POST', '/publish', body => $many,
    headers => ['Content-Type: application/json'])->{status}, 200,
    'many events' for 1 .. 3;
my $left = $cluster->broker->command('XRANGE', '{eventstream:default}:events',
    '-', '+');
is scalar(grep { "@{$_->[1]}" =~ /eventstream-revoked/ } @$left), 0,
    'the stream has dropped the entries';
my $c = $cluster->start_node;
push @{$cluster->{nodes}}, $c;
$cluster->wait_synced($c);
is opened($c, 'ann')->status, 403, 'a server that starts then knows the user';
is opened($c, 'bob', 'x')->status, 403, 'and the channel';
is opened($c, 'bob')->status, 200, 'but not for others';
my $held = $cluster->broker->command('ZRANGE',
    '{eventstream:default}:revoked', 0, -1);
is scalar @$held, 3, 'the broker keeps those that hold';

# ---- A server that was away ------------------------------------------------

my $bob = opened($b, 'bob');
kill STOP => $b->pid, $b->children;
is revoke($a, 'user=bob&for=1'), 200, 'a server that hangs';
publish($a, 'a', "event $_") for 1 .. 20;
kill CONT => $b->children, $b->pid;
ok $bob->is_ended($long), 'ends the streams once it goes on';

# ---- The places of those of all channels -----------------------------------

my @taken = map { ('+inf', "user\nx\neve-$_") } 1 .. 3072;
$cluster->broker->command('ZADD', '{eventstream:default}:revoked', @taken);
is revoke($a, 'user=dan&channel=x'), 503, 'for a channel there is no place';
is revoke($a, 'user=dan&channel=x&for=0'), 200, 'but to end what there is';
is revoke($a, 'user=dan'), 200, 'and for one of all channels';

is $_->faults || '', '', 'no faults' for $a, $b, $c;
done_testing;
