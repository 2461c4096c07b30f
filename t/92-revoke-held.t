#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Revocations of clients over HTTP/2: held, in turns, and over TLS detached.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

plan skip_all => 'needs mod_http2' if !EventStream::Httpd->has_module('http2');
plan skip_all => 'needs a curl that speaks HTTP/2'
    if `curl --version` !~ /^Features:.* HTTP2\b/m;

my $hash = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';    # "secret"
my $long = 60;
my $httpd = EventStream::Httpd->start(
    ssl => 1, h2 => 1,
    modules => [qw(auth_basic authn_file authz_user authz_host)],
    files => {users => "ann:$hash\nbob:$hash\n"},
    mpm_conf => <<'MPM', conf => <<'CONF');
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MinSpareThreads 1
MaxSpareThreads 25
MPM
EventStreamHttp2 hold
EventStreamMaxHeld 2
EventStreamTurn 500ms
<Location "/login">
    SetHandler eventstream
    EventStreamRetry 100ms
    EventStreamChannel a
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub opened
{
    my ($user, %opt) = @_;
    my $sse = subscribe($httpd, '/login', %opt,
        curl => ['-u', "$user:secret"]);
    $sse->next_event($long) if ($sse->status || 0) == 200;
    return $sse;
}

my %ways = (held => {http2 => 1}, detached => {tls => 1});
my (%ann, %bob);
for my $way (sort keys %ways) {
    $ann{$way} = opened('ann', %{$ways{$way}});
    $bob{$way} = opened('bob', %{$ways{$way}});
}
# the two places are taken: these are served in turns
my $turn = opened('ann', http2 => 1);
is request($httpd, 'DELETE', '/publish?user=ann')->{status}, 200,
    'a user is revoked';
ok $ann{$_}->is_ended($long), "its stream that is $_ ends" for sort keys %ways;
ok $turn->is_ended($long), 'and one in turns';
publish($httpd, 'a', 'on');
is(($bob{$_}->skip_to('message', $long) || {})->{data}, 'on',
    "a stream of another that is $_ goes on") for sort keys %ways;
is opened('ann', %{$ways{$_}})->status, 403, "a new one is refused ($_)"
    for sort keys %ways;
is $httpd->faults || '', '', 'no faults';
done_testing;
