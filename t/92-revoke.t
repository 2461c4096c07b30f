#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# DELETE ?user=: the streams of a user end in all children, also held ones and
# those in turns, and new ones are refused for a while. Who may revoke, for
# which channels, and what is refused.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Tls;

# The password of all is "secret".
my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';
my $latin = "m\xfcller";
my $has_filter = EventStream::Httpd->has_module('substitute');
my $long = 60;    # seconds for what takes as long as this machine needs
my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user authz_host status),
        $has_filter ? 'substitute' : ()],
    files => {users => "ann:$hash\nAnn:$hash\nbob:$hash\n$latin:$hash\n"},
    mpm_conf => <<'MPM', conf => <<'CONF');
StartServers 3
ServerLimit 3
ThreadsPerChild 8
MaxRequestWorkers 24
MinSpareThreads 24
MaxSpareThreads 24
MPM
EventStreamLog "@ROOT@/streams" "%u %X"
EventStreamDrain 1
EventStreamHub other
<LocationMatch "^/(?<kind>login|held|other)/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamRetry 2
    EventStreamChannel "{room}" "{?also}"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<LocationMatch "^/other/">
    EventStreamUseHub other
</LocationMatch>
<LocationMatch "^/open/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
</LocationMatch>
<IfModule mod_substitute.c>
    <LocationMatch "^/held/">
        SetOutputFilter SUBSTITUTE
        Substitute "s/a word that no event has/x/n"
    </LocationMatch>
</IfModule>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamPublishLog on
</Location>
<Location "/far">
    SetHandler eventstream-publish
    EventStreamPublishFrom local
    EventStreamControlFrom 192.0.2.1
</Location>
<LocationMatch "^/confined/(?<room>[^/]+)$">
    SetHandler eventstream-publish
    EventStreamChannel "{room}"
</LocationMatch>
<Location "/some">
    SetHandler eventstream-publish
    EventStreamAllowChannel "room-*"
</Location>
<Location "/rules">
    SetHandler eventstream-publish
    Require eventstream-channel "room-*"
</Location>
CONF

sub login
{
    my ($user) = @_;
    return 'Authorization: Basic ' . encode_base64("$user:secret", '');
}

sub opened
{
    my ($path, $user, %opt) = @_;
    my $sse = subscribe($httpd, $path, headers => $user ? [login($user)] : [],
        %opt);
    $sse->next_event($long) if $sse->status == 200;
    return $sse;
}

sub revoke
{
    my ($query, $path) = @_;
    my $answer = request($httpd, 'DELETE', ($path || '/publish') . "?$query");
    $answer->{json} = eval { JSON::PP->new->utf8->decode($answer->{body}) };
    return $answer;
}

sub is_live
{
    my ($name, @streams) = @_;
    my $text = 'proof ' . rand;
    publish($httpd, $_, $text) for qw(a b room-1);
    my $got = grep {
        my $event;
        do { $event = $_->skip_to('message', $long) }
            while $event && $event->{data} ne $text;
        $event;
    } @streams;
    is $got, scalar @streams, $name;
}

# ---- All streams of a user, and no others ----------------------------------

my @ann = map { opened('/login/a', 'ann') } 1 .. 12;
my @others = (opened('/login/a', 'bob'), opened('/login/a', 'Ann'),
    opened('/open/a'));
is_live('all are served', @ann, @others);

my $answer = revoke('user=ann&for=0');
is $answer->{status}, 200, 'a user is revoked';
is_deeply $answer->{json}, {revoked => 'user', name => 'ann', for => 0},
    'the answer states who, and for how long';
is scalar(grep { $_->is_ended($long) } @ann), 12,
    'all streams of the user have a clean end, in all children';
like $ann[0]->bytes, qr/retry: ?[12]\d\d\d\n+\z/,
    'the last thing is a retry time';
is_live('those of other users, of one in other letters, and of none go on',
    @others);

my $again = opened('/login/a', 'ann');
is $again->status, 200, 'for=0 refuses no new stream';
is_live('which stays', $again);

# ---- New ones are refused for a while --------------------------------------

$answer = revoke('user=ann');
is $answer->{json}{for}, 60, 'a user is refused for a minute';
ok $again->is_ended($long), 'the stream has ended';
my $refused = get($httpd, '/login/a', login('ann'));
is $refused->{status}, 403, 'a new stream is refused';
is $refused->{body}, "The streams of this user are revoked.\n", 'in words';
is opened('/login/b', 'ann')->status, 403, 'also one of another channel';
is opened('/other/a', 'ann')->status, 200, 'but not one of another hub';
is opened('/login/a', 'bob')->status, 200, 'nor that of another user';
is request($httpd, 'HEAD', '/login/a', headers => [login('ann')])->{status},
    403, 'HEAD is refused as well';

revoke('user=ann&for=0');
is opened('/login/a', 'ann')->status, 200, 'for=0 lifts it';

my $began = time;
revoke('user=ann&for=1');
my $status = wait_for(
    sub { opened('/login/a', 'ann')->status == 200 && time - $began }, $long);
cmp_ok $status, '>=', 1, 'the time of for= is one second';

# ---- Channels --------------------------------------------------------------

my $both = opened('/login/a?also=b', 'ann');
my $only_a = opened('/login/a', 'ann');
$answer = revoke('user=ann&channel=b&channel=c');
is_deeply $answer->{json}, {revoked => 'user', name => 'ann', for => 60,
    channels => ['b', 'c']}, 'for two channels';
ok $both->is_ended($long), 'a stream with one of the channels ends';
is_live('one without them goes on', $only_a, $others[0]);
is opened('/login/a?also=b', 'ann')->status, 403,
    'a stream with one of the channels is refused';
is opened('/login/a', 'ann')->status, 200, 'one without them is not';
is opened('/login/b', 'bob')->status, 200, 'nor that of another user';
revoke('user=ann&channel=b&channel=c&for=0');
is opened('/login/b', 'ann')->status, 200, 'for=0 of these channels lifts it';

# ---- Held, and HTTP/1.0 ----------------------------------------------------

SKIP: {
    skip 'no mod_substitute', 4 if !$has_filter;
    my @held = map { opened('/held/a', 'ann') } 1 .. 3;
    my $kept = opened('/held/a', 'bob');
    is_live('clients are held for a filter', @held, $kept);
    revoke('user=ann&for=0');
    is scalar(grep { $_->is_ended($long) } @held), 3, 'held streams end';
    like $held[0]->bytes, qr/retry: ?[12]\d\d\d\n+\z/, 'with a retry time';
    is_live('those of others are held on', $kept);
}
my $old = opened('/login/a', 'ann', version => '1.0');
revoke('user=ann&for=0');
ok $old->is_ended($long), 'a stream over HTTP/1.0 ends';
like $old->bytes, qr/retry: ?[12]\d\d\d\n+\z/, 'with a retry time';

# ---- Latin-1 ---------------------------------------------------------------

my $mueller = opened('/login/a', $latin);
is $mueller->status, 200, 'a user whose name is Latin-1';
$answer = revoke('user=m%fcller&for=0');
is $answer->{json}{name}, "m\x{fc}ller", 'is revoked by its bytes';
ok $mueller->is_ended($long), 'and its stream ends';

# ---- Who may not -----------------------------------------------------------

my $bob = opened('/login/a', 'bob');
is revoke('user=bob', '/far')->{status}, 403, 'who has no control may not';
is revoke('user=bob', '/confined/a')->{status}, 403,
    'a Location that is confined to channels does not revoke for all of them';
is revoke('user=bob&channel=b', '/confined/a')->{status}, 403,
    'nor for another one';
is revoke('user=bob', '/some')->{status}, 403,
    'the same with EventStreamAllowChannel';
is revoke('user=bob&channel=a', '/some')->{status}, 403,
    'whose patterns decide';
is revoke('user=bob', '/rules')->{status}, 403, 'and with rules of Require';
is revoke('user=bob&channel=a', '/rules')->{status}, 403, 'which decide';
is revoke('user=bob&channel=room-1&for=0', '/rules')->{status}, 200,
    'it may for a channel of its own';
is_live('the streams of the user go on', $bob);
is revoke('user=bob&channel=a&for=0', '/confined/a')->{status}, 200,
    'and a confined one';
ok $bob->is_ended($long), 'then they end';

# ---- Bad input -------------------------------------------------------------

for (['user=', 'no value'], ['jti=', 'no value'], ['user=a&jti=b', 'both'],
    ['user=a&user=b', 'two users'], ['jti=a&jti=b', 'two tokens'],
    ['user=a%00b', 'NUL'], ['user=a%0ab', 'LF'], ['user=a%7f', 'DEL'],
    ['jti=a%1f', 'a control character'], ['jti=%ff', 'no UTF-8'],
    ['user=' . 'x' x 4097, 'more than 4096 bytes'],
    ['user=a&for=-1', 'a negative time'], ['user=a&for=x', 'a bad time'],
    ['user=a&for=2678401', 'more than 31 days'],
    ['user=a&for=', 'an empty time'],
    ['user=a&channel=', 'an empty channel'],
    ['user=a&channel=b%0a', 'a bad channel']) {
    my ($query, $name) = @$_;
    is revoke($query)->{status}, 400, "$name is refused";
}
is request($httpd, 'DELETE', '/publish?user=' . 'x' x 65536)->{status}, 414,
    'so are 64 KB, by httpd';
is revoke('user=' . 'x' x 4096)->{status}, 200, '4096 bytes are not';
is revoke('user=nobody&for=always')->{json}{for}, 'always',
    'a user may be revoked for ever';
is revoke('jti=abc')->{json}{for}, 'always', 'as a token is';
is revoke('jti=abc&for=5')->{json}{for}, 5, 'unless a time is given';

# ---- What is told ----------------------------------------------------------

my $log = $httpd->error_log;
like $log, qr/audit: DELETE status=200 .* revoked=user:ann /,
    'the publish log names the user';
like $log, qr/audit: DELETE status=200 .*channels=b,c .*revoked=user:ann /,
    'and the channels';
like $log, qr/revoked=user:m%FCller /, 'escaped';
like $log, qr/audit: DELETE status=400 /, 'a refusal has its line';
my $lines = wait_for(sub {
    open my $in, '<', $httpd->root . '/streams' or return;
    local $/;
    my $text = <$in>;
    my $count = () = $text =~ /^ann revoked$/mg;
    return $count >= 15 && $text;
}, $long);
ok $lines, 'EventStreamLog tells the reason';
unlike $lines, qr/^(bob|-) revoked\n.*^(bob|-) revoked$/ms,
    'of those only that were revoked';
is $httpd->faults || '', '', 'the shared memory has no faults';
done_testing;
