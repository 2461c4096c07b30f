#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Revocations while children come and go: by graceful and restart, with a child
# that is killed or hangs, and for clients that come in the same moment.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use MIME::Base64 qw(encode_base64);
use POSIX ();
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';    # "secret"
my $long = 60;
need_descriptors(600);
my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user authz_host)],
    files => {users => join '', map { "$_:$hash\n" } qw(ann bob),
        map { "u$_" } 1 .. 20},
    mpm_conf => <<'MPM', conf => <<'CONF');
StartServers 3
ServerLimit 6
ThreadsPerChild 8
MaxRequestWorkers 24
MinSpareThreads 24
MaxSpareThreads 24
MPM
EventStreamDrain 1
<LocationMatch "^/login/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamRetry 10ms
    EventStreamChannel "{room}"
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub opened
{
    my ($user) = @_;
    my $sse = subscribe($httpd, '/login/a', headers =>
        ['Authorization: Basic ' . encode_base64("$user:secret", '')]);
    $sse->next_event($long) if $sse->status == 200;
    return $sse;
}

sub revoke
{
    return request($httpd, 'DELETE', "/publish?$_[0]", timeout => $long)
        ->{status};
}

# How many of these end within the time; the others stay open.
sub ended { return scalar grep { $_->is_ended($long) } @_ }

sub gets
{
    my ($sse, $data) = @_;
    my $event;
    do { $event = $sse->skip_to('message', $long) }
        while $event && $event->{data} ne $data;
    return $event;
}

sub served
{
    my $data = 'proof ' . rand;
    publish($httpd, 'a', $data);
    return scalar grep { gets($_, $data) } @_;
}

# Those whose stream is open do not get what is published.
sub silent
{
    my $data = 'proof ' . rand;
    publish($httpd, 'a', $data);
    return scalar grep { !gets($_, $data) && $_->is_open } @_;
}

sub is_stopped
{
    open my $in, '<', "/proc/$_[0]/stat" or return 0;
    return <$in> =~ /\) T /;
}

# ---- In the middle of a graceful restart -----------------------------------

for my $how (qw(graceful restart)) {
    my @ann = map { opened('ann') } 1 .. 30;
    my @bob = map { opened('bob') } 1 .. 5;
    is served(@ann, @bob), 35, "$how: all are served";
    $httpd->$how(wait => 0);
    sleep rand 0.05;
    # at a restart httpd drops connections that it has not read
    my $status;
    do { $status = eval { revoke('user=ann&for=0') } // 0 }
        until $status || $how eq 'graceful';
    is $status, 200, "$how: revoked in the middle of it";
    is ended(@ann), 30, "$how: all streams of the user end";
    is silent(@bob), 0, "$how: those of another go on";
    $httpd->wait_for(sub { opened('bob')->status == 200 }, $long);
    $_->close for @bob;
}

is revoke('user=ann'), 200, 'a user is refused';
ok $httpd->graceful, 'graceful';
is opened('ann')->status, 403, 'forgets nothing';
ok $httpd->restart, 'restart';
is opened('ann')->status, 403, 'neither';
is revoke('user=ann&for=0'), 200, 'it is lifted';

# ---- A child that is killed, and one that hangs ----------------------------

my @ann = map { opened('ann') } 1 .. 20;
my @children = $httpd->children;
kill STOP => $children[0];
wait_for(sub { is_stopped($children[0]) }, $long); # it accepts no more
is revoke('user=ann&for=0'), 200, 'one child hangs';
ok wait_for(sub { grep { !$_->fill(0.01) && !$_->is_open } @ann }, $long),
    'the others end their streams at once';
kill CONT => $children[0];
is ended(@ann), 20, 'its streams end once it goes on';

@ann = map { opened('ann') } 1 .. 20;
my $victim = ($httpd->children)[0];
my @bob;
ok wait_for(sub {
    push @bob, opened('bob');
    return of_child($victim, @bob) < @bob;
}, $long), 'another user has a stream of another child';
my %dies = map { $_ => 1 } of_child($victim, @bob);
kill KILL => $victim;
is revoke('user=ann&for=0'), 200, 'a child is killed';
ok wait_for(sub { !grep { $_->fill(0.01); $_->is_open } @ann }, $long),
    'no stream of the user is left';
my @safe = grep { !$dies{$_} } @bob;
is served(@safe), scalar @safe, 'those of another in other children go on';

# ---- In the same moment ----------------------------------------------------

# Of each user, clients that come while the user is revoked: a client is refused
# or its stream ends, whatever was first; none stays.
my @left;
for my $user (map { "u$_" } 1 .. 20) {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        sleep rand 0.02;
        POSIX::_exit(revoke("user=$user&for=600") == 200 ? 0 : 1);
    }
    my @came;
    until (waitpid $pid, POSIX::WNOHANG()) {
        push @came, opened($user);
    }
    push @left, $user if $? != 0;
    push @left, $user if grep {
        $_->status != 403 && !($_->status == 200 && $_->is_ended($long))
    } @came;
    push @left, $user if opened($user)->status != 403;
}
is "@left", '', 'a client of the same moment is refused, or its stream ends';
is $httpd->faults || '', '', 'the shared memory has no faults';
done_testing;
