#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# EventStreamMaxClientsPerUser: at the limit, above it, and back under it, over
# all children; other users, letters, hubs, channels, and a killed child.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use MIME::Base64 qw(encode_base64);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';    # "secret"
my $long = 60;
my $conf = status_conf() . <<'CONF';
EventStreamHub other
<LocationMatch "^/(login|other)$">
    SetHandler eventstream
    EventStreamRetry 2
    EventStreamReplay 5
    EventStreamChannel "{?c}"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<Location "/other">
    EventStreamUseHub other
</Location>
<Location "/open">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $httpd = EventStream::Httpd->start(
    modules => [qw(status auth_basic authn_file authz_user authz_host)],
    files => {users => join '', map { "$_:$hash\n" } qw(ann Ann bob)},
    mpm_conf => <<'MPM', conf => "EventStreamMaxClientsPerUser 3\n$conf");
StartServers 2
ServerLimit 4
ThreadsPerChild 8
MaxRequestWorkers 16
MinSpareThreads 16
MaxSpareThreads 16
MPM

sub opened
{
    my ($user, $path) = @_;
    my $sse = subscribe($httpd, $path || '/login?c=a', headers => $user
        ? ['Authorization: Basic ' . encode_base64("$user:secret", '')] : []);
    $sse->next_event($long);
    return $sse;
}

# Is it served, and not sent away? It gets what is published now.
sub stays
{
    my ($sse) = @_;
    my $data = 'proof ' . rand;
    publish($httpd, 'a', $data);
    my $event;
    do { $event = $sse->skip_to('message', $long) }
        while $event && $event->{data} ne $data;
    return !!$event;
}

sub reached
{
    return get($httpd, '/server-status?auto')->{body}
        =~ /^EventStream\.Reached\.MaxClientsPerUser: (\d+)$/m ? $1 : -1;
}

sub is_sent_away
{
    my ($user, $name) = @_;
    my $before = reached();
    my $sse = opened($user);
    is $sse->status, 200, "$name: a further one gets a stream";
    ok $sse->is_ended($long), "$name: which ends cleanly";
    like $sse->bytes, qr/data: (proof|an event)/, "$name: with what it missed";
    like $sse->bytes, qr/retry: ?[12]\d\d\d\n+\z/, "$name: and a retry time";
    is reached(), $before + 1, "$name: which is counted";
    return;
}

publish($httpd, 'a', 'an event');
my @ann = map { opened('ann') } 1 .. 3;
is scalar(grep { stays($_) } @ann), 3, 'as many as the limit are served';
is_sent_away('ann', 'above it');
ok stays($_), 'another user has a limit of its own' for opened('bob');
ok stays($_), 'so has one in other letters' for opened('Ann');
my @open = map { opened(undef, '/open?c=a') } 1 .. 5;
is scalar(grep { stays($_) } @open), 5, 'who has no user has no limit';
my $other = opened('ann', '/other?c=a');
ok $other->is_ended($long), 'all hubs count together';

(shift @ann)->close;
ok wait_for(sub { my $sse = opened('ann'); stays($sse) && push @ann, $sse },
    $long), 'back under it, another one is served';
is_sent_away('ann', 'at it again');
# a client on its way between children is not counted
ok $httpd->graceful(all => 1), 'graceful';
is scalar(grep { stays($_) } @ann), 3, 'keeps the clients';
$httpd->wait_for(sub { clients($httpd, 'a') == @ann + @open }, $long);
is_sent_away('ann', 'after it');

my ($killed) = grep { my $pid = $_; grep { $_->is_open } of_child($pid, @ann) }
    $httpd->children;
$httpd->kill_child($killed);
my @left = grep { $_->is_open && stays($_) } @ann;
my @more;
ok wait_for(sub {
    my $sse = opened('ann');
    push @more, $sse if stays($sse);
    return @more + @left >= 3;
}, $long), 'the clients of a killed child do not count';
is_sent_away('ann', 'then');
$_->close for @left, @more;

$httpd->rewrite_conf("EventStreamMaxClientsPerUser 0\n$conf");
ok $httpd->graceful, 'without a limit';
my @many = map { opened('ann') } 1 .. 6;
is scalar(grep { stays($_) } @many), 6, 'all are served';
is $httpd->faults || '', '', 'no faults';
done_testing;
