#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# DELETE ?jti=: the streams of a token end, and the token is refused, for
# streams and for publishing; another token of the same user is not.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Token;

my $secret = 'k' x 32;
my $long = 30;
my $dir = File::Temp->newdir;
chmod 0755, "$dir";
EventStream::Httpd::spew("$dir/key", $secret);
chmod 0600, "$dir/key";
my $httpd = EventStream::Httpd->start(
    mpm_conf => <<'MPM', conf => <<"CONF");
StartServers 2
ServerLimit 2
ThreadsPerChild 8
MaxRequestWorkers 16
MinSpareThreads 16
MaxSpareThreads 16
MPM
EventStreamLog "\@ROOT\@/streams" "%u %X"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamToken key=file:$dir/key
    Require eventstream-token
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamToken key=file:$dir/key
    <RequireAny>
        Require eventstream-token
        Require local
    </RequireAny>
</Location>
<Location "/tokens">
    SetHandler eventstream-publish
    EventStreamToken key=file:$dir/key
    EventStreamPublishFrom 192.0.2.1
    EventStreamControlFrom 192.0.2.1
    Require eventstream-token
</Location>
CONF

sub made
{
    my ($jti, %more) = @_;
    my %rights = (subscribe => ['*'], publish => ['*'], %more);
    return bearer(token($secret, {sub => 'ann', exp => time + 600,
        defined $jti ? (jti => $jti) : (), eventstream => \%rights}));
}

sub opened
{
    my ($token, $query) = @_;
    my $sse = subscribe($httpd, '/events?' . ($query || 'c=a'),
        headers => [$token]);
    $sse->next_event($long) if $sse->status == 200;
    return $sse;
}

sub revoke
{
    my ($query, $token, $path) = @_;
    return request($httpd, 'DELETE', ($path || '/publish') . "?$query",
        headers => [$token || ()])->{status};
}

sub published
{
    return publish($httpd, 'a', 'x', path => '/tokens', headers => [$_[0]])
        ->{status};
}

sub gets
{
    my ($sse, $data) = @_;
    my $event;
    do { $event = $sse->skip_to('message', $long) }
        while $event && $event->{data} ne $data;
    return $event;
}

my ($one, $two, $none) = (made('one'), made('two'), made(undef));
my @one = map { opened($one) } 1 .. 6;
my @others = map { opened($_) } $two, $none;
is scalar(grep { $_->status == 200 } @one, @others), 8, 'tokens are taken';
is published($one), 200, 'and publish';
is revoke('jti=one'), 200, 'a token is revoked';
is scalar(grep { $_->is_ended($long) } @one), 6, 'its streams end';
publish($httpd, 'a', 'on');
is scalar(grep { gets($_, 'on') } @others), 2,
    'those of another token of the user, and of one without id, do not';
my $refused = get($httpd, '/events?c=a', $one);
is $refused->{status}, 401, 'the token is refused';
like $refused->{headers}{'www-authenticate'},
    qr/^Bearer .*error="invalid_token"/, 'with a challenge';
is $refused->{body}, "The token is revoked.\n", 'in words';
is published($one), 401, 'it does not publish';
is published($two), 200, 'another one does';
is opened($two)->status, 200, 'and is taken for streams';
$httpd->graceful;
is opened($one)->status, 401, 'graceful forgets nothing';
$httpd->restart;
is opened($one)->status, 401, 'nor does restart';
is revoke('jti=one&for=0'), 200, 'it is lifted';
is opened($one)->status, 200, 'and taken again';

# ---- Channels and users ----------------------------------------------------

my $both = opened($two, 'c=a&c=b');
my $a = opened($two);
is revoke('jti=two&channel=b'), 200, 'a token is revoked for a channel';
ok $both->is_ended($long), 'a stream with it ends';
publish($httpd, 'a', 'still');
ok gets($a, 'still'), 'another one does not';
is opened($two, 'c=b')->status, 401, 'the channel is refused';
is published($two), 200, 'it publishes to others';
is revoke('user=ann'), 200, 'the user of the token is revoked';
ok $a->is_ended($long), 'all streams of all tokens end';
is opened($none)->status, 403, 'and are refused';
is revoke('user=ann&for=0'), 200, 'until it is lifted';

# ---- Who may ---------------------------------------------------------------

my $control = made('admin', control => JSON::PP::true());
is revoke('jti=x', $one, '/tokens'), 403,
    'a token without control does not revoke';
is revoke('jti=x', $control, '/tokens'), 200, 'one with control does';
is revoke('jti=admin', $control, '/tokens'), 200, 'also itself';
is revoke('jti=y', $control, '/tokens'), 401, 'but then no more';
my $some = made('some', control => JSON::PP::true(), publish => ['a'],
    subscribe => []);
is revoke('jti=y', $some, '/tokens'), 403,
    'one with control of some channels does not revoke for all';

wait_for(sub {
    open my $in, '<', $httpd->root . '/streams' or return 0;
    return (grep { $_ eq "ann revoked\n" } <$in>) >= 6;
}, $long, 'the log has the reason');
is $httpd->faults || '', '', 'no faults';
done_testing;
